"""How far a photograph on white reaches on white paper: to its caption.

Such a photograph shows no border on a scan, only its object. Where a caption stands under the object, flush left
with the photograph as reports set it ("Photo 1"), the photograph reaches down to it and left to its beginning; an
object stands about in the middle of its photograph, so the other two sides lie as far away. A side along which the
picture's own ink runs is seen, and stays. Boxes are (x0, y0, x1, y1) in pixels of a level page at about 100 dpi.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import area, intersect, padded
from extractors.model import Box

Mask = npt.NDArray[np.uint8]
Sides = tuple[bool, bool, bool, bool]  # left, top, right, bottom

WORDS = 17  # px: letters and words of a line are at most this far apart
LINE = (4, 32)  # px: height of a line of print
LONG = 40  # line heights: a caption is at most this wide, a rule is wider
NEAR = 2  # px: no print stands so near a picture
SEEN = 0.6  # share of a side along which the picture's ink must run to be its border
EDGE = 0.02  # of the picture's extent: the ink of a border lies this near
REACH = 1.25  # of the object's longer side: farther left or right of it no caption begins
BELOW = 0.5  # of the object's longer side: farther under it no caption stands
FOOTER = 0.95  # of the page's height: what is printed lower is no caption
ALONE = 1.5  # line heights: a caption has no line so near under it, as a paragraph has


def frame_pictures(boxes: Sequence[Box], ink: Mask, pictures: Mask, rules: Sequence[Box]) -> list[Box]:
    """The boxes of a page's pictures with unseen sides moved out to where drawn frames or captions tell.

    `ink` and `pictures` [H, W] are 1 on all ink and on that of the pictures; `rules` are thin straight lines.
    """
    lines = [line for line in _lines(np.asarray(ink & (1 - pictures), np.uint8)) if not _touches(line, boxes)]
    framed = list(boxes)
    for index, box in enumerate(boxes):
        others = [other for number, other in enumerate(framed) if number != index]
        seen = _sides_seen(box, pictures)
        drawn = _drawn_frame(box, rules, others + [line for line in lines if line[3] - line[1] >= LINE[0]])
        free = [line for line in lines if line[3] <= FOOTER * len(ink) and not _is_anothers(line, box, others)]
        caption = _caption(box, free, left_seen=seen[0])
        if drawn:
            framed[index] = tuple(own if side else other for own, other, side in zip(box, drawn, seen, strict=True))  # type: ignore[assignment]
        elif caption:
            framed[index] = _frame(box, seen, caption, pictures.shape[1], others + lines)
    return framed


def _is_anothers(line: Box, box: Box, others: Sequence[Box]) -> bool:
    """Whether the line stands under another picture, and less under this one."""

    def shared(picture: Box) -> float:
        return max(min(line[2], picture[2]) - max(line[0], picture[0]), 0.0)

    return any(shared(other) > shared(box) for other in others if other[3] <= line[1] + LINE[0])


def _touches(line: Box, boxes: Sequence[Box]) -> bool:
    """Whether it is a pale part of a picture rather than print."""
    return any(area(intersect(padded(line, NEAR), box)) > 0 for box in boxes)


def _drawn_frame(box: Box, rules: Sequence[Box], others: Sequence[Box]) -> Box | None:
    """What four rules enclose together with the box, where nothing else is in it."""
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
    """Lines of print, and rules."""
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, WORDS), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    return [
        (float(x), float(y), float(x + width), float(y + height))
        for x, y, width, height, _ in stats[1:count].tolist()
        if height <= LINE[1] and width >= max(WORDS, height)
    ]


def _caption(box: Box, lines: Sequence[Box], *, left_seen: bool) -> Box | None:
    """The line by itself that stands under the box and begins no farther right than it; just with a seen left side."""
    longer = max(box[2] - box[0], box[3] - box[1])
    under = [
        line
        for line in lines
        if LINE[0] <= line[3] - line[1]
        and line[2] - line[0] <= LONG * (line[3] - line[1])
        and -LINE[0] <= line[1] - box[3] <= BELOW * longer
        and box[0] - REACH * longer <= line[0] < box[2]
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
    """`box` with the sides that are not seen moved out, by the caption, on a page so many px wide."""
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


def _sides_seen(box: Box, pictures: Mask) -> Sides:
    """Whether the picture's ink runs along the left, top, right and bottom side."""
    x0, y0, x1, y1 = (round(value) for value in box)
    part = pictures[y0:y1, x0:x1]
    across, down = max(round(EDGE * (x1 - x0)), 2), max(round(EDGE * (y1 - y0)), 2)
    strips = (part[:, :across].any(axis=1), part[:down].any(axis=0), part[:, -across:].any(axis=1))
    return tuple(bool(strip.mean() >= SEEN) for strip in (*strips, part[-down:].any(axis=0)))  # type: ignore[return-value]


def _kept_off(frame: Box, box: Box, other: Box) -> Box:
    """`frame` cut back on the side of `box` where `other` lies."""
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
