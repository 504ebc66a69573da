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

from extractors.geometry import area, intersect
from extractors.model import Box

Mask = npt.NDArray[np.uint8]

WORDS = 17  # px: letters and words of a line are at most this far apart
LINE = (4, 32)  # px: height of a line of print
LONG = 40  # line heights: a caption is at most this wide, a rule is wider
SEEN = 0.6  # share of a side along which the picture's ink must run to be its border
EDGE = 0.02  # of the picture's extent: the ink of a border lies this near
REACH = 1.25  # of the object's longer side: farther left or right of it no caption begins
BELOW = 0.5  # of the object's longer side: farther under it no caption stands
ALONE = 1.5  # line heights: a caption has no line so near under it, as a paragraph has


def frame_pictures(boxes: Sequence[Box], ink: Mask, pictures: Mask) -> list[Box]:
    """The boxes of a page's pictures with unseen sides moved out to where captions tell.

    `ink` and `pictures` [H, W] are 1 on all ink and on that of the pictures.
    """
    lines = _lines(np.asarray(ink & (1 - pictures), np.uint8))
    framed = list(boxes)
    for index, box in enumerate(boxes):
        caption = _caption(box, lines)
        if caption:
            others = [other for number, other in enumerate(framed) if number != index]
            framed[index] = _frame(box, caption, pictures, others + lines)
    return framed


def _lines(ink: Mask) -> list[Box]:
    """Lines of print, and rules."""
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, WORDS), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    return [
        (float(x), float(y), float(x + width), float(y + height))
        for x, y, width, height, _ in stats[1:count].tolist()
        if height <= LINE[1] and width >= max(WORDS, height)
    ]


def _caption(box: Box, lines: Sequence[Box]) -> Box | None:
    """The line by itself that stands under the box and begins no farther right than it."""
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
    return None if next_line or caption[0] > box[0] + height else caption


def _frame(box: Box, caption: Box, pictures: Mask, others: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = box
    left_seen, top_seen, right_seen, bottom_seen = _sides_seen(box, pictures)
    left = x0 if left_seen else min(x0, caption[0])
    bottom = y1 if bottom_seen else max(y1, caption[1] - (caption[3] - caption[1]) / 2)
    right = x1 if right_seen else x1 + (x0 - left)
    top = y0 if top_seen else y0 - (bottom - y1)
    frame = (left, max(top, 0.0), min(right, float(pictures.shape[1])), bottom)
    for other in others:  # nothing else lies in a photograph
        frame = _kept_off(frame, box, other)
    return frame


def _sides_seen(box: Box, pictures: Mask) -> tuple[bool, bool, bool, bool]:
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
