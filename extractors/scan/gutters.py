"""Parts images that stand close together on a scanned page, along the gutters between them.

The closing that joins the parts of one image also joins images that are pasted a few points apart. Between them runs a
gutter: a straight band of bare paper from one side of the joined box to the other, with the straight border of an image
along it. A scanner blurs a gutter of two points to a valley, paler than its two sides. The boxes are cut again and
again, across and down in turn (recursive X-Y cut: Nagy and Seth 1984). Boxes are (x0, y0, x1, y1) in pixels of a level
page at about 100 dpi.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from extractors.scan.components import Mask, PixelBox

Levels = npt.NDArray[np.uint8]

BARE = 0.98  # least share of a gutter's row that is bare, or a valley; the rest are specks
VALLEY = 0.5  # difference from the paper, as a share of that on both sides, up to which a pixel lies in a valley
BESIDE = 4  # px: reach of those sides, and depth at which the border lies; the blur of a scan takes its first pixels
BORDER = 0.8  # least share of ink, between its ends, in a row that is the border of an image
PARTS = 12  # parts of one box, at most: what falls into more is one image of a grid, as a solar panel
LENGTH = 0.6  # least length of that border, as a share of the gutter's


def part_images(boxes: Sequence[PixelBox], difference: Levels, ink: Mask, least: int) -> list[PixelBox]:
    """The boxes, cut along their gutters, without the parts that have a side below `least` px.

    `difference` [H, W] is how far each pixel is from the paper, and `ink` [H, W] is 1 where that is more than grain.
    """
    parts = []
    for box in boxes:
        found = _parted(box, difference, ink)
        parts += found if len(found) <= PARTS else [box]
    return [part for part in parts if min(part[2] - part[0], part[3] - part[1]) >= least]


def _parted(box: PixelBox, difference: Levels, ink: Mask) -> list[PixelBox]:
    """The parts of one box, or the box itself where it has no gutter."""
    x0, y0, x1, y1 = box
    inside = np.s_[y0:y1, x0:x1]
    parts = [(x0, y0 + first, x1, y0 + last) for first, last in _bands(difference[inside], ink[inside])]
    if len(parts) == 1:
        parts = [(x0 + first, y0, x0 + last, y1) for first, last in _bands(difference[inside].T, ink[inside].T)]
    if len(parts) == 1:
        return [box]
    return [smaller for part in parts for smaller in _parted(_trimmed(part, ink), difference, ink)]


def _bands(difference: Levels, ink: Mask) -> list[tuple[int, int]]:
    """The first and the last row (exclusive) of each band of a box [H, W] that gutters part from the others."""
    bare = ((ink == 0) | _valleys(np.ascontiguousarray(difference))).mean(axis=1) >= BARE
    edges = np.flatnonzero(np.diff(bare.astype(np.int8), prepend=0, append=0))
    cuts = [
        (int(first), int(last))
        for first, last in edges.reshape(-1, 2)
        if first > 0 and last < len(ink) and (_has_border(ink[:first][::-1]) or _has_border(ink[last:]))
    ]
    ends = [0, *(end for cut in cuts for end in cut), len(ink)]
    return list(zip(ends[::2], ends[1::2], strict=True))


def _valleys(difference: Levels) -> npt.NDArray[np.bool_]:
    """Whether a pixel is much nearer to the paper than pixels a little above and a little below it, [H, W]."""
    reach = np.ones((BESIDE + 1, 1), np.uint8)
    above = cv2.dilate(difference, reach, anchor=(0, BESIDE))
    below = cv2.dilate(difference, reach, anchor=(0, 0))
    return np.asarray(difference <= VALLEY * np.minimum(above, below))


def _has_border(ink: Mask) -> bool:
    """Whether one of the first rows of a mask [H, W] is the straight border of an image."""
    for row in ink[:BESIDE]:
        marked = np.flatnonzero(row)
        length = int(marked[-1] - marked[0]) + 1 if marked.size else 0
        if length >= LENGTH * len(row) and marked.size >= BORDER * length:
            return True
    return False


def _trimmed(box: PixelBox, ink: Mask) -> PixelBox:
    """The box around the ink in a box that has some."""
    x0, y0, x1, y1 = box
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(ink[y0:y1, x0:x1]))
    return (x0 + left, y0 + top, x0 + left + width, y0 + top + height)
