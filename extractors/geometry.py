"""Boxes: (x0, y0, x1, y1), origin top left."""

from __future__ import annotations

from collections.abc import Iterable

from extractors.model import Box


def area(box: Box) -> float:
    """Area; 0 for an empty box."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def intersect(a: Box, b: Box) -> Box:
    """The common part, empty (x1 <= x0 or y1 <= y0) where there is none."""
    return (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))


def padded(box: Box, by: float) -> Box:
    """The box moved out by so much on each side; in, where it is negative."""
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
