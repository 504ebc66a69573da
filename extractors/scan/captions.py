"""Finds how far a photograph on white reaches on white paper, by drawn frames and captions.

Such a photograph shows no border on a scan, only its object. Where four rules frame the object, they are the border.
Where a caption stands under it, flush left with the photograph as reports set it ("Photo 1"), the photograph reaches
down to the caption and left to its beginning; an object stands about in the middle of its photograph, so the other two
sides lie as far away. A side along which the image's own ink runs is seen, and stays. Boxes are (x0, y0, x1, y1) in
pixels of a level page at about 100 dpi.

The thresholds were set on the scanned reports of the audit sample (`python -m extractors.evaluate ROOT`) and are
measured on other pages by `python -m tests.extractors.scan.composed_scans DATA`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from extractors.geometry import area, intersect, padded
from extractors.model import Box
from extractors.scan.components import Mask, component_boxes

Sides = tuple[bool, bool, bool, bool]  # left, top, right, bottom

WORDS = 17  # px: largest gap between letters and words of a line
LINE = (4, 32)  # px: least and largest height of a line of print
LONG = 40  # line heights: largest width of a caption; a rule is wider
NEAR = 2  # px: print is at least this far from an image
SEEN = 0.6  # least share of a side along which the ink of an image runs where the side is its border
EDGE = 0.02  # share of the image's extent within which the ink of a border lies
REACH = 1.5  # largest distance of a caption's beginning to the left, as a share of the object's longer side
BELOW = 2.75  # largest distance of a caption under the object, as a share of the object's longer side
TALL = 2.0  # largest height / width of the photograph that the caption would frame
FOOTER = 0.95  # share of the page's height below which a line is no caption
ALONE = 1.5  # line heights under a caption in which there is no other line, as there is in a paragraph


def frame_images(boxes: Sequence[Box], ink: Mask, image_ink: Mask, rules: Sequence[Box]) -> list[Box]:
    """The boxes of a page's images with unseen sides moved out to where drawn frames or captions say.

    `ink` and `image_ink` [H, W] are 1 on all ink and on that of the images; `rules` are the boxes of thin straight
    lines.
    """
    lines = [line for line in _lines(np.asarray(ink & (1 - image_ink), np.uint8)) if not _touches(line, boxes)]
    framed = list(boxes)
    for index, box in enumerate(boxes):
        others = [other for number, other in enumerate(framed) if number != index]
        seen = _sides_seen(box, image_ink)
        drawn = _drawn_frame(box, rules, others + [line for line in lines if line[3] - line[1] >= LINE[0]])
        free = [line for line in lines if line[3] <= FOOTER * len(ink) and not _belongs_to_another(line, box, others)]
        caption = _caption(box, free, left_seen=seen[0])
        if drawn:
            framed[index] = tuple(own if side else other for own, other, side in zip(box, drawn, seen, strict=True))  # type: ignore[assignment]
        elif caption:
            framed[index] = _frame(box, seen, caption, image_ink.shape[1], others + lines)
    return framed


def _belongs_to_another(line: Box, box: Box, others: Sequence[Box]) -> bool:
    """Whether the line stands under another image more than under this one, by the width that they share.

    An image that is wholly above this one has its own caption there.
    """

    def shared(image: Box) -> float:
        return max(min(line[2], image[2]) - max(line[0], image[0]), 0.0)

    return any(shared(other) > shared(box) for other in others if box[1] < other[3] <= line[1] + LINE[0])


def _touches(line: Box, boxes: Sequence[Box]) -> bool:
    """Whether the line touches an image, and so is a pale part of it rather than print."""
    return any(area(intersect(padded(line, NEAR), box)) > 0 for box in boxes)


def _drawn_frame(box: Box, rules: Sequence[Box], others: Sequence[Box]) -> Box | None:
    """The box inside the four rules nearest around `box`; None where one is missing or something else is inside."""
    x0, y0, x1, y1 = box
    beside = [r for r in rules if r[3] - r[1] > r[2] - r[0] and r[1] <= y0 + LINE[0] and r[3] >= y1 - LINE[0]]
    along = [r for r in rules if r[2] - r[0] > r[3] - r[1] and r[0] <= x0 + LINE[0] and r[2] >= x1 - LINE[0]]
    left = max((r[2] for r in beside if r[2] <= x0 + LINE[0]), default=None)
    right = min((r[0] for r in beside if r[0] >= x1 - LINE[0]), default=None)
    top = max((r[3] for r in along if r[3] <= y0 + LINE[0]), default=None)
    bottom = min((r[1] for r in along if r[1] >= y1 - LINE[0]), default=None)
    if left is None or top is None or right is None or bottom is None:
        return None
    frame = (left, top, right, bottom)
    inside = padded(frame, -LINE[0])
    return None if any(area(intersect(inside, other)) > 0 for other in others) else frame


def _lines(ink: Mask) -> list[Box]:
    """The boxes of lines of print and of rules."""
    joined = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, WORDS), np.uint8)), np.uint8)
    return [
        (float(x0), float(y0), float(x1), float(y1))
        for x0, y0, x1, y1 in component_boxes(joined)
        if y1 - y0 <= LINE[1] and x1 - x0 >= max(WORDS, y1 - y0)
    ]


def _caption(box: Box, lines: Sequence[Box], *, left_seen: bool) -> Box | None:
    """The line under the box that is its caption, if there is one: it stands alone and begins no farther right.

    Where the left side of the image is seen, the caption begins just there.
    """
    longer = max(box[2] - box[0], box[3] - box[1])
    under = [
        line
        for line in lines
        if LINE[0] <= line[3] - line[1]
        and line[2] - line[0] <= LONG * (line[3] - line[1])
        and -LINE[0] <= line[1] - box[3] <= BELOW * longer
        and box[0] - REACH * longer <= line[0] < box[2]
        and box[3] - box[1] + 2 * (line[1] - box[3]) <= TALL * (box[2] - box[0] + 2 * max(box[0] - line[0], 0.0))
    ]
    if not under:
        return None
    caption = min(under, key=lambda line: line[1])
    height = caption[3] - caption[1]
    next_line = any(
        0 < line[1] - caption[1] < (1 + ALONE) * height and line[0] < caption[2] and line[2] > caption[0]
        for line in lines
    )
    astray = caption[0] > box[0] + height or (left_seen and caption[0] < box[0] - height)
    return None if next_line or astray else caption


def _frame(box: Box, seen: Sides, caption: Box, width: int, others: Sequence[Box]) -> Box:
    """`box` with the sides that are not seen moved out by the caption, on a page `width` px wide, up to `others`."""
    x0, y0, x1, y1 = box
    left_seen, top_seen, right_seen, bottom_seen = seen
    left = x0 if left_seen else min(x0, caption[0])
    bottom = y1 if bottom_seen else max(y1, caption[1] - (caption[3] - caption[1]) / 2)
    right = x1 if right_seen else x1 + (x0 - left)
    top = y0 if top_seen else y0 - (bottom - y1)
    frame = (left, max(top, 0.0), min(right, float(width)), bottom)
    for other in others:  # nothing else lies in a photograph
        frame = _kept_off(frame, box, other)
    return frame


def _sides_seen(box: Box, image_ink: Mask) -> Sides:
    """Whether the image's ink runs along the left, top, right and bottom side."""
    x0, y0, x1, y1 = (round(value) for value in box)
    part = image_ink[y0:y1, x0:x1]
    across, down = max(round(EDGE * (x1 - x0)), 2), max(round(EDGE * (y1 - y0)), 2)
    strips = (part[:, :across].any(axis=1), part[:down].any(axis=0), part[:, -across:].any(axis=1))
    return tuple(bool(strip.mean() >= SEEN) for strip in (*strips, part[-down:].any(axis=0)))  # type: ignore[return-value]


def _kept_off(frame: Box, box: Box, other: Box) -> Box:
    """`frame` cut back to where `other` begins, on the side of `box` on which it lies."""
    if area(intersect(frame, other)) <= 0:
        return frame
    left, top, right, bottom = frame
    if other[3] <= box[1]:
        top = other[3]
    elif other[1] >= box[3]:
        bottom = other[1]
    elif other[2] <= box[0]:
        left = other[2]
    elif other[0] >= box[2]:
        right = other[0]
    return (left, top, right, bottom)
