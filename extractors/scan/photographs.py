"""Finds the images on a scanned page, where its raster is neither paper nor print.

The paper is a smooth surface fitted to the pixels near it: light falls off over a page, and a large photograph must
not pull the surface along. Pixels that differ from it are ink. An opening removes text and rules, a closing joins the
parts of an image, and the connected components of an image's size remain. captions.py says how far a photograph on
white reaches on white paper, and classify.py whether an image is a photograph. The work is done at about 100 dpi of an
A4 page.

The thresholds were set on the scanned reports of the audit sample (`python -m extractors.evaluate ROOT`) and are
measured on other pages by `python -m tests.extractors.scan.composed_scans DATA`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import area, intersect
from extractors.model import Box, Pixels
from extractors.scan.captions import frame_images
from extractors.scan.components import Mask, PixelBox, component_boxes
from extractors.scan.gutters import part_images
from extractors.scan.skew import Upright, skew, turn_back

LONG_SIDE = 1170  # px: longer side of the working copy, A4 at 100 dpi; lengths below are in its pixels
TEXT = 9  # px: side of an opening that removes print, bold print too, and rules
GAP = 9  # px: largest distance between parts of one image
RULE = 80  # px: least length of a thin straight line that is a rule, no part of an image
DARK = 40  # grey levels from the paper above which ink is no halo that a scanner or JPEG leaves
CORE = 19  # px: every image has a part this wide
MIN_SIDE = 36  # px: least side of an image, half an inch (50 px) less a margin
TURNED = 4  # px: what an image gains at most when its page is made level: two corners that the last opening cuts off
MARGIN = 0.012  # share of the longer side that the dark edges of a scan take at most
INK = (8.0, 26.0)  # grey levels: least and largest difference from the paper above which a pixel is ink
MAD_TO_SIGMA = 1.48  # standard deviation / median absolute deviation of a normal distribution (Rousseeuw 1993)
NOISES = 5.0  # that difference in standard deviations of the paper's grain
SAMPLED = 3  # px: of so many rows and columns one is looked at for the grain
PLAIN = 16.0  # grey levels: pixels nearer to the paper are its grain
PAPER_SIZE = (96, 128)  # px: width and height at which the paper is fitted
PAPER_REACH = (24.0, 12.0, 8.0)  # grey levels: pixels this near to the last surface are fitted the next time
LEAST_PAPER = 200  # pixels: with fewer the last surface stays

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scan:
    """A scanned page made level, and the boxes of its images in pixels of `page`, top to bottom."""

    page: Upright
    boxes: list[Box]


def read_scan(pixels: Pixels) -> Scan:
    """Find the images on the raster of a page, RGB [H, W, 3]."""
    factor = min(1.0, LONG_SIDE / max(pixels.shape[:2]))
    difference = _difference(_resized(pixels, factor))
    ink, dark = _ink(difference), (difference > DARK).view(np.uint8)
    levels = np.minimum(difference, 255).astype(np.uint8)
    image_ink = _image_mask(ink)
    if not any(_shorter(box) >= MIN_SIDE - TURNED for box in component_boxes(image_ink)):
        return Scan(Upright(pixels, 0.0), [])
    image_ink = _whole(image_ink, dark)
    page = Upright(pixels, skew(ink & (1 - image_ink)))
    if page.degrees:
        turned = turn_back(np.dstack([ink, dark, levels]), page.degrees)
        ink, dark, levels = (np.ascontiguousarray(each) for each in np.moveaxis(turned, 2, 0))
        image_ink = _whole(_image_mask(ink), dark)
    found = part_images(_merged(component_boxes(image_ink)), levels, ink, MIN_SIDE)
    if not found:
        return Scan(page, [])
    boxes = sorted(found, key=lambda box: (box[1], box[0]))
    across, down = _rules(ink)
    framed = frame_images(boxes, ink, image_ink, component_boxes(across) + component_boxes(down))
    return Scan(page, [(x0 / factor, y0 / factor, x1 / factor, y1 / factor) for x0, y0, x1, y1 in framed])


def _resized(pixels: Pixels, factor: float) -> Pixels:
    """The page with its sides multiplied by `factor`."""
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _difference(page: Pixels) -> Plane:
    """The largest difference of a channel from the paper, in levels, [H, W]; 0 in the margin of dark edges."""
    smooth = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.8), np.float32)
    difference = np.zeros(page.shape[:2], np.float32)
    for channel, paper in zip(cv2.split(smooth), _paper(smooth), strict=True):
        cv2.max(difference, cv2.absdiff(channel, paper), dst=difference)
    margin = round(MARGIN * max(page.shape[:2]))
    difference[:margin] = difference[-margin:] = 0
    difference[:, :margin] = difference[:, -margin:] = 0
    return difference


def _ink(difference: Plane) -> Mask:
    """1 where the page differs from its paper by more than the paper's grain."""
    some = difference[::SAMPLED, ::SAMPLED]
    near = some[some < PLAIN]
    noise = MAD_TO_SIGMA * float(np.median(near)) if near.size else 0.0
    return (difference > min(max(NOISES * noise, INK[0]), INK[1])).view(np.uint8)


