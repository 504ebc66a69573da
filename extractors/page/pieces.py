"""Joins the painted images that are pieces of one image, cut in strips or tiles or painted in layers (union-find).

Two painted images join where they abut along an equal side: at once if one of them is a thin strip, otherwise only if
the step across the seam is like the steps beside it (two photographs may touch). They also join where their boxes are
about the same (layers).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from pymupdf import mupdf

from extractors.geometry import area, iou
from extractors.model import Box, Pixels
from extractors.page.paint import paint_group
from extractors.page.painted import PaintedImage

TOLERANCE = 1.0  # points: two pieces, or their sides, are at most this far apart
STRIP = 3.0  # length / thickness from which on a piece is a strip
LAYER_IOU = 0.9  # intersection over union from which on two boxes are layers of one image
SEAM_SIDE = 128  # px: length at which the two sides of a seam are compared
STEP = 2.0  # a seam may step by this factor more than the rows beside it,
STEP_LEVELS = 4.0  # and by this many grey levels


def join_pieces(images: Sequence[PaintedImage]) -> list[list[int]]:
    """Groups of indices into `images`, one for each image of the page, in painting order and by their first member."""
    parent = list(range(len(images)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for a, b in _neighbours([image.box for image in images]):
        if root(a) != root(b) and _belong(images[a], images[b]):
            parent[max(root(a), root(b))] = min(root(a), root(b))
    groups: dict[int, list[int]] = {}
    for index in range(len(images)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _neighbours(boxes: Sequence[Box]) -> list[tuple[int, int]]:
    """Pairs of indices of boxes that touch or overlap, by a sweep over the left edges."""
    order = sorted(range(len(boxes)), key=lambda index: boxes[index][0])
    pairs, active = [], list[int]()
    for index in order:
        x0, y0, _, y1 = boxes[index]
        active = [other for other in active if boxes[other][2] >= x0 - TOLERANCE]
        pairs += [
            (other, index)
            for other in active
            if boxes[other][1] <= y1 + TOLERANCE and boxes[other][3] >= y0 - TOLERANCE
        ]
        active.append(index)
    return pairs


def _belong(a: PaintedImage, b: PaintedImage) -> bool:
    """Whether two neighbours are pieces of one image."""
    if iou(a.box, b.box) >= LAYER_IOU:
        return True
    for axis in (0, 1):  # 0: one above the other; 1: side by side
        first, second = sorted((a, b), key=lambda image: image.box[1 - axis])
        if _abut(first.box, second.box, axis):
            length = first.box[axis + 2] - first.box[axis]
            thickness = min(_extent(first.box, 1 - axis), _extent(second.box, 1 - axis))
            return length >= STRIP * thickness or _continuous(first, second, axis)
    return False


def _abut(first: Box, second: Box, axis: int) -> bool:
    """Whether the boxes have a side of equal place and length in common; axis 0 is one above the other."""
    same_side = abs(first[axis] - second[axis]) <= TOLERANCE and abs(first[axis + 2] - second[axis + 2]) <= TOLERANCE
    gap = second[1 - axis] - first[3 - axis]
    return same_side and abs(gap) <= TOLERANCE and area(first) > 0 and area(second) > 0


def _extent(box: Box, axis: int) -> float:
    """The width (axis 0) or height (axis 1) of a box."""
    return box[axis + 2] - box[axis]


def _continuous(first: PaintedImage, second: PaintedImage, axis: int) -> bool:
    """Whether the step across the seam is like the steps beside it, in mean grey levels."""
    if not (first.plain and second.plain):
        return False
    try:
        above, below = _rows(first, axis)[-3:], _rows(second, axis)[:3]
    except mupdf.FzErrorBase:  # reported when the image itself is read
        return False
    across = np.abs(above[-1] - below[0]).mean()
    beside = max(np.abs(np.diff(above, axis=0)).mean(), np.abs(np.diff(below, axis=0)).mean())
    return bool(across <= STEP * beside + STEP_LEVELS)


def _rows(image: PaintedImage, axis: int) -> npt.NDArray[np.float32]:
    """The image painted alone, [rows, SEAM_SIDE, 3], turned so that the seam runs along a row."""
    pixels: Pixels = paint_group([image], SEAM_SIDE * 4)
    if axis == 1:
        pixels = np.ascontiguousarray(pixels.transpose(1, 0, 2))
    height = max(pixels.shape[0], 3)
    return np.asarray(cv2.resize(pixels, (SEAM_SIDE, height), interpolation=cv2.INTER_AREA), np.float32)
