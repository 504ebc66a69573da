"""What lies over and under a picture: how much of it is left to see, and whether it is seen as it is alone.

A page is what it shows. A picture that something opaque covers wholly is not on it; of one that is covered along a
side the rest is; and where the page shows other pixels than the picture has, the page is right. Text and strokes
(captions, arrows, frames) cover nothing: a photograph is compared without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from extractors.geometry import area, enclose, intersect
from extractors.model import Box
from extractors.paint import ShownPage, paint_group
from extractors.trace import PageTrace

SLIVER = 1.0  # points: less than this of a picture is not seen
COMPARED_AT = 256  # px: the longer side at which the page and the picture alone are compared
DIFFERENT = 24  # grey levels from which on a pixel of the page is another than the picture's
OVERPAINTED = 0.05  # share of such pixels from which on the page is rendered: an arrow or a label is less


def visible_part(box: Box, covers: Sequence[Box]) -> Box | None:
    """The box around what opaque `covers` leave of `box`; None where they leave nothing."""
    covers = [cover for cover in (intersect(box, cover) for cover in covers) if area(cover) > 0]
    if not covers:
        return box
    xs = sorted({x for each in (box, *covers) for x in (each[0], each[2])})
    ys = sorted({y for each in (box, *covers) for y in (each[1], each[3])})
    left = [
        (x0, y0, x1, y1)
        for x0, x1 in pairwise(xs)
        for y0, y1 in pairwise(ys)
        if min(x1 - x0, y1 - y0) >= SLIVER
        and not any(c[0] <= x0 and c[1] <= y0 and c[2] >= x1 and c[3] >= y1 for c in covers)
    ]
    return enclose(left) if left else None


def is_seen_alone(page: ShownPage, trace: PageTrace, members: Sequence[int], box: Box, scale: float) -> bool:
    """Whether the page shows in `box` what images `members` show alone on white. Renders only where it may not."""
    group = [trace.images[index] for index in members]
    over = any(area(intersect(box, cover.box)) >= OVERPAINTED * area(box) for cover in trace.covers_over(members))
    under = trace.fills_before[members[0]] > 0 and any(image.translucent for image in group)
    if not (over or under):
        return True
    alone = paint_group(group, COMPARED_AT)
    shown = cv2.resize(page.region(box, scale, COMPARED_AT), alone.shape[1::-1], interpolation=cv2.INTER_AREA)
    smooth = [cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(np.int16) for pixels in (alone, shown)]
    return bool((np.abs(smooth[0] - smooth[1]).max(axis=2) > DIFFERENT).mean() <= OVERPAINTED)
