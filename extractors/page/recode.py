"""Changes image objects of the open document, never its file, whose data MuPDF 1.28 reads otherwise than they mean.

- JPEG 2000 with an alpha channel that its dictionary does not announce: it is not to be used (ISO 32000-1, table 89,
  SMaskInData), and MuPDF blends with it.
- JPEG of more or fewer components than its colour space has, or of another size than its dictionary says: the data are
  right, as other viewers have it.
- White space before Flate data, left by writers that end the keyword `stream` with an empty line.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import pymupdf
from pymupdf import mupdf

_SPACES = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}  # by number of components
_WHITE = b"\0\t\n\f\r "
_CODESTREAM = b"\xff\x4f\xff\x51"  # start of a codestream and its size segment (ISO/IEC 15444-1, A.5.1)
_COMPONENTS_AT = 40  # bytes from there to the number of components
NO_FRAME = (0xC4, 0xC8, 0xCC)  # markers among 0xC0 to 0xCF that start no frame (ITU-T T.81, table B.1)


def is_odd(image: Any) -> bool:
    """Whether an image (mupdf.FzImage) may be one that OddImages changes; only its first bytes are looked at."""
    buffer = mupdf.ll_fz_compressed_image_buffer(image.m_internal)
    if not buffer:
        return False
    kind, data = buffer.params.type, compressed_data(buffer)
    if kind == mupdf.FZ_IMAGE_FLATE:
        return data[:1].tobytes() in _WHITE
    if kind == mupdf.FZ_IMAGE_JPEG:
        return jpeg_frame(data) not in (None, (image.n(), image.w(), image.h()))
    return bool(kind == mupdf.FZ_IMAGE_JPX and _jpx_components(data.tobytes()) == image.n() + 1)


class OddImages:
    """The odd image objects of a document; those of annotations, patterns and glyphs are in no list of a page's."""

    def __init__(self, document: pymupdf.Document, xrefs: Iterable[int]) -> None:
        self._document = document
        self._pdf = mupdf.pdf_document_from_fz_document(document.this)
        self._left: dict[int, Hashable] = {}  # by number, the image objects that have not been changed
        for xref in xrefs:
            with contextlib.suppress(mupdf.FzErrorBase):  # a broken image is reported when it is painted
                image = self._load(xref)
                if is_odd(image):
                    self._left[xref] = _identity(image)

    def recode(self, painted: Sequence[Any], most: int) -> bool:
        """Change those that are among these painted odd images, of at most so many pixels; whether there were any."""
        changed = False
        wanted = {_identity(image) for image in painted if image.w() * image.h() <= most}
        for xref in [xref for xref, identity in self._left.items() if identity in wanted]:
            del self._left[xref]
            with contextlib.suppress(mupdf.FzErrorBase, cv2.error):
                changed |= _recode(self._document, xref, self._load(xref))
        if changed:
            pymupdf.TOOLS.store_shrink(100)  # percent: the images as they were read before
        return changed

    def _load(self, xref: int) -> Any:
        return mupdf.pdf_load_image(self._pdf, mupdf.pdf_new_indirect(self._pdf, xref, 0))


def _identity(image: Any) -> Hashable:
    """What tells an image with compressed data from others: its size and a checksum of its data."""
    data = compressed_data(mupdf.ll_fz_compressed_image_buffer(image.m_internal))
    return image.w(), image.h(), zlib.crc32(data)


def _recode(document: pymupdf.Document, xref: int, image: Any) -> bool:
    """Change an odd image, the object `xref`; whether it is one of the kinds that are changed."""
    buffer = mupdf.ll_fz_compressed_image_buffer(image.m_internal)
    data = compressed_data(buffer).tobytes()
    if buffer.params.type == mupdf.FZ_IMAGE_FLATE:
        return _strip_flate(document, xref, data)
    if buffer.params.type == mupdf.FZ_IMAGE_JPEG:
        return _match_frame(document, xref, data, image)
    return _drop_alpha(document, xref, data, image.n())


def _strip_flate(document: pymupdf.Document, xref: int, data: bytes) -> bool:
    """Drop the white space before the data, where a header of zlib follows (RFC 1950, 2.2)."""
    stripped = data.lstrip(_WHITE)
    header = int.from_bytes(stripped[:2], "big")
    if document.xref_get_key(xref, "Filter")[1] != "/FlateDecode" or header >> 8 & 15 != 8 or header % 31:
        return False
    _, parameters = document.xref_get_key(xref, "DecodeParms")  # of a predictor, a dictionary or a reference
    document.update_stream(xref, stripped, compress=False)  # takes both entries off
    document.xref_set_key(xref, "Filter", "/FlateDecode")
    document.xref_set_key(xref, "DecodeParms", parameters)
    return True


def _match_frame(document: pymupdf.Document, xref: int, data: bytes, image: Any) -> bool:
    """Give a JPEG its own size, the device colour space of its number of components, and a Decode array that fits."""
    components, width, height = jpeg_frame(memoryview(data)) or (0, 0, 0)
    space = _SPACES.get(components)
    if space is None or document.xref_get_key(xref, "ImageMask")[1] == "true":
        return False
    document.xref_set_key(xref, "Width", str(width))
    document.xref_set_key(xref, "Height", str(height))
    if components != image.n():
        document.xref_set_key(xref, "ColorSpace", space)
        if len(document.xref_get_key(xref, "Decode")[1].strip("[]").split()) != 2 * components:
            document.xref_set_key(xref, "Decode", "null")
    return True


def _drop_alpha(document: pymupdf.Document, xref: int, data: bytes, components: int) -> bool:
    """Replace JPEG 2000 by its samples without the alpha channel, unless the dictionary announces that."""
    if components not in (1, 3) or document.xref_get_key(xref, "SMaskInData")[1] in ("1", "2"):
        return False
    how = cv2.IMREAD_COLOR if components == 3 else cv2.IMREAD_GRAYSCALE  # neither blends
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if decoded is None:
        return False
    samples = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB) if components == 3 else decoded
    document.update_stream(xref, samples.tobytes(), compress=False)
    entries = {"Filter": "null", "DecodeParms": "null", "Decode": "null", "BitsPerComponent": "8"}
    entries |= {"Width": str(samples.shape[1]), "Height": str(samples.shape[0])}
    if document.xref_get_key(xref, "ColorSpace")[0] == "null":
        entries["ColorSpace"] = _SPACES[components]
    for key, value in entries.items():
        document.xref_set_key(xref, key, value)
    return True


def compressed_data(buffer: Any) -> memoryview:
    """The data of a compressed image, whose buffer MuPDF keeps as long as the image."""
    return memoryview(mupdf.fz_buffer_storage_memoryview(mupdf.FzBuffer(mupdf.ll_fz_keep_buffer(buffer.buffer))))


def jpeg_frame(data: memoryview) -> tuple[int, int, int] | None:
    """Components, width and height of a JPEG's frame; None where no frame is found, or one whose height comes later."""
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in NO_FRAME:
            height, width, components = struct.unpack_from(">HHB", data, at + 5)
            return (components, width, height) if height else None
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    return None


def _jpx_components(data: bytes) -> int | None:
    """The number of components of a JPEG 2000 codestream; None where none is found."""
    at = data.find(_CODESTREAM)
    return int.from_bytes(data[at + _COMPONENTS_AT : at + _COMPONENTS_AT + 2], "big") if at >= 0 else None
