"""Finds the angle at which a page lies on a scan, and turns the page back.

Counted along its lines of print, a page has full rows and empty ones, and the sum of squares of the counts is largest
(Postl 1986, "Detection of linear oblique structures and skew scan in digitized documents"). Rows are counted along
sheared lines, which for a few degrees are about the same as turned ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import enclose
from extractors.model import Box, Pixels

STEEPEST = 6.0  # degrees: largest angle that is looked for, either way
COARSE, FINE = 0.5, 0.05  # degrees: steps of the first and of the second search
LEAST = 0.2  # degrees: a page turned less is left as it is, so that its pixels are not resampled
POINTS = 20_000  # pixels of print that are counted, about; with fewer than LEAST_POINTS there is no print
LEAST_POINTS = 100
WORD = (160, 40)  # px at 100 dpi: largest width and height of a mark that is print
GAIN = 1.05  # sum of squares at the best angle / at 0 from which on the page is turned


def skew(print_mask: npt.NDArray[np.uint8]) -> float:
    """The degrees by which the lines of a mask of print [H, W] fall to the right; 0 where there are none."""
    y, x = np.nonzero(_letters(print_mask))
    step = max(len(y) // POINTS, 1)
    y, x = y[::step].astype(np.float64), x[::step].astype(np.float64)
    if len(y) < LEAST_POINTS:
        return 0.0

    def clarity(degrees: float) -> float:
        rows = np.rint(y - x * math.tan(math.radians(degrees))).astype(np.int64)
        return float(np.square(np.bincount(rows - rows.min()), dtype=np.float64).sum())

    level = clarity(0.0)
    best = max(np.arange(-STEEPEST, STEEPEST + COARSE / 2, COARSE).tolist(), key=clarity)
    best = max((best + np.arange(-COARSE, COARSE + FINE / 2, FINE)).tolist(), key=clarity)
    return float(best) if LEAST <= abs(best) < STEEPEST and clarity(best) >= GAIN * level else 0.0


def _letters(print_mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """The mask [H, W] of marks no larger than words: a long stroke of a pen or a chart would outvote the lines."""
    _, label, stats, _ = cv2.connectedComponentsWithStats(print_mask, connectivity=8)
    small = (stats[:, cv2.CC_STAT_WIDTH] <= WORD[0]) & (stats[:, cv2.CC_STAT_HEIGHT] <= WORD[1])
    small[0] = False
    return np.asarray(small[label], np.bool_)


@dataclass(frozen=True)
class Upright:
    """A page turned back about its middle, at its own size; `to_raster` [2, 3] maps its pixels to those of the scan."""

    pixels: Pixels
    to_raster: npt.NDArray[np.float64]

    def raster_box(self, box: Box) -> Box:
        """The box on the scan that encloses a box on the upright page."""
        x0, y0, x1, y1 = box
        corners = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)]) @ self.to_raster.T
        return enclose([(float(x), float(y), float(x), float(y)) for x, y in corners])


def turn_back(pixels: Pixels, degrees: float) -> Upright:
    """The page [H, W, 3] or mask [H, W] of which the lines fall by `degrees`, made level.

    The corners that come into view repeat the edge of the scan.
    """
    if degrees == 0:
        return Upright(pixels, np.eye(2, 3))
    height, width = pixels.shape[:2]
    to_raster = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    turned = cv2.warpAffine(
        pixels,
        to_raster,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return Upright(np.asarray(turned, np.uint8), np.asarray(to_raster, np.float64))
