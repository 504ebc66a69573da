"""Says whether a page shows an image just as the JPEG that it holds: then the JPEG is kept, and OpenCV decodes it.

It must lie upright at its own size, opaque, in colours that its colour space leaves as they are. Whether MuPDF gives
its components the same meaning (Adobe's marker, a transform that the document asks for) is seen in the first rows, that
are decoded without the rest. OpenCV and Pillow decode by libjpeg-turbo; MuPDF's libjpeg enlarges subsampled colours
differently, by less than a level in the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from pymupdf import mupdf

from extractors.model import Pixels
from extractors.page.jpeg.plain import plain_jpeg
from extractors.page.missing import FILLED
from extractors.page.paint import own_size, paint_group
from extractors.page.painted import PaintedImage
from extractors.page.recode import compressed_data, jpeg_frame

ROWS = 8  # px: first rows that are compared, a row of blocks
SAME_ROWS = 4.0  # levels: mean difference of those rows up to which they are the same
SAME_COLOUR = 2  # levels: a colour space that moves none of COLOURS by more is sRGB, as scott_core.images has it
COLOURS = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(-1, 3)  # 6 levels each
GREYS = np.arange(256, dtype=np.uint8)[:, None]


@dataclass(frozen=True)
class Raster:
    """The pixels of an image and, where the document has one, the JPEG that decodes to them."""

    pixels: Pixels
    jpeg: bytes | None = None


def paint_alone(group: Sequence[PaintedImage], max_side: int) -> Raster:
    """The images alone, in order, on white, at their own resolution (at most `max_side` px on the longer side).

    Raises MuPDF's errors where an image cannot be decoded.
    """
    return _shown_jpeg(group, max_side) or Raster(paint_group(group, max_side))


def _shown_jpeg(group: Sequence[PaintedImage], max_side: int) -> Raster | None:
    """The one image of a group as its JPEG, where that is what paint_group() would give, to a pixel of its size."""
    image = group[0]
    width, height = image.pixels
    if len(group) > 1 or max(image.pixels) > max_side or not _is_as_stored(image):
        return None
    if any(abs(side - own) > 1 for side, own in zip(own_size(group, max_side), image.pixels, strict=True)):
        return None
    buffer = mupdf.ll_fz_compressed_image_buffer(image.image.m_internal)
    if not buffer or buffer.params.type != mupdf.FZ_IMAGE_JPEG:
        return None
    data = compressed_data(buffer)
    if jpeg_frame(data) != (image.image.n(), width, height) or not _is_srgb(image.image.colorspace()):
        return None
    jpeg = plain_jpeg(data.tobytes())
    pixels = None if jpeg is None else cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None or pixels.shape != (height, width, 3):
        return None
    last = pixels[-1, -1]
    if last.min() >= FILLED[0] and last.max() <= FILLED[1]:  # cut, perhaps: MuPDF tells
        return None
    first = paint_group(group, max_side, rows=ROWS)[:, :width].astype(np.int16)
    apart = np.abs(first - pixels[:ROWS, : first.shape[1]]).mean()
    return Raster(np.asarray(pixels, np.uint8), jpeg) if apart <= SAME_ROWS else None


def _is_as_stored(image: PaintedImage) -> bool:
    """Whether the samples of an image, grey or RGB, are shown upright and opaque, none of them mapped to others."""
    matrix, stored = image.matrix, image.image.m_internal
    upright = matrix.a > 0 and matrix.d > 0 and abs(matrix.b) < 1e-3 and abs(matrix.c) < 1e-3
    space = stored.colorspace
    known = space and (mupdf.ll_fz_colorspace_is_rgb(space) or mupdf.ll_fz_colorspace_is_gray(space))
    return upright and bool(known) and not (image.translucent or stored.mask or stored.use_decode)


def _is_srgb(space: Any) -> bool:
    """Whether a colour space (mupdf.FzColorspace) of one or three components shows each colour as sRGB does."""
    given = COLOURS if mupdf.fz_colorspace_n(space) == 3 else GREYS
    pixmap = mupdf.fz_new_pixmap(space, len(given), 1, mupdf.FzSeparations(), 0)
    np.frombuffer(mupdf.fz_pixmap_samples_memoryview(pixmap), np.uint8)[:] = given.ravel()
    unused = mupdf.FzColorspace(), mupdf.FzDefaultColorspaces(), mupdf.FzColorParams()
    shown = mupdf.fz_convert_pixmap(pixmap, mupdf.fz_device_rgb(), *unused, 0)
    colours = np.frombuffer(mupdf.fz_pixmap_samples_memoryview(shown), np.uint8).reshape(-1, 3)
    return bool(np.abs(colours.astype(np.int16) - given).max() <= SAME_COLOUR)
