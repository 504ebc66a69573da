"""Tells one photograph as wide as the page, of which a side fades into white, from a scanned page with images on it.

read_scan() takes the faint part for paper and finds the rest. Where that reaches the rims of the raster, as photographs
on a page seldom do, where it ends without an edge, and where nothing is printed beside it, it is one photograph.

The thresholds were chosen on 60 catalogue photographs, each faded to white at its left, its top, its upper half and all
around: 204 of 240 are read whole (43 without this module; of a product on white the rest is enough), and of 60 laid on
the corner of an empty sheet of paper one, white on white, is taken for the sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import enclose
from extractors.model import Box
from extractors.scan.photographs import GAP, LONG_SIDE, MARGIN
from extractors.scan.skew import Upright

RIMS = 2  # number of the raster's four sides that a photograph reaches, when it fades at the others
NEAR = 0.02  # share of the longer side: distance from a rim at which it is reached; read_scan() leaves MARGIN out
STEP = 48  # grey levels from a pixel to the next: print and the edges of photographs have more, what fades has less
MARKS = 40  # px of such steps, at LONG_SIDE, that are a speck or two: a word has more
EDGED = 0.25  # share of a side with such steps from which on it is an edge

Steps = npt.NDArray[np.uint8]


def is_one_photograph(page: Upright, found: Sequence[Box], *, fading: bool) -> bool:
    """Whether a page-wide raster, on which read_scan() has `found` boxes in its pixels, is one photograph.

    `fading` says that a soft mask lets its rim fade, as no scan has: then it may fade at all sides.
    """
    if not found:
        return False
    height, width = page.raster.shape[:2]
    near = NEAR * max(height, width)
    x0, y0, x1, y1 = enclose(found)
    if not fading and (x0 <= near) + (y0 <= near) + (x1 >= width - near) + (y1 >= height - near) < RIMS:
        return False
    factor = min(1.0, LONG_SIDE / max(height, width))
    small = cv2.resize(page.part((0, 0, width, height)), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    steps = np.asarray(cv2.morphologyEx(small, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).max(axis=2), np.uint8)
    margin = max(round(MARGIN * max(steps.shape)), 1)
    inner = np.zeros_like(steps)
    inner[margin:-margin, margin:-margin] = steps[margin:-margin, margin:-margin]
    sides = [np.zeros(1, np.bool_)]
    beside = inner.copy()
    for box in found:
        left, top, right, bottom = (round(side * factor) for side in box)
        beside[max(top - GAP, 0) : bottom + GAP, max(left - GAP, 0) : right + GAP] = 0
        sides += _sides(steps, (left, top, right, bottom), round(near * factor))
    edged = np.concatenate(sides).mean()
    return bool(edged < EDGED and (beside > STEP).sum() <= MARKS)


def _sides(steps: Steps, box: tuple[int, int, int, int], near: int) -> Iterator[npt.NDArray[np.bool_]]:
    """For each side of the box that is no rim, whether there is a step across it, [length]."""
    left, top, right, bottom = box
    for lines, ends, (start, end) in ((steps.T, (left, right), (top, bottom)), (steps, (top, bottom), (left, right))):
        for at in ends:
            if near < at < len(lines) - near:
                yield lines[max(at - GAP, 0) : at + GAP, start:end].max(axis=0) > STEP
