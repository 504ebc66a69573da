"""Boxes (x0, y0, x1, y1) with the origin at the top left, and the size of pixel arrays."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from extractors.model import Box, Pixels


def area(box: Box) -> float:
    """The area; 0 for an empty box."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def intersect(a: Box, b: Box) -> Box:
    """The common part, an empty box (x1 <= x0 or y1 <= y0) where there is none."""
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def padded(box: Box, by: float) -> Box:
    """The box with each side moved out by this much, or in where it is negative."""
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)


def enclose(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def iou(a: Box, b: Box) -> float:
    """Intersection over union, in [0, 1]."""
    common = area(intersect(a, b))
    union = area(a) + area(b) - common
    return common / union if union > 0 else 0.0


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """An image [H, W, ...] resized so that its longer side is `side` px; the image itself where it is no longer."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        return np.ascontiguousarray(pixels)
    height, width = (max(round(length * side / longest), 1) for length in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
