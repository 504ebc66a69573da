"""Records of what a page paints: its images, and the areas that are painted over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from pymupdf import mupdf

from extractors.model import Box, Limits

_OPAQUE = 250  # sample of a soft mask from which on nothing is seen through it; JPEG makes 255 a little less
_RIM = 0.5  # share of the rim below that: a photograph that fades at three sides has more, rounded corners have less


@dataclass(frozen=True)
class Stencil:
    """The colour in which a one-bit image without colours of its own is painted."""

    colorspace: Any  # mupdf.FzColorspace
    color: tuple[float, ...]


@dataclass(frozen=True)
class PaintedImage:
    """One image as a page paints it. `image`, `mask` and the matrices are MuPDF objects; nothing is decoded."""

    image: Any  # mupdf.FzImage
    matrix: Any  # mupdf.FzMatrix: unit square -> page
    box: Box  # the part of it inside its clip, in points
    alpha: float  # opacity in [0, 1]
    mask: Any | None  # mupdf.FzImage: a clip to an image, painted with `mask_matrix`
    mask_matrix: Any | None
    stencil: Stencil | None
    plain: bool  # whether the image painted alone equals the page there
    pixels: tuple[int, int]  # declared width, height
    repeated: bool = False  # whether a pattern or a glyph paints it, which MuPDF renders once for all its places

    @property
    def translucent(self) -> bool:
        """Whether the page under the image may be seen through it."""
        return self.alpha < 1 or self.mask is not None or self.stencil is not None or bool(self.image.use_colorkey())

    @property
    def place(self) -> tuple[float, ...]:
        """What tells it from the page's other images: its size in pixels, and where it is painted."""
        matrix = self.matrix
        return (*self.pixels, matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)

    @cached_property
    def fading(self) -> bool:
        """Whether it has a soft mask by which most of its rim may fade into the page. It decodes the mask.

        Raises MuPDF's errors where that cannot be decoded.
        """
        if self.mask is None or self.mask.bpc() == 1:
            return False
        pixmap = mupdf.fz_get_unscaled_pixmap_from_image(self.mask)
        height, stride = mupdf.fz_pixmap_height(pixmap), mupdf.fz_pixmap_stride(pixmap)
        samples = np.frombuffer(mupdf.fz_pixmap_samples_memoryview(pixmap), np.uint8).reshape(height, stride)
        sides = (samples[0], samples[-1], samples[:, 0], samples[:, -1])
        return float(np.mean([(side < _OPAQUE).mean() for side in sides])) > _RIM

    def excess(self, limits: Limits) -> str | None:
        """What of the image, or of its soft mask, goes over the limits; None where nothing does."""
        image = self.image.m_internal
        for part in (image, image.mask):
            if part and part.w * part.h > limits.image_pixels:
                allowed = limits.bilevel_pixels if _is_bilevel(part) else limits.image_pixels
                if part.w * part.h > allowed:
                    return f"an image is {part.w}x{part.h} px; at most {allowed} pixels are read"
        return None


def _is_bilevel(image: Any) -> bool:
    """Whether MuPDF reduces an image of one bit a pixel row by row, for which it has to be no index of colours."""
    plain = image.bpc == 1 and image.n <= 1 and not image.use_colorkey
    return plain and not (image.colorspace and mupdf.ll_fz_colorspace_is_indexed(image.colorspace))


@dataclass(frozen=True)
class Occluder:
    """An area that is painted over the page as it is then: a filled path, a shading or an image."""

    box: Box
    opaque: bool  # whether nothing under `box` is seen
    after: int  # number of images painted before it
    image: int | None = None  # index of the image that it is


@dataclass
class PageTrace:
    """The images of a page, and how much is visibly painted before and after each of them."""

    box: Box
    images: list[PaintedImage] = field(default_factory=list)
    glyphs: int = 0  # painted so far
    glyphs_before: list[int] = field(default_factory=list)  # for each image
    fills: int = 0  # filled paths and shadings painted so far
    fills_before: list[int] = field(default_factory=list)  # for each image
    occluders: list[Occluder] = field(default_factory=list)  # painted after the first image
    drawn: int = 0  # painted paths that are more than a line or a rectangle, as told by their size in memory
    masks: list[Any] = field(default_factory=list)  # mupdf.FzImage: painted in definitions of soft masks
    cut: bool = False  # whether the page paints more images than are listed
    complaints: list[str] = field(default_factory=list)  # messages of MuPDF about what it left out

    def glyphs_over(self, index: int) -> int:
        """The number of glyphs painted after image `index`, which may be text on top of it."""
        return self.glyphs - self.glyphs_before[index]

    def occluders_over(self, members: Sequence[int], box: Box) -> list[Occluder]:
        """The occluders that meet `box`, are painted after the first of the images `members` and are none of them."""
        x0, y0, x1, y1, after = self._occluder_table
        over = (after > members[0]) & (x0 < box[2]) & (x1 > box[0]) & (y0 < box[3]) & (y1 > box[1])
        occluders = (self.occluders[index] for index in np.flatnonzero(over).tolist())
        return [occluder for occluder in occluders if occluder.image not in members]

    @cached_property
    def _occluder_table(self) -> npt.NDArray[np.float64]:
        """Box and `after` of each occluder of the finished trace, [5, N]."""
        rows = [(*occluder.box, occluder.after) for occluder in self.occluders]
        return np.array(rows, np.float64).reshape(-1, 5).T
