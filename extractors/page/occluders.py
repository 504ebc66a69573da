"""Finds the part of an image that its occluders leave, and whether the page shows it as the image alone would look.

The page as shown decides. An image that opaque occluders hide wholly is not on the page; of one that they hide along a
side the rest is; and where the page shows other pixels than the image has, those of the page are taken. Text and
strokes (captions, arrows, frames) are no occluders: a photograph is compared without them. The thresholds are checked
against poppler's rendering in tests/extractors/page/test_traps.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from extractors.geometry import area, intersect
from extractors.model import Box
from extractors.page.paint import ShownPage, paint_group
from extractors.page.painted import Occluder, PaintedImage

SLIVER = 1.0  # points: a visible part narrower than this counts as none
SEEN = 0.25  # share of the box around what is left from which on the image counts as shown: chosen, not measured
CELL = 0.5  # points: side of the cells in which the visible part is found
MOST_CELLS = 2048  # along a side; a larger image gets larger cells
NEARLY = 0.1  # share of a cell by which an occluder may miss its edge and still hide it
COMPARED_AT = 256  # px: the longer side at which the page and the image alone are compared
DIFFERENT = 24  # grey levels: a pixel of the page that is farther from the image's is another one
OVERPAINTED = 0.05  # share of such pixels from which on the page is rendered; an arrow or a label has less


def visible_part(box: Box, occluders: Sequence[Box]) -> Box | None:
    """The box around the part of `box` that opaque occluders leave.

    None where it is narrower than SLIVER, or less than SEEN of it is left: a rim around what is laid over the image.
    """
    if not occluders:
        return box
    x0, y0, x1, y1 = box
    width, height = (min(max(math.ceil((end - start) / CELL), 1), MOST_CELLS) for start, end in ((x0, x1), (y0, y1)))
    across, down = (x1 - x0) / width, (y1 - y0) / height
    left = np.ones((height, width), np.bool_)
    for hidden in occluders:  # only whole cells are hidden: in doubt the image is seen
        first, last = math.ceil((hidden[0] - x0) / across - NEARLY), math.floor((hidden[2] - x0) / across + NEARLY)
        top, bottom = math.ceil((hidden[1] - y0) / down - NEARLY), math.floor((hidden[3] - y0) / down + NEARLY)
        left[max(top, 0) : max(bottom, 0), max(first, 0) : max(last, 0)] = False
    rows, columns = np.flatnonzero(left.any(axis=1)), np.flatnonzero(left.any(axis=0))
    if not rows.size or min(rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]) * CELL < SLIVER:
        return None
    if left[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() < SEEN:
        return None
    if rows.size == height and columns.size == width:
        return box
    return (
        x0 + float(columns[0]) * across,
        y0 + float(rows[0]) * down,
        x0 + float(columns[-1] + 1) * across,
        y0 + float(rows[-1] + 1) * down,
    )


def is_seen_alone(
    page: ShownPage, group: Sequence[PaintedImage], over: Sequence[Occluder], box: Box, scale: float, *, on_blank: bool
) -> bool:
    """Whether the page without its other images shows in `box` what a group shows when it is painted alone on white.

    `over` are the occluders over the group, `scale` is in pixels per point, and `on_blank` says that no path or shading
    is painted under it. The page is rendered only where the two may differ.
    """
    drawn = (occluder.box for occluder in over if occluder.image is None)
    occluded = any(area(intersect(box, each)) >= OVERPAINTED * area(box) for each in drawn)
    if not occluded and (on_blank or not any(image.translucent for image in group)):
        return True
    alone = paint_group(group, COMPARED_AT)
    region = page.region(box, scale, COMPARED_AT, only=group)
    shown = cv2.resize(region, alone.shape[1::-1], interpolation=cv2.INTER_AREA)
    smooth = [cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(np.int16) for pixels in (alone, shown)]
    return bool((np.abs(smooth[0] - smooth[1]).max(axis=2) > DIFFERENT).mean() <= OVERPAINTED)
