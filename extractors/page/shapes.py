"""Tells the shapes of a page that are drawn from those that are its furniture.

Rules, table grids, frames, form boxes and bars have no curves and no oblique lines (a rounded box only at its corners);
letters converted to outlines stand in rows; shapes on an image (arrows, a frame) belong to the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from extractors.geometry import area, padded
from extractors.model import Box
from extractors.page.strokes import Strokes

SLANT = 0.02  # short side / long side of a line's box up to which the line is axis-parallel
CORNERS = 8  # largest number of curves in a rounded box
STEPS = 20  # number of axis-parallel lines in one shape from which on it is a plot, not a table
PAGE_WIDE = 0.6  # share of the page from which on a simple shape is its frame or background
SIMPLE = 50  # number of segments from which on a shape is no longer simple
LETTER = 24.0  # points: largest height of letters in outlines
ROW = 6  # least number of letters in a row
LETTER_GAP = (-0.3, 1.5)  # least and largest distance of letters in a row, in median heights
IN_GAP = 0.6  # least share of the distances in a row that are so
GAP = 9.0  # points: largest distance between parts of one figure

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class Segments:
    """The N segments of a page with measures of each, and of the S shapes that have a segment.

    `low` and `high` [N, 2] are the corners of the segments, `boxes` [S, 4] those of the shapes; `count`, `curves` and
    `obliques` [S] are numbers of segments. `shapes` [S] are the shapes' indices among all, `shape` [N] those in S.
    """

    def __init__(self, strokes: Strokes) -> None:
        self.ends = strokes.ends
        self.shapes, first, self.shape = np.unique(strokes.shape, return_index=True, return_inverse=True)
        self.low = np.minimum(self.ends[:, :2], self.ends[:, 2:])
        self.high = np.maximum(self.ends[:, :2], self.ends[:, 2:])
        sides = self.high - self.low
        oblique: Flags = sides.min(axis=1) > SLANT * sides.max(axis=1)
        self.slanted: Flags = np.logical_or(strokes.curved, oblique)
        self.boxes: Floats = np.hstack([np.minimum.reduceat(self.low, first), np.maximum.reduceat(self.high, first)])
        self.count = np.bincount(self.shape)
        self.curves = np.bincount(self.shape, strokes.curved)
        self.obliques = np.bincount(self.shape, self.slanted) - self.curves

    def inside(self, box: Box) -> Flags:
        """Whether each segment lies in the box, [N]."""
        x0, y0, x1, y1 = padded(box, 1.0)
        within: Flags = np.logical_and(self.low >= (x0, y0), self.high <= (x1, y1)).min(axis=1)
        return within


class Kinds:
    """Which of the shapes [S] are `drawn` and which are `ruled`: axis-parallel lines, boxes with round corners or not.

    Excluded shapes are neither: page-wide ones, those on images and `letters`, which are boxes in points.
    """

    def __init__(self, segments: Segments, filled: Flags, page: Box, images: Sequence[Box]) -> None:
        straight = segments.count - segments.curves - segments.obliques
        level = segments.obliques == 0
        rules = level & (segments.curves == 0) & (segments.count < STEPS)
        rules |= level & (segments.curves <= 2 * CORNERS) & (straight >= 2)
        sides = segments.boxes[:, 2:] - segments.boxes[:, :2]
        wide = (sides.prod(axis=1) >= PAGE_WIDE * area(page)) & (segments.count < SIMPLE)
        excluded = wide | _on_images(segments.boxes, images, page)
        letters = filled & (sides.max(axis=1) <= 2 * LETTER) & ~rules & ~excluded
        letters = _in_rows(segments.boxes, letters) | _in_rows(segments.boxes[:, [1, 0, 3, 2]], letters)
        excluded |= letters
        self.letters = [padded(tuple(box), 1.0) for box in segments.boxes[letters].tolist()]
        self.drawn: Flags = ~rules & ~excluded
        self.ruled: Flags = rules & ~excluded


def _on_images(boxes: Floats, images: Sequence[Box], page: Box) -> Flags:
    """Which shapes [S] touch an image and are at most twice its area: its frame, arrows on it."""
    found = np.zeros(len(boxes), np.bool_)
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 1).prod(axis=1)
    for image in images:
        if area(image) < PAGE_WIDE * area(page):
            x0, y0, x1, y1 = padded(image, GAP)
            found |= meeting(boxes, (x0, y0, x1, y1)) & (sizes <= 2 * area((x0, y0, x1, y1)))
    return found


def _in_rows(boxes: Floats, candidates: Flags) -> Flags:
    """Which of the candidate shapes [S] stand side by side on one baseline and have the height of letters."""
    found = np.zeros(len(boxes), np.bool_)
    indices = np.flatnonzero(candidates & (boxes[:, 3] - boxes[:, 1] <= LETTER))
    indices = indices[np.lexsort((boxes[indices, 0], np.round(boxes[indices, 3])))]
    starts = np.flatnonzero(np.diff(np.round(boxes[indices, 3]), prepend=np.nan) != 0)
    for row in np.split(indices, starts[1:]):
        if len(row) < ROW:
            continue
        height = float(np.median(boxes[row, 3] - boxes[row, 1]))
        gaps = boxes[row[1:], 0] - boxes[row[:-1], 2]
        beside = (gaps <= LETTER_GAP[1] * height) & (gaps >= LETTER_GAP[0] * height)
        if beside.mean() >= IN_GAP:
            x0, x1 = boxes[row, 0].min() - height, boxes[row, 2].max() + height
            top, bottom = boxes[row, 1].min() - height / 2, boxes[row, 3].max() + height / 2
            within = (boxes[:, 0] >= x0) & (boxes[:, 2] <= x1) & (boxes[:, 1] >= top) & (boxes[:, 3] <= bottom)
            found |= candidates & within
    return found


def meeting(boxes: npt.NDArray[np.floating], box: Box) -> Flags:
    """Whether each of the boxes [N, 4] meets `box`, [N]."""
    x0, y0, x1, y1 = box
    met: Flags = (boxes[:, 0] <= x1) & (boxes[:, 2] >= x0) & (boxes[:, 1] <= y1) & (boxes[:, 3] >= y0)
    return met
