"""Pictures on a scanned page: where the page's raster is neither paper nor print.

The paper is a smooth surface fitted to the pixels near it (light falls off over a page, and a large photograph must
not pull it along). What differs from it is ink; opening removes text and rules, closing joins the parts of a
picture, and components of a picture's size remain. A photograph on white has no border to see on white paper:
captions.py says how far it reaches. Whether a picture is a photograph is classify.py's business.
Works at about 100 dpi of an A4 page; boxes are in pixels of the raster that was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import area, enclose, intersect
from extractors.model import Box, Pixels
from extractors.scan.captions import frame_pictures
from extractors.scan.skew import Upright, skew, turn_back

LONG_SIDE = 1170  # px of the working copy
TEXT = 9  # px: an opening of this size removes print, bold print too, and rules
GAP = 9  # px: parts of one picture are at most this far apart
RULE = 80  # px: a thin straight line of this length is a rule, no part of a picture
DARK = 40  # grey levels from the paper: nothing that a scanner or JPEG leaves beside ink
CORE = 19  # px: every picture has a part this wide
MIN_SIDE = 36  # px of the working copy, half an inch at 100 dpi with some margin below
MARGIN = 0.012  # of the long side: dark edges of a scan are this wide at most

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scan:
    """A scanned page made level, and the boxes of its pictures in its pixels, top to bottom."""

    page: Upright
    boxes: list[Box]


def read_scan(pixels: Pixels) -> Scan:
    """The pictures of a scanned page [H, W, 3]."""
    factor = min(1.0, LONG_SIDE / max(pixels.shape[:2]))
    difference = _difference(_resized(pixels, factor))
    ink, dark = _ink(difference), (difference > DARK).astype(np.uint8)
    angle = skew(ink & (1 - _whole(_picture_mask(ink), dark)))
    ink, dark = turn_back(ink, angle).pixels, turn_back(dark, angle).pixels
    pictures = _whole(_picture_mask(ink), dark)
    boxes = sorted(_merged(_components(pictures)), key=lambda box: (box[1], box[0]))
    across, down = _rules(ink)
    framed = frame_pictures(boxes, ink, pictures, _components(across) + _components(down))
    return Scan(
        turn_back(pixels, angle), [(x0 / factor, y0 / factor, x1 / factor, y1 / factor) for x0, y0, x1, y1 in framed]
    )


def _resized(pixels: Pixels, factor: float) -> Pixels:
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _difference(page: Pixels) -> Plane:
    """How far the page is from its paper, in grey levels, [H, W]; the dark edges of a scan are none."""
    smooth = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.8), np.float32)
    difference: Plane = np.abs(smooth - _paper(smooth)).max(axis=2)
    margin = round(MARGIN * max(page.shape[:2]))
    difference[:margin] = difference[-margin:] = 0
    difference[:, :margin] = difference[:, -margin:] = 0
    return difference


def _ink(difference: Plane) -> Mask:
    """1 where the page differs from its paper by more than the paper's grain."""
    near = difference[difference < 16]
    noise = 1.48 * float(np.median(near)) if near.size else 0.0
    return (difference > min(max(5 * noise, 8.0), 26.0)).astype(np.uint8)


def _picture_mask(ink: Mask) -> Mask:
    """1 where the ink is a picture's, [H, W]."""
    for operation, side in ((cv2.MORPH_OPEN, TEXT), (cv2.MORPH_CLOSE, GAP), (cv2.MORPH_OPEN, CORE)):
        ink = np.asarray(cv2.morphologyEx(ink, operation, np.ones((side, side), np.uint8)), np.uint8)
    return ink


def _rules(ink: Mask) -> tuple[Mask, Mask]:
    """1 on thin straight lines across the page, and down the page."""
    thin = ink & (1 - _opened(ink, (TEXT, TEXT)))
    return _opened(thin, (1, RULE)), _opened(thin, (RULE, 1))


def _whole(pictures: Mask, dark: Mask) -> Mask:
    """The ink of the pictures of a picture's size, with the thin parts that hang on them (legs, handles), not rules.

    They hang by `dark` ink: the pale halo of a JPEG file joins what lies near, captions too.
    """
    cores = np.zeros_like(pictures)
    for x0, y0, x1, y1 in _components(pictures):
        if min(x1 - x0, y1 - y0) >= MIN_SIDE:
            cores[y0:y1, x0:x1] = pictures[y0:y1, x0:x1]
    across, down = _rules(dark)
    _, label = cv2.connectedComponents((dark & (1 - across) & (1 - down)) | cores, connectivity=8)
    chosen = np.zeros(int(label.max()) + 1, np.uint8)
    chosen[label[cores > 0]] = 1
    return np.asarray(chosen[label], np.uint8)


def _opened(mask: Mask, shape: tuple[int, int]) -> Mask:
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones(shape, np.uint8)), np.uint8)


def _components(mask: Mask) -> list[tuple[int, int, int, int]]:
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return [(x, y, x + width, y + height) for x, y, width, height, _ in stats[1:count].tolist()]


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


def _merged(found: Sequence[Box]) -> list[Box]:
    """Boxes that overlap become one, until none do."""
    boxes = list(found)
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
