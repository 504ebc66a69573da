"""Pictures on a scanned page: where the page's raster is neither paper nor print.

The paper is a smooth surface fitted to the pixels near it (light falls off over a page, and a large photograph must
not pull it along). What differs from it is ink; opening removes text and rules, closing joins the parts of a
picture, and components of a picture's size remain. Whether one is a photograph is photo.py's business.
Works at about 100 dpi of an A4 page; boxes are in pixels of the raster that was given.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import area, enclose, intersect
from extractors.model import Box
from extractors.paint import Pixels

LONG_SIDE = 1170  # px of the working copy
TEXT = 9  # px: an opening of this size removes print, bold print too, and rules
GAP = 9  # px: parts of one picture are at most this far apart
CORE = 19  # px: every picture has a part this wide
MIN_SIDE = 36  # px of the working copy, half an inch at 100 dpi with some margin below
MARGIN = 0.012  # of the long side: dark edges of a scan are this wide at most

Plane = npt.NDArray[np.float32]


def find_pictures(pixels: Pixels) -> list[Box]:
    """Boxes (in pixels) of the pictures on a scanned page [H, W, 3], top to bottom."""
    factor = min(1.0, LONG_SIDE / max(pixels.shape[:2]))
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    page = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    mask = _picture_mask(page)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes: list[Box] = [
        (float(x), float(y), float(x + width), float(y + height)) for x, y, width, height, _ in stats[1:count].tolist()
    ]
    kept = [box for box in _merged(boxes) if min(box[2] - box[0], box[3] - box[1]) >= MIN_SIDE]
    kept.sort(key=lambda box: (box[1], box[0]))
    return [(x0 / factor, y0 / factor, x1 / factor, y1 / factor) for x0, y0, x1, y1 in kept]


def _picture_mask(page: Pixels) -> npt.NDArray[np.uint8]:
    """1 where the page shows a picture, [H, W]."""
    smooth = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.8), np.float32)
    difference: Plane = np.abs(smooth - _paper(smooth)).max(axis=2)
    near = difference[difference < 16]
    noise = 1.48 * float(np.median(near)) if near.size else 0.0
    ink = (difference > min(max(5 * noise, 8.0), 26.0)).astype(np.uint8)
    margin = round(MARGIN * max(page.shape[:2]))
    ink[:margin] = ink[-margin:] = 0
    ink[:, :margin] = ink[:, -margin:] = 0
    for operation, side in ((cv2.MORPH_OPEN, TEXT), (cv2.MORPH_CLOSE, GAP), (cv2.MORPH_OPEN, CORE)):
        ink = np.asarray(cv2.morphologyEx(ink, operation, np.ones((side, side), np.uint8)), np.uint8)
    return ink


def _paper(page: Plane) -> Plane:
    """The page as it would be without ink: a quadratic surface for each channel, [H, W, 3]."""
    height, width = page.shape[:2]
    small = np.asarray(cv2.resize(page, (96, 128), interpolation=cv2.INTER_AREA), np.float32)
    y, x = np.mgrid[-1:1:128j, -1:1:96j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)
    colours = small.reshape(-1, 3)
    grey = colours.mean(axis=1)
    bright = np.bincount(grey.astype(np.int64), minlength=256)
    bright[:128] = 0
    surface = np.broadcast_to(
        colours[np.abs(grey - bright.argmax()) <= 2].mean(axis=0) if bright.any() else colours.max(axis=0),
        colours.shape,
    )
    for reach in (24.0, 12.0, 8.0):
        paper = np.abs(colours - surface).max(axis=1) < reach
        if paper.sum() < 200:
            break
        fitted, *_ = np.linalg.lstsq(terms[paper], colours[paper], rcond=None)
        surface = terms @ fitted
    plane = surface.reshape(128, 96, 3).astype(np.float32)
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes that overlap become one, until none do."""
    boxes = list(boxes)
    index = 0
    while index < len(boxes):
        touching = [other for other in range(index + 1, len(boxes)) if area(intersect(boxes[index], boxes[other])) > 0]
        if touching:
            boxes[index] = enclose([boxes[index], *(boxes[other] for other in touching)])
            boxes = [box for other, box in enumerate(boxes) if other not in touching]
            index = 0
        else:
            index += 1
    return boxes
