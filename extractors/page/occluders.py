"""What lies over and under a picture: how much of it is left to see, and whether it is seen as it is alone.

A page is what it shows. A picture that something opaque covers wholly is not on it; of one that is covered along a
side the rest is; and where the page shows other pixels than the picture has, the page is right. Text and strokes
(captions, arrows, frames) cover nothing: a photograph is compared without them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from extractors.geometry import area, intersect
from extractors.model import Box
from extractors.page.paint import ShownPage, paint_group
from extractors.page.trace import Cover, PaintedImage

SLIVER = 1.0  # points: less than this of a picture is not seen
CELL = 0.5  # points: what is left of a picture is found in cells of this size
MOST_CELLS = 2048  # along a side; those of a larger picture are larger
NEARLY = 0.1  # of a cell: edges that differ by less are one
COMPARED_AT = 256  # px: the longer side at which the page and the picture alone are compared
DIFFERENT = 24  # grey levels from which on a pixel of the page is another than the picture's
OVERPAINTED = 0.05  # share of such pixels from which on the page is rendered: an arrow or a label is less


def visible_part(box: Box, covers: Sequence[Box]) -> Box | None:
    """The box around what opaque `covers` leave of `box`; None where they leave less than a SLIVER wide."""
    if not covers:
        return box
    x0, y0, x1, y1 = box
    width, height = (min(max(math.ceil((end - start) / CELL), 1), MOST_CELLS) for start, end in ((x0, x1), (y0, y1)))
    across, down = (x1 - x0) / width, (y1 - y0) / height
    left = np.ones((height, width), np.bool_)
    for cover in covers:  # only cells that it covers whole: in doubt the picture is seen
        first, last = math.ceil((cover[0] - x0) / across - NEARLY), math.floor((cover[2] - x0) / across + NEARLY)
        top, bottom = math.ceil((cover[1] - y0) / down - NEARLY), math.floor((cover[3] - y0) / down + NEARLY)
        left[max(top, 0) : max(bottom, 0), max(first, 0) : max(last, 0)] = False
    rows, columns = np.flatnonzero(left.any(axis=1)), np.flatnonzero(left.any(axis=0))
    if not rows.size or min(rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]) * CELL < SLIVER:
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
    page: ShownPage, group: Sequence[PaintedImage], over: Sequence[Cover], box: Box, scale: float, *, on_blank: bool
) -> bool:
    """Whether the page shows in `box` what the images of a group show alone on white. Renders only where it may not.

    `over` is what is painted over them; `on_blank` is whether nothing is painted under them.
    """
    covered = any(area(intersect(box, cover.box)) >= OVERPAINTED * area(box) for cover in over)
    if not covered and (on_blank or not any(image.translucent for image in group)):
        return True
    alone = paint_group(group, COMPARED_AT)
    shown = cv2.resize(page.region(box, scale, COMPARED_AT), alone.shape[1::-1], interpolation=cv2.INTER_AREA)
    smooth = [cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(np.int16) for pixels in (alone, shown)]
    return bool((np.abs(smooth[0] - smooth[1]).max(axis=2) > DIFFERENT).mean() <= OVERPAINTED)
