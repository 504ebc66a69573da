"""Lists the lines and curves that a page paints, in the space of the page as shown, by the device of trace.py.

Only pages are walked that have more than rules and rectangles (PageTrace.drawn). Nothing is rasterised; white paint,
mask definitions and the cells of patterns are left out. A *shape* is one subpath of a painted path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf
from pymupdf import mupdf

from extractors.model import Box
from extractors.page.painted import PageTrace
from extractors.page.trace import Listener

SEGMENTS = 50_000  # segments after which a page is walked no further: about a fifth of a second

_DOT = 1e-3  # points: a shorter segment is left out
_WHITE = 0.985  # share of full brightness from which on a colour is paper white


@dataclass(frozen=True)
class Strokes:
    """N segments of S shapes, ordered by shape; a curve is given as two chords."""

    ends: npt.NDArray[np.float32]  # [N, 4]: x0, y0, x1, y1 in points, from start to end, clipped
    curved: npt.NDArray[np.bool_]  # [N]: whether the segment is a chord of a curve
    shape: npt.NDArray[np.int64]  # [N]: index of its shape in [0, S), non-decreasing
    filled: npt.NDArray[np.bool_]  # [S]: whether the shape is filled, else it is stroked
    cut: bool  # whether the page paints more than SEGMENTS


class _Walker(mupdf.FzPathWalker2):  # type: ignore[misc]
    """Collects the segments of paths in the space of each path, as (x0, y0, x1, y1, curved, shape), up to SEGMENTS."""

    def __init__(self) -> None:
        super().__init__()
        for event in ("moveto", "lineto", "curveto", "closepath"):
            getattr(self, f"use_virtual_{event}")()
        self.segments: list[tuple[float, float, float, float, int, int]] = []
        self.shape = -1
        self.x = self.y = self.start_x = self.start_y = 0.0

    def moveto(self, ctx: Any, x: float, y: float) -> None:
        self.shape += 1
        self.x, self.y = self.start_x, self.start_y = x, y

    def lineto(self, ctx: Any, x: float, y: float) -> None:
        if len(self.segments) < SEGMENTS:
            self.segments.append((self.x, self.y, x, y, 0, self.shape))
        self.x, self.y = x, y

    def curveto(self, ctx: Any, x1: float, y1: float, x2: float, y2: float, x3: float, y3: float) -> None:
        x, y = (self.x + 3 * (x1 + x2) + x3) / 8, (self.y + 3 * (y1 + y2) + y3) / 8  # the middle of the curve
        if len(self.segments) < SEGMENTS:
            self.segments += [(self.x, self.y, x, y, 1, self.shape), (x, y, x3, y3, 1, self.shape)]
        self.x, self.y = x3, y3

    def closepath(self, ctx: Any) -> None:
        self.lineto(ctx, self.start_x, self.start_y)


class _PathListener(Listener):
    """Walks the paths that are filled or stroked; images and text are left out."""

    def __init__(self, trace: PageTrace, cookie: Any) -> None:
        super().__init__(trace, 0, cookie)
        self.walker = _Walker()
        self.paths: list[tuple[float, ...]] = []  # for each path: number of segments, matrix (6), clip (4)
        self.filled: list[bool] = []  # for each shape

    def fill_path(self, ctx: Any, path: Any, *how: Any) -> None:
        self._walk(path, *how, filled=True)

    def stroke_path(self, ctx: Any, path: Any, *how: Any) -> None:
        self._walk(path, *how, filled=False)

    def _count(self, text: Any) -> None:
        pass

    def _note(self, *arguments: Any) -> None:
        pass

    def _walk(
        self, path: Any, rule: Any, ctm: Any, colorspace: Any, color: Any, alpha: float, params: Any, *, filled: bool
    ) -> None:
        """Note a path; `rule` is the fill rule or the style of the stroke."""
        if self.in_mask or self.in_tile or alpha <= 0 or _is_white(colorspace, color):
            return
        walker = self.walker
        before = len(walker.segments)
        if before >= SEGMENTS:
            self.cookie.m_internal.abort = 1
            return
        mupdf.fz_walk_path(mupdf.FzPath(mupdf.ll_fz_keep_path(path)), walker, walker.m_internal)
        self.filled += [filled] * (walker.shape + 1 - len(self.filled))
        matrix = (ctm.a, ctm.b, ctm.c, ctm.d, ctm.e, ctm.f)
        self.paths.append((len(walker.segments) - before, *matrix, *self.clips[-1].box))


def painted_strokes(page: pymupdf.Page, box: Box) -> Strokes:
    """The strokes of `page`, whose box in points is `box`. Raises MuPDF's errors where the page is broken."""
    cookie = mupdf.FzCookie()
    listener = _PathListener(PageTrace(box), cookie)
    mupdf.fz_run_page(page.this, listener, mupdf.FzMatrix(), cookie)
    mupdf.fz_close_device(listener)
    segments = np.array(listener.walker.segments, np.float64).reshape(-1, 6)
    paths = np.array(listener.paths, np.float64).reshape(-1, 11)
    paths = np.repeat(paths[:, 1:], paths[:, 0].astype(np.int64), axis=0)
    a, b, c, d, e, f = paths[:, :6, None].transpose(1, 0, 2)
    x, y = segments[:, 0:4:2], segments[:, 1:4:2]  # [N, 2]
    low, high = paths[:, None, 6:8], paths[:, None, 8:10]
    points = np.stack([a * x + c * y + e, b * x + d * y + f], axis=2)  # [N, 2 ends, 2]
    seen = (points.max(axis=1) >= low[:, 0]).all(axis=1) & (points.min(axis=1) <= high[:, 0]).all(axis=1)
    seen &= np.ptp(points, axis=1).max(axis=1) > _DOT
    return Strokes(
        np.clip(points, low, high)[seen].reshape(-1, 4).astype(np.float32),
        segments[seen, 4] > 0,
        segments[seen, 5].astype(np.int64),
        np.array(listener.filled, np.bool_),
        len(segments) >= SEGMENTS,
    )


def _is_white(colorspace: Any, color: Any) -> bool:
    """Whether the colour, in device grey, RGB or CMYK, is paper white; any other colour space says no."""
    if not colorspace:
        return False
    if mupdf.ll_fz_colorspace_is_gray(colorspace) or mupdf.ll_fz_colorspace_is_rgb(colorspace):
        return all(mupdf.floats_getitem(color, index) >= _WHITE for index in range(colorspace.n))
    cmyk = mupdf.ll_fz_colorspace_is_cmyk(colorspace)
    return bool(cmyk) and all(mupdf.floats_getitem(color, index) <= 1 - _WHITE for index in range(4))
