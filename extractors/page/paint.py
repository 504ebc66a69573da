"""Paints pixels by MuPDF: a group of images alone on white, or a region of the page as it is shown.

Painting settles in one step what a decoder would have to settle case by case: colour spaces, Decode arrays, masks of
any size, orientation, pieces of one image. All results are uint8 RGB arrays [H, W, 3].
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import pymupdf
from pymupdf import mupdf

from extractors.geometry import enclose
from extractors.model import Box, Pixels
from extractors.page.painted import PageTrace, PaintedImage
from extractors.page.trace import trace_list

NEAR = 1.0  # points: an image no farther than this from a region may touch a pixel of it


def native_scale(images: Sequence[PaintedImage]) -> float:
    """The pixels per point of the finest image of the group: at this scale none loses detail."""

    def density(image: PaintedImage) -> float:
        m = image.matrix
        across, down = math.hypot(m.a, m.b), math.hypot(m.c, m.d)
        return max(image.pixels[0] / max(across, 1e-6), image.pixels[1] / max(down, 1e-6))

    return max(density(image) for image in images)


def paint_group(images: Sequence[PaintedImage], max_side: int, *, rows: int | None = None) -> Pixels:
    """The images alone, in order, on white, at their own resolution (at most `max_side` px on the longer side).

    Of these only the first `rows` are painted, and decoded, where that is given.
    """
    (width, height), to_pixels = _frame(images, max_side)
    height = height if rows is None else min(rows, height)
    pixmap = mupdf.fz_new_pixmap_with_bbox(
        mupdf.fz_device_rgb(), mupdf.FzIrect(0, 0, width, height), mupdf.FzSeparations(), 0
    )
    mupdf.fz_clear_pixmap_with_value(pixmap, 255)
    device = mupdf.fz_new_draw_device(mupdf.FzMatrix(), pixmap)
    for image in images:
        _paint(device, image, to_pixels)
    mupdf.fz_close_device(device)
    return _to_array(pixmap)


def own_size(images: Sequence[PaintedImage], max_side: int) -> tuple[int, int]:
    """Width and height in px at which paint_group() paints the images."""
    return _frame(images, max_side)[0]


def paint_key(images: Sequence[PaintedImage], max_side: int) -> Hashable:
    """A key that is equal for groups that paint_group() paints alike.

    It holds addresses of images, so it is valid only as long as both groups are kept.
    """
    size, to_pixels = _frame(images, max_side)

    def place(matrix: Any) -> tuple[float, ...]:
        m = _snapped(mupdf.fz_concat(matrix, to_pixels))
        return tuple(round(value, 2) for value in (m.a, m.b, m.c, m.d, m.e, m.f))

    def key(image: PaintedImage) -> Hashable:
        mask = image.mask and (image.mask.m_internal_value(), place(image.mask_matrix))
        stencil = image.stencil and (image.stencil.colorspace.m_internal_value(), image.stencil.color)
        return image.image.m_internal_value(), place(image.matrix), image.alpha, mask, stencil

    return size, tuple(key(image) for image in images)


class ShownPage:
    """A page as it is shown, whole or with some of its images alone. It is interpreted once, at the first region."""

    def __init__(self, page: pymupdf.Page) -> None:
        self._page = page

    @cached_property
    def _content(self) -> pymupdf.DisplayList:
        """The page as a list of drawing operations."""
        content = mupdf.fz_new_display_list(mupdf.fz_bound_page(self._page.this))
        device = mupdf.fz_new_list_device(content)
        device.m_internal.begin_structure = device.m_internal.end_structure = None  # some structure tags hang MuPDF
        mupdf.fz_run_page(self._page.this, device, mupdf.FzMatrix(), mupdf.FzCookie())
        mupdf.fz_close_device(device)
        return pymupdf.DisplayList(content)

    @cached_property
    def _listed(self) -> _Listed:
        """The images of the content."""
        rect = self._page.rect
        return _Listed(trace_list(self._content, (rect.x0, rect.y0, rect.x1, rect.y1)))

    def region(self, box: Box, scale: float, max_side: int, only: Sequence[PaintedImage] | None = None) -> Pixels:
        """The region `box` (points) at `scale` pixels per point, or less so that no side passes `max_side` px.

        It is shown with `only` these images of the page's trace, by default with all.
        """
        scale = _scale(box, scale, max_side)
        matrix, clip = pymupdf.Matrix(scale, scale), pymupdf.Rect(box)
        with _hidden([] if only is None else self._listed.others(only, box)):
            return _to_array(self._content.get_pixmap(matrix=matrix, colorspace=pymupdf.csRGB, clip=clip).this)


class _Listed:
    """The images that a display list paints: those of the page's trace, as other objects."""

    def __init__(self, trace: PageTrace) -> None:
        self._images = trace.images
        self._boxes = np.array([image.box for image in trace.images], np.float64).reshape(-1, 4).T  # [4, N]
        self._objects = [int(image.image.m_internal_value()) for image in trace.images]
        self._at: defaultdict[Hashable, set[int]] = defaultdict(set)  # the objects by _place()
        for image, number in zip(trace.images, self._objects, strict=True):
            self._at[_place(image)].add(number)
        # Objects that the list also paints where others depend on them: in masks, and in tiles and glyphs, which MuPDF
        # would keep without their image
        self._needed = {int(mask.m_internal_value()) for mask in trace.masks}
        self._needed |= {each for each, image in zip(self._objects, trace.images, strict=True) if image.repeated}

    def others(self, only: Sequence[PaintedImage], box: Box) -> list[PaintedImage]:
        """The images in `box` (points) that may be hidden, without `only` and repeats, which are one object with them.

        It takes a time that does not grow with the images elsewhere.
        """
        kept = self._needed.union(*(self._at[_place(image)] for image in only))
        x0, y0, x1, y1 = self._boxes
        near = (x0 < box[2] + NEAR) & (x1 > box[0] - NEAR) & (y0 < box[3] + NEAR) & (y1 > box[1] - NEAR)
        return [self._images[index] for index in np.flatnonzero(near).tolist() if self._objects[index] not in kept]


