"""Finds the angle at which a page lies on a scan, and turns the page back.

Counted along its lines of print, a page has full rows and empty ones, and the sum of squares of the counts is largest
(Postl 1986, "Detection of linear oblique structures and skew scan in digitized documents"). Rows are counted along
sheared lines, which for a few degrees are about the same as turned ones.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import enclose
from extractors.model import Box, Pixels
from extractors.scan.components import Mask, without_larger

STEEPEST = 6.0  # degrees: largest angle that is looked for, either way
COARSE, FINE = 0.5, 0.05  # degrees: steps of the first and of the second search
LEAST = 0.2  # degrees: a page turned less is left as it is, so that its pixels are not resampled
POINTS = 20_000  # pixels of print that are counted, about; with fewer than LEAST_POINTS there is no print
LEAST_POINTS = 100
WORD = (160, 40)  # px at 100 dpi: largest width and height of a mark that is print
GAIN = 1.05  # sum of squares at the best angle / at 0 from which on the page is turned


def skew(print_mask: Mask) -> float:
    """The degrees by which the lines of a mask of print [H, W] fall to the right; 0 where there are none."""
    letters = cv2.findNonZero(without_larger(print_mask, *WORD))  # a long stroke of a pen would outvote the lines
    if letters is None:
        return 0.0
    x, y = letters.reshape(-1, 2)[:: max(len(letters) // POINTS, 1)].T.astype(np.float64)
    if len(y) < LEAST_POINTS:
        return 0.0

    def clarity(degrees: float) -> float:
        rows = np.rint(y - x * math.tan(math.radians(degrees))).astype(np.int64)
        return float(np.square(np.bincount(rows - rows.min()), dtype=np.float64).sum())

    level = clarity(0.0)
    best = max(np.arange(-STEEPEST, STEEPEST + COARSE / 2, COARSE).tolist(), key=clarity)
    best = max((best + np.arange(-COARSE, COARSE + FINE / 2, FINE)).tolist(), key=clarity)
    return float(best) if LEAST <= abs(best) < STEEPEST and clarity(best) >= GAIN * level else 0.0


def turn_back(pixels: Pixels, degrees: float) -> Pixels:
    """The page [H, W, C], of which the lines fall by `degrees`, made level about its middle at its own size.

    The corners that come into view repeat the edge of the scan.
    """
    height, width = pixels.shape[:2]
    return _warped(pixels, _to_raster(width, height, degrees), width, height)


class Upright:
    """A page [H, W, 3] of which the lines fall by `degrees`, made level as turn_back() does; only what is asked for."""

    def __init__(self, raster: Pixels, degrees: float) -> None:
        self.raster = raster
        self.degrees = degrees
        height, width = raster.shape[:2]
        self.to_raster = _to_raster(width, height, degrees)  # maps its pixels to those of the scan

    def part(self, box: Box) -> Pixels:
        """The pixels in a box on the level page, to the nearest whole ones."""
        x0, y0, x1, y1 = (max(round(side), 0) for side in box)
        height, width = self.raster.shape[:2]
        x1, y1 = min(x1, width), min(y1, height)
        if not self.degrees:
            return self.raster[y0:y1, x0:x1]
        moved = self.to_raster.copy()
        moved[:, 2] = self.to_raster @ (x0, y0, 1)
        return _warped(self.raster, moved, x1 - x0, y1 - y0)

    def raster_box(self, box: Box) -> Box:
        """The box on the scan that encloses a box on the level page."""
        x0, y0, x1, y1 = box
        corners = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)]) @ self.to_raster.T
        return enclose([(float(x), float(y), float(x), float(y)) for x, y in corners])


def _to_raster(width: int, height: int, degrees: float) -> npt.NDArray[np.float64]:
    """The matrix [2, 3] that maps pixels of the level page to those of the scan."""
    if degrees == 0:
        return np.eye(2, 3)
    return np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0), np.float64)


def _warped(pixels: Pixels, to_source: npt.NDArray[np.float64], width: int, height: int) -> Pixels:
    """An image of this size whose pixels `to_source` [2, 3] maps to those of `pixels`."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (width, height)
    return np.asarray(cv2.warpAffine(pixels, to_source, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.uint8)
