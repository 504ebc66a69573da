"""Lists the images that a page paints, in order and without decoding any, by a MuPDF device that only listens.

`page.get_images()` lists the images that a page's resources name. A trace lists the images that the page shows, also
inline ones and those in forms, annotations and patterns, each with its matrix (in the space of the page as shown), its
clip, and whether the image painted alone equals the page there (`plain`). Where it does not (soft masks of the
graphics state, blend modes, group alpha, curved clips, patterns), the page has to be rendered.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import pymupdf
from pymupdf import mupdf

from extractors.geometry import area, intersect
from extractors.model import Box
from extractors.page.messages import forget, losses
from extractors.page.painted import Occluder, PageTrace, PaintedImage, Stencil

_EVERYWHERE: Box = (-1e9, -1e9, 1e9, 1e9)
_LARGE_GLYPH = 36.0  # points: a smaller glyph of a Type 3 font is type, even where it is painted as an image
_LEAST_OCCLUDER = 64.0  # square points: filled paths below are type and rules, too many to list
_BLEND_MASK: int = mupdf.FZ_BLEND_MODEMASK


def _sizes_of_straight_paths() -> frozenset[int]:
    """The sizes in memory of the paths that make tables: a line, and a rectangle drawn at once or side by side."""
    paths = [mupdf.FzPath() for _ in range(4)]
    mupdf.fz_rectto(paths[0], 0, 0, 2, 2)
    for path, corners in zip(paths[1:], ([(2, 0)], [(2, 0), (2, 2), (0, 2)], [(2, 0), (2, 2), (0, 2)]), strict=True):
        mupdf.fz_moveto(path, 0, 0)
        for corner in corners:
            mupdf.fz_lineto(path, *corner)
    mupdf.fz_closepath(paths[3])
    return frozenset(mupdf.ll_fz_packed_path_size(path.m_internal) for path in paths)


_STRAIGHT = _sizes_of_straight_paths()


class TooLarge(Exception):
    """A part of the document goes over a limit and is not read."""


@dataclass(frozen=True)
class _Clip:
    """A clip of the graphics state: `box` in points, `plain` where it is no more than that box or an image `mask`."""

    box: Box
    plain: bool = True
    mask: Any | None = None
    mask_matrix: Any | None = None


class Listener(mupdf.FzDevice2):  # type: ignore[misc]
    """Follows clips, groups, masks and tiles and fills in `trace`; its methods are given MuPDF's own structures.

    At the image after `limit` it stops the run of which `cookie` is.
    """

    def __init__(self, trace: PageTrace, limit: int, cookie: Any) -> None:
        super().__init__()
        for event in (
            *("fill_image", "fill_image_mask", "fill_text", "stroke_text", "fill_path", "stroke_path", "fill_shade"),
            *("clip_path", "clip_stroke_path", "clip_text", "clip_stroke_text", "clip_image_mask", "pop_clip"),
            *("begin_mask", "end_mask", "begin_group", "end_group", "begin_tile", "end_tile"),
        ):
            getattr(self, f"use_virtual_{event}")()
        self.trace = trace
        self.limit = limit
        self.cookie = cookie
        self.clips = [_Clip(trace.box)]
        self.groups: list[bool] = []  # whether each open group is plain
        self.in_mask = 0  # depth of open mask definitions, in which painting shows nothing
        self.in_tile = 0  # depth of open tiles of patterns
        self.in_glyph = False  # in a glyph of a Type 3 font

    def _push(self, box: Box, *, plain: bool = True, mask: Any = None, mask_matrix: Any = None) -> None:
        self.clips.append(_Clip(intersect(self.clips[-1].box, box), plain, mask, mask_matrix))

    def clip_path(self, ctx: Any, path: Any, even_odd: int, ctm: Any, scissor: Any) -> None:
        box = _box(mupdf.ll_fz_bound_path(path, None, ctm))
        self._push(box, plain=bool(mupdf.ll_fz_path_is_rect(path, ctm)))

    def clip_stroke_path(self, ctx: Any, path: Any, stroke: Any, ctm: Any, scissor: Any) -> None:
        self._push(_box(mupdf.ll_fz_bound_path(path, stroke, ctm)), plain=False)

    def clip_text(self, ctx: Any, text: Any, ctm: Any, scissor: Any) -> None:
        self._push(_EVERYWHERE, plain=False)

    def clip_stroke_text(self, ctx: Any, text: Any, stroke: Any, ctm: Any, scissor: Any) -> None:
        self._push(_EVERYWHERE, plain=False)

    def clip_image_mask(self, ctx: Any, image: Any, ctm: Any, scissor: Any) -> None:
        matrix = mupdf.FzMatrix(ctm)
        mask = mupdf.FzImage(mupdf.ll_fz_keep_image(image))
        self._push(_unit_box(matrix), mask=mask, mask_matrix=matrix)

    def pop_clip(self, ctx: Any) -> None:
        if len(self.clips) > 1:
            self.clips.pop()

    def begin_mask(self, ctx: Any, area: Any, luminosity: int, cs: Any, color: Any, params: Any) -> None:
        self.in_mask += 1

    def end_mask(self, ctx: Any, function: Any) -> None:
        self.in_mask -= 1
        self._push(_EVERYWHERE, plain=False)  # the pop_clip that ends the mask takes it off

    def begin_group(
        self, ctx: Any, area: Any, cs: Any, isolated: int, knockout: int, blendmode: int, alpha: float
    ) -> None:
        self.groups.append(blendmode & _BLEND_MASK == mupdf.FZ_BLEND_NORMAL and alpha >= 1)

    def end_group(self, ctx: Any) -> None:
        if self.groups:
            self.groups.pop()

    def begin_tile(
        self,
        ctx: Any,
        area: Any,
        view: Any,
        xstep: float,
        ystep: float,
        ctm: Any,
        key: int,
        document_key: int = 0,
    ) -> int:
        self.in_tile += 1
        return 0  # "not cached": the tile's content follows

    def end_tile(self, ctx: Any) -> None:
        self.in_tile -= 1

    def fill_text(self, ctx: Any, text: Any, ctm: Any, colorspace: Any, color: Any, alpha: float, params: Any) -> None:
        self._count(text)
        span = text.head
        while span and not self.in_glyph:
            if mupdf.ll_fz_font_t3_procs(span.font):
                self._open_glyphs(span, ctm)
            span = span.next

    def _open_glyphs(self, span: Any, ctm: Any) -> None:
        """Follow the large glyphs of a Type 3 font: each is a content stream of its own and may paint images."""
        font, glyphs, trm = mupdf.FzFont(mupdf.ll_fz_keep_font(span.font)), mupdf.FzTextSpan(span), span.trm
        for index in range(span.len):
            item = glyphs.items(index)
            turn = mupdf.FzMatrix(trm.a, trm.b, trm.c, trm.d, item.x, item.y)
            matrix = mupdf.fz_concat(turn, mupdf.FzMatrix(ctm))
            x0, y0, x1, y1 = _box(mupdf.fz_bound_glyph(font, item.gid, matrix))
            if min(x1 - x0, y1 - y0) >= _LARGE_GLYPH:
                self.in_glyph = True
                mupdf.fz_run_t3_glyph(font, item.gid, matrix, self)
                self.in_glyph = False

    def stroke_text(self, ctx: Any, text: Any, *how: Any) -> None:
        self._count(text)

    def fill_path(
        self, ctx: Any, path: Any, even_odd: int, ctm: Any, colorspace: Any, color: Any, alpha: float, params: Any
    ) -> None:
        self.trace.drawn += mupdf.ll_fz_packed_path_size(path) not in _STRAIGHT
        self.trace.fills += 1
        if self.trace.images:
            box = _box(mupdf.ll_fz_bound_path(path, None, ctm))
            if area(box) >= _LEAST_OCCLUDER:
                self._occlude(box, opaque=alpha >= 1 and bool(mupdf.ll_fz_path_is_rect(path, ctm)))

    def stroke_path(self, ctx: Any, path: Any, *how: Any) -> None:
        self.trace.drawn += mupdf.ll_fz_packed_path_size(path) not in _STRAIGHT

    def fill_shade(self, ctx: Any, shade: Any, ctm: Any, alpha: float, params: Any) -> None:
        self.trace.fills += 1
        self._occlude(self.clips[-1].box, opaque=False)

    def _occlude(self, box: Box, *, opaque: bool, image: int | None = None) -> None:
        """Note an occluder of which `box` inside the clip is painted; in a mask definition there is none."""
        if not self.in_mask:
            box = intersect(self.clips[-1].box, box)
            after = len(self.trace.images)
            self.trace.occluders.append(Occluder(box, opaque and self._is_plain(), after, image))

    def _is_plain(self) -> bool:
        """Whether an image painted now would be seen as it is, within the box of its clip."""
        return all(each.plain for each in self.clips) and all(self.groups) and not self.in_tile and not self.in_glyph

    def _count(self, text: Any) -> None:
        """Count the glyphs of a text."""
        span = text.head
        while span and not self.in_mask:
            self.trace.glyphs += span.len
            span = span.next

    def fill_image(self, ctx: Any, image: Any, ctm: Any, alpha: float, params: Any) -> None:
        self._note(image, ctm, alpha, None)

    def fill_image_mask(
        self, ctx: Any, image: Any, ctm: Any, colorspace: Any, color: Any, alpha: float, params: Any
    ) -> None:
        space = mupdf.FzColorspace(mupdf.ll_fz_keep_colorspace(colorspace))
        count = mupdf.fz_colorspace_n(space)
        values = tuple(mupdf.floats_getitem(color, index) for index in range(count))
        self._note(image, ctm, alpha, Stencil(space, values))

    def _note(self, image: Any, ctm: Any, alpha: float, stencil: Stencil | None) -> None:
        """Note an image that is painted with the matrix `ctm`."""
        if self.in_mask:
            self.trace.masks.append(mupdf.FzImage(mupdf.ll_fz_keep_image(image)))
            return
        if len(self.trace.images) >= self.limit:
            self.trace.cut = True
            self.cookie.m_internal.abort = 1
            return
        matrix = mupdf.FzMatrix(ctm)
        clip = self.clips[-1]
        box = clip.box if self.in_tile else intersect(clip.box, _unit_box(matrix))
        if area(box) <= 0:
            return
        masks = [each for each in self.clips if each.mask is not None]
        own_mask = masks[-1] if masks and masks[-1] is clip else None
        self.trace.images.append(
            PaintedImage(
                image=mupdf.FzImage(mupdf.ll_fz_keep_image(image)),
                matrix=matrix,
                box=box,
                alpha=alpha,
                mask=own_mask.mask if own_mask else None,
                mask_matrix=own_mask.mask_matrix if own_mask else None,
                stencil=stencil,
                plain=self._is_plain() and len(masks) <= 1 and (own_mask is not None or not masks),
                pixels=(image.w, image.h),
                repeated=bool(self.in_tile) or self.in_glyph,
            )
        )
        self.trace.glyphs_before.append(self.trace.glyphs)
        self.trace.fills_before.append(self.trace.fills)
        painted = self.trace.images[-1]
        opaque = painted.plain and not painted.translucent and _is_upright(matrix)
        self._occlude(box, opaque=opaque, image=len(self.trace.images) - 1)


def trace_page(page: pymupdf.Page, limit: int, *, all_layers: bool = False) -> PageTrace:
    """The trace of `page`, or of what it would be with `all_layers` on.

    Raises TooLarge past `limit` images, and MuPDF's errors where the page is broken.
    """
    rect = page.rect
    trace = PageTrace((rect.x0, rect.y0, rect.x1, rect.y1))
    cookie = mupdf.FzCookie()
    listener = Listener(trace, limit, cookie)
    forget()
    if all_layers:  # without a usage MuPDF takes every layer as on
        shown = mupdf.pdf_page_from_fz_page(page.this)
        mupdf.pdf_run_page_with_usage(shown, listener, mupdf.FzMatrix(), None, cookie)
    else:
        mupdf.fz_run_page(page.this, listener, mupdf.FzMatrix(), cookie)
    mupdf.fz_close_device(listener)
    if trace.cut:
        raise TooLarge(f"more than {limit} images are painted on it; the page is not read")
    if cookie.m_internal.errors:
        trace.complaints = losses()
    return trace


def trace_list(content: pymupdf.DisplayList, box: Box) -> PageTrace:
    """The trace of a display list of a page with this box."""
    trace = PageTrace(box)
    cookie = mupdf.FzCookie()
    listener = Listener(trace, sys.maxsize, cookie)
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    mupdf.fz_run_display_list(content.this, listener, mupdf.FzMatrix(), everywhere, cookie)
    return trace


def _is_upright(matrix: Any) -> bool:
    """Whether the matrix maps the unit square to an upright rectangle."""
    a, b, c, d = (abs(float(value)) for value in (matrix.a, matrix.b, matrix.c, matrix.d))
    return max(b, c) < 1e-3 or max(a, d) < 1e-3


def _box(rect: Any) -> Box:
    """The box of a rectangle of MuPDF."""
    return (rect.x0, rect.y0, rect.x1, rect.y1)


def _unit_box(matrix: Any) -> Box:
    """The box around the unit square under the matrix."""
    return _box(mupdf.fz_transform_rect(mupdf.FzRect(mupdf.FzRect.Fixed_UNIT), matrix))