def _place(image: PaintedImage) -> Hashable:
    """What tells the images of a page apart: where each is painted, and its size."""
    m = image.matrix
    return tuple(round(value, 2) for value in (m.a, m.b, m.c, m.d, m.e, m.f)), image.pixels


@contextmanager
def _hidden(images: Sequence[PaintedImage]) -> Iterator[None]:
    """Let MuPDF paint nothing of these images: it passes over an image without a width (draw-device.c)."""
    try:
        for image in images:
            image.image.m_internal.w = 0
        yield
    finally:
        for image in images:
            image.image.m_internal.w = image.pixels[0]


def _paint(device: Any, image: PaintedImage, to_pixels: Any) -> None:
    """Paint one image on a device of which `to_pixels` maps the page to its pixels."""
    params = mupdf.FzColorParams()
    matrix = _snapped(mupdf.fz_concat(image.matrix, to_pixels))
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    if image.mask is not None:
        mask_matrix = _snapped(mupdf.fz_concat(image.mask_matrix, to_pixels))
        mupdf.fz_clip_image_mask(device, image.mask, mask_matrix, everywhere)
    if image.stencil is None:
        mupdf.fz_fill_image(device, image.image, matrix, image.alpha, params)
    else:
        stencil = image.stencil
        color = mupdf.new_floats(max(len(stencil.color), 1))
        for index, value in enumerate(stencil.color):
            mupdf.floats_setitem(color, index, value)
        try:
            mupdf.fz_fill_image_mask(device, image.image, matrix, stencil.colorspace, color, image.alpha, params)
        finally:
            mupdf.delete_floats(color)
    if image.mask is not None:
        mupdf.fz_pop_clip(device)


def _snapped(matrix: Any) -> Any:
    """An upright or quarter-turned matrix moved to whole pixels, so that an image at its own size keeps its pixels."""
    if abs(matrix.b) < 1e-3 and abs(matrix.c) < 1e-3:
        left, right = round(matrix.e), round(matrix.e + matrix.a)
        top, bottom = round(matrix.f), round(matrix.f + matrix.d)
        if left != right and top != bottom:
            return mupdf.fz_make_matrix(right - left, 0, 0, bottom - top, left, top)
    elif abs(matrix.a) < 1e-3 and abs(matrix.d) < 1e-3:
        left, right = round(matrix.e), round(matrix.e + matrix.c)
        top, bottom = round(matrix.f), round(matrix.f + matrix.b)
        if left != right and top != bottom:
            return mupdf.fz_make_matrix(0, bottom - top, right - left, 0, left, top)
    return matrix


def _frame(images: Sequence[PaintedImage], max_side: int) -> tuple[tuple[int, int], Any]:
    """Width and height of the images together at their own resolution, and the matrix from the page to its pixels."""
    box = enclose(image.box for image in images)
    scale = _scale(box, native_scale(images), max_side)
    return _size(box, scale), mupdf.fz_make_matrix(scale, 0, 0, scale, -box[0] * scale, -box[1] * scale)


def _scale(box: Box, scale: float, max_side: int) -> float:
    """`scale` in pixels per point, or less where the longer side of `box` would pass `max_side` px."""
    return min(scale, max_side / max(box[2] - box[0], box[3] - box[1]))


def _size(box: Box, scale: float) -> tuple[int, int]:
    """Width and height in px of a box at `scale` pixels per point."""
    return max(round((box[2] - box[0]) * scale), 1), max(round((box[3] - box[1]) * scale), 1)


def _to_array(pixmap: Any) -> Pixels:
    """The samples of an RGB pixmap, [H, W, 3]."""
    width, height, stride = (
        mupdf.fz_pixmap_width(pixmap),
        mupdf.fz_pixmap_height(pixmap),
        mupdf.fz_pixmap_stride(pixmap),
    )
    rows = np.frombuffer(mupdf.fz_pixmap_samples_memoryview(pixmap), np.uint8).reshape(height, stride)
    return rows[:, : width * 3].reshape(height, width, 3).copy()