def _image_mask(ink: Mask) -> Mask:
    """1 on ink that is large enough to belong to an image, [H, W]."""
    for operation, side in ((cv2.MORPH_OPEN, TEXT), (cv2.MORPH_CLOSE, GAP), (cv2.MORPH_OPEN, CORE)):
        ink = np.asarray(cv2.morphologyEx(ink, operation, np.ones((side, side), np.uint8)), np.uint8)
    return ink


def _rules(ink: Mask) -> tuple[Mask, Mask]:
    """Two masks [H, W]: 1 on thin straight lines across the page, and down the page."""
    thin = ink & (1 - _opened(ink, (TEXT, TEXT)))
    return _opened(thin, (1, RULE)), _opened(thin, (RULE, 1))


def _whole(image_ink: Mask, dark: Mask) -> Mask:
    """The ink of the images that are large enough, with the thin parts that hang on them (legs, handles) but no rules.

    Only `dark` ink connects a part: the pale halo that JPEG leaves would join what lies near, captions too.
    """
    whole = np.zeros_like(image_ink)
    for x0, y0, x1, y1 in component_boxes(image_ink):
        if _shorter((x0, y0, x1, y1)) >= MIN_SIDE:
            whole[y0:y1, x0:x1] = image_ink[y0:y1, x0:x1]
    if whole.any():
        hanging = _touching(dark | whole, whole)
        x, y, width, height = cv2.boundingRect(hanging)
        there = np.s_[y : y + height, x : x + width]
        across, down = _rules(dark[there] & hanging[there])
        parts = (dark[there] & hanging[there] & (1 - across) & (1 - down)) | whole[there]
        whole[there] = _touching(parts, whole[there])
    return whole


def _touching(mask: Mask, cores: Mask) -> Mask:
    """The connected components of a mask that have a pixel of `cores`, which are in it."""
    label = np.asarray(cv2.connectedComponents(mask, connectivity=8)[1], np.int32)
    chosen = np.zeros(int(label.max()) + 1, np.uint8)
    chosen[label[cores > 0]] = 1
    return np.take(chosen, label)


def _shorter(box: PixelBox) -> int:
    """The shorter side of a box."""
    return min(box[2] - box[0], box[3] - box[1])


def _opened(mask: Mask, shape: tuple[int, int]) -> Mask:
    """The mask after an opening with a rectangle of this (height, width); there is nothing beyond its sides."""
    kernel, border = np.ones(shape, np.uint8), cv2.BORDER_CONSTANT
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel, borderType=border, borderValue=0), np.uint8)


def _paper(page: Plane) -> Iterator[Plane]:
    """The channels [H, W] of a page [H, W, 3] as they would be without ink: a quadratic surface for each.

    It starts at the commonest bright colour and is fitted three times, each time to the pixels nearer to it.
    """
    height, width = page.shape[:2]
    colours = np.ascontiguousarray(cv2.resize(page, PAPER_SIZE, interpolation=cv2.INTER_AREA).reshape(-1, 3).T)
    grey = colours.mean(axis=0)
    bright = np.bincount(grey.astype(np.int64), minlength=256)
    bright[:128] = 0
    start = colours[:, np.abs(grey - bright.argmax()) <= 2].mean(axis=1) if bright.any() else colours.max(axis=1)
    surface, terms = start[:, None], _terms()
    for reach in PAPER_REACH:
        paper = (np.abs(colours - surface) < reach).all(axis=0)
        if paper.sum() < LEAST_PAPER:
            break
        fitted, *_ = np.linalg.lstsq(terms[paper], colours[:, paper].T, rcond=None)
        surface = (terms @ fitted).T
    for plane in np.broadcast_to(surface, colours.shape).astype(np.float32):
        small = plane.reshape(PAPER_SIZE[::-1])
        yield np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


@cache
def _terms() -> Plane:
    """The terms of a quadratic surface at each pixel of PAPER_SIZE, [H * W, 6]."""
    across, down = (complex(0, length) for length in PAPER_SIZE)  # numbers of steps, for mgrid
    y, x = np.mgrid[-1:1:down, -1:1:across].astype(np.float32)
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)


def _merged(found: Sequence[PixelBox]) -> list[PixelBox]:
    """The boxes, with those that overlap made one until none do."""
    boxes = list(found)
    index = 0
    while index < len(boxes):
        touching = [other for other in range(index + 1, len(boxes)) if area(intersect(boxes[index], boxes[other])) > 0]
        if touching:
            x0, y0, x1, y1 = zip(boxes[index], *(boxes[other] for other in touching), strict=True)
            boxes[index] = (min(x0), min(y0), max(x1), max(y1))
            boxes = [box for other, box in enumerate(boxes) if other not in touching]
            index = 0
        else:
            index += 1
    return boxes
