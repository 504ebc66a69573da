"""Finds the figures that the lines and curves of a page form: line drawings of the product, charts.

Curves and oblique lines make a figure; shapes.py excludes the shapes that are furniture of the page. The others are
painted thinly on a coarse mask of the page: the connected components of the widened mask are the parts of figures, and
rules that lie in a part or frame it (axes, edges, dimension lines) belong to it. A chart has axes with marks along them
and numbers beside them.

The thresholds are held by tests/extractors/page/test_figures.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import area, enclose, intersect, padded
from extractors.model import Box
from extractors.page.shapes import GAP, SLANT, Floats, Kinds, Segments, meeting
from extractors.page.strokes import Strokes

MIN_SIDE = 54.0  # points (three quarters of an inch): least shorter side of a figure
MIN_LONG = 90.0  # points: least longer side of a figure
RULE_GAP = 2.0  # points: largest distance between lines of one rule or frame
MOSTLY = 0.5  # share of a rule from which on it lies in a part
MIN_DRAWN = 24  # least number of chords and oblique lines in a figure
SPREAD = 12  # least number of the 8 x 8 fields of a figure's box through which curves and oblique lines run
TEXT_SHARE = 0.25  # largest share of a figure's box that words take
FRAME_SHARE = 0.2  # least share of a frame that its content takes
FRAME_WORDS = 12  # largest number of words in a frame beside its content; with more it is a cell of a table
AXIS = 0.4  # least length of an axis or grid line, as a share of the chart's side
TICK = 0.05  # largest length of a tick, as a share of the chart's side
MARKS = 4  # least number of ticks or grid lines in a chart
NUMBERS = 4  # least number of numbers beside the axes of a chart
MASK_SIDE = 1024  # px: largest side of the mask, which has half a pixel a point otherwise

_NUMBER = re.compile(r"[-+−–±]?\d+([.,]\d+)*%?")

Word = tuple[Box, str]  # where it is shown, in points, and its text


@dataclass(frozen=True)
class Figure:
    """A drawing or chart; `box` in points, `shapes` is the number of its subpaths."""

    box: Box
    name: Literal["drawing", "chart"]
    shapes: int


def find_figures(
    strokes: Strokes, page: Box, images: Sequence[Box], read_words: Callable[[], list[Word]]
) -> list[Figure]:
    """The figures among the strokes of a page, top to bottom.

    `page` is its box and `images` are those of its images; `read_words` is called only where there may be a figure.
    """
    if len(strokes.ends) < MIN_DRAWN:
        return []
    segments = Segments(strokes)
    kinds = Kinds(segments, strokes.filled[segments.shapes], page, images)
    drawn, ruled = kinds.drawn[segments.shape], kinds.ruled[segments.shape]
    parts = _merged(_components(segments.ends[drawn], page, GAP), page)
    if max((max(_sides(part)) for part in parts), default=0.0) < MIN_SIDE / 2:
        return []
    words = read_words()
    rules = _components(segments.ends[ruled], page, RULE_GAP)
    figures = []
    for box in _merged(_framed(parts, rules, words), page):
        inside = segments.inside(box)
        slanted = inside & drawn & segments.slanted
        if not _figure_sized(box) or slanted.sum() < MIN_DRAWN or _spread(segments.ends[slanted], box) < SPREAD:
            continue
        text = [word for word, _ in words] + kinds.letters
        if _covered_share(box, text) > TEXT_SHARE:
            continue
        name: Literal["drawing", "chart"] = "chart" if _is_chart(segments.ends[inside], box, words) else "drawing"
        shapes = len(np.unique(segments.shape[inside]))
        figures.append(Figure(intersect(_with_labels(box, name, words), page), name, shapes))
    return sorted(figures, key=lambda figure: (figure.box[1], figure.box[0]))


def _components(ends: Floats, page: Box, gap: float) -> list[Box]:
    """The boxes around groups of segments that are within `gap` points of each other."""
    if not len(ends):
        return []
    mask, to_pixels = _mask(page)
    pixels = to_pixels(ends)
    cv2.polylines(mask, list(pixels.reshape(-1, 2, 2)), False, 1)
    reach = max(round(gap * mask.shape[1] / _sides(page)[0]), 1) | 1
    _, labels = cv2.connectedComponents(cv2.dilate(mask, np.ones((reach, reach), np.uint8)), connectivity=8)
    boxes = np.hstack([np.minimum(ends[:, :2], ends[:, 2:]), np.maximum(ends[:, :2], ends[:, 2:])])
    return _enclosed(boxes, labels[pixels[:, 1], pixels[:, 0]])


def _framed(parts: Sequence[Box], rules: Sequence[Box], words: Sequence[Word]) -> list[Box]:
    """The parts, each enlarged by the rules that lie mostly in it or that frame little else."""
    grown = np.array(parts)
    texts = np.array([word for word, _ in words]).reshape(-1, 4)
    for rule in sorted(rules, key=area, reverse=True):
        held = meeting(grown, padded(rule, GAP / 2))
        if not held.any():
            continue
        body = enclose(grown[held].tolist())
        common = intersect(padded(body, GAP), padded(rule, 0.5))  # a straight rule has no area
        mostly_in = area(common) >= MOSTLY * area(padded(rule, 0.5))
        frames = (
            area(body) >= FRAME_SHARE * area(rule)
            and max(_sides(body)) >= AXIS * max(_sides(rule))
            and int((meeting(texts, rule) & ~meeting(texts, body)).sum()) <= FRAME_WORDS
        )
        if mostly_in or frames:
            grown = np.vstack([grown[~held], [enclose([body, rule])]])
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in grown.tolist()]


def _spread(ends: Floats, box: Box) -> int:
    """The number of the 8 x 8 fields of the box through which the segments run: the corners of a button are in few."""
    fields = np.zeros((8, 8), np.uint8)
    x0, y0, x1, y1 = box
    places = (ends - np.array([x0, y0] * 2)) * (8 / np.array([x1 - x0, y1 - y0] * 2))
    cv2.polylines(fields, list(np.clip(places, 0, 7).astype(np.int32).reshape(-1, 2, 2)), False, 1)
    return int(fields.sum())


def _is_chart(ends: Floats, box: Box, words: Sequence[Word]) -> bool:
    """Whether there are axes: marks along a line in one direction, a line or marks in the other, and numbers near."""
    numbers = sum(bool(_NUMBER.fullmatch(text)) for word, text in words if _meet(padded(box, 3 * GAP), word))
    if numbers < NUMBERS:
        return False
    across, down = _marks_and_lines(ends), _marks_and_lines(ends[:, [1, 0, 3, 2]])
    return max(across[0], down[0]) >= MARKS and min(max(across), max(down)) >= 1


def _marks_and_lines(ends: Floats) -> tuple[int, int]:
    """The numbers of marks (levels y with a tick on a long upright line, or grid lines) and of long level lines."""
    sides = np.abs(ends[:, 2:] - ends[:, :2])
    width, height = np.ptp(ends.reshape(-1, 2), axis=0)
    level, upright = sides[:, 1] <= SLANT * sides[:, 0], sides[:, 0] <= SLANT * sides[:, 1]
    long = level & (sides[:, 0] >= AXIS * width)
    axes = np.unique(np.round(ends[upright & (sides[:, 1] >= AXIS * height), 0]))
    axes = np.concatenate([axes - 1, axes, axes + 1])
    short = level & (sides[:, 0] <= TICK * width)
    ticks = ends[short & (np.isin(np.round(ends[:, 0]), axes) | np.isin(np.round(ends[:, 2]), axes)), 1]
    lines = len(np.unique(np.round(ends[long, 1] / 2)))
    return max(len(np.unique(np.round(ticks / 2))), lines - 2), lines


def _with_labels(box: Box, name: str, words: Sequence[Word]) -> Box:
    """The box enlarged by the words that it cuts, and for a chart by the numbers along its axes."""
    reach = 2 * GAP if name == "chart" else 0.0
    labels = [
        word
        for word, text in words
        if _meet(box, word) or (_NUMBER.fullmatch(text) and _meet(padded(box, reach), word))
    ]
    return padded(enclose([box, *(intersect(label, padded(box, 3 * GAP)) for label in labels)]), 2.0)


def _merged(boxes: Sequence[Box], page: Box) -> list[Box]:
    """The boxes, with those that overlap on the mask made one until none do."""
    merged = list(boxes)
    while merged:
        mask, to_pixels = _mask(page)
        corners = to_pixels(np.array(merged, np.float32))
        for left, top, right, bottom in corners.tolist():
            mask[top : bottom + 1, left : right + 1] = 1
        _, labels = cv2.connectedComponents(mask, connectivity=4)
        united = _enclosed(np.array(merged), labels[corners[:, 1], corners[:, 0]])
        if len(united) == len(merged):
            break
        merged = united
    return merged


def _mask(page: Box) -> tuple[npt.NDArray[np.uint8], Callable[[Floats], npt.NDArray[np.int32]]]:
    """An empty mask [H, W] of the page, and the map of boxes or segments [N, 4] in points to its pixels."""
    scale = min(0.5, MASK_SIDE / max(_sides(page)))
    width, height = (int(side * scale) + 2 for side in _sides(page))
    origin, last = np.array([page[0], page[1]] * 2, np.float32), np.array([width - 1, height - 1] * 2)

    def to_pixels(boxes: Floats) -> npt.NDArray[np.int32]:
        return np.clip(np.round((boxes - origin) * scale), 0, last).astype(np.int32)

    return np.zeros((height, width), np.uint8), to_pixels


def _enclosed(boxes: npt.NDArray[np.floating], label: npt.NDArray[np.integer | np.floating]) -> list[Box]:
    """The box around the boxes [N, 4] of each label; `label` is [N]."""
    _, group = np.unique(label, return_inverse=True)
    low, high = np.full((group.max() + 1, 2), np.inf), np.full((group.max() + 1, 2), -np.inf)
    np.minimum.at(low, group, boxes[:, :2])
    np.maximum.at(high, group, boxes[:, 2:])
    return [(x0, y0, x1, y1) for x0, y0, x1, y1 in np.hstack([low, high]).tolist()]


def _figure_sized(box: Box) -> bool:
    """Whether a box is large enough for a figure."""
    return min(_sides(box)) >= MIN_SIDE and max(_sides(box)) >= MIN_LONG


def _covered_share(box: Box, others: Sequence[Box]) -> float:
    """The share of `box` that the others cover; where two overlap, both count."""
    return sum(area(intersect(box, other)) for other in others) / area(box)


def _meet(a: Box, b: Box) -> bool:
    """Whether two boxes touch or overlap."""
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _sides(box: Box) -> tuple[float, float]:
    """Width and height."""
    return box[2] - box[0], box[3] - box[1]
