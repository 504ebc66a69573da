"""Measures how much of an image its data do not give.

MuPDF goes on after an error in an image's data, and its messages do not tell a missing checksum from a missing half.
Here the samples are counted. libjpeg fills up what it has no data for: blocks with mid-grey, which is looked for, and
missing scans of a progressive JPEG with nothing, so its scans are counted. An image may end in just that grey: then it
is decoded again with different data after its end, on which pixels that are in the file do not depend (ITU-T T.81, B).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from pymupdf import mupdf

from extractors.page.recode import compressed_data

MISSING = 0.01  # share of an image up to which it counts as whole: sloppy encoders leave out a row or a few bytes
FILLED = (126, 129)  # least and largest sample of blocks without data: 128, and what colour conversion makes of it
_END = b"\xff\xd9"  # end of the image
_SCAN_START = b"\xff\xda"
_NOISE = bytes(n * 97 % 251 for n in range(1, 129))  # 128 bytes without 0xFF: data of some blocks, and no marker
_PROGRESSIVE = b"\xff\xc2"  # start of a progressive frame (ITU-T T.81, table B.1)
_SCAN = re.compile(rb"\xff\xda..(.)", re.DOTALL)  # start of a scan, its length, the number N of its components (B.2.3)
_COEFFICIENTS = 64  # of a block


def missing_share(image: Any) -> float:
    """The share of an image (mupdf.FzImage) that its data do not give, in [0, 1]; 1 where it cannot be decoded.

    Of JBIG2 only the latter can be told: what can be decoded is a whole page, whatever its data are.
    """
    buffer = mupdf.ll_fz_compressed_image_buffer(image.m_internal)
    if not buffer:
        return 0.0
    try:
        if buffer.params.type == mupdf.FZ_IMAGE_JPX:  # decoded whole or not at all
            mupdf.fz_get_unscaled_pixmap_from_image(image)
            return 0.0
        stride = (image.w() * image.n() * image.bpc() + 7) // 8
        decoded = mupdf.ll_fz_open_image_decomp_stream_from_buffer_outparams()
        decoded.l2factor = 0  # at full size
        stream = mupdf.ll_fz_open_image_decomp_stream_from_buffer_outparams_fn(buffer, decoded)
        rows = mupdf.fz_skip(mupdf.FzStream(stream), stride * image.h()) / stride
        if buffer.params.type == mupdf.FZ_IMAGE_JPEG:
            data = compressed_data(buffer).tobytes()
            rows = 0 if lacks_scans(data) else _rows_with_data(image, data, int(rows))
    except mupdf.FzErrorBase:
        return 1.0
    return 1 - float(rows) / int(image.h())


def _rows_with_data(image: Any, data: bytes, rows: int) -> int:
    """The number of the first `rows` rows of a JPEG without those at its end that libjpeg has filled up."""
    samples = _samples(image)[:rows]
    given = np.flatnonzero((samples.min(axis=1) < FILLED[0]) | (samples.max(axis=1) > FILLED[1]))
    if given.size and given[-1] + 1 == rows:
        return rows
    end = data.find(_END, data.rfind(_SCAN_START))
    body = data[: end if end >= 0 else None].rstrip(b"\xff")
    plain, noisy = (
        _samples(mupdf.fz_new_image_from_buffer(mupdf.fz_new_buffer_from_copied_data(body + after + _END)))
        for after in (b"", _NOISE)
    )
    differ = np.flatnonzero((plain != noisy).any(axis=1))
    return min(int(differ[0]), rows) if differ.size else rows


def _samples(image: Any) -> npt.NDArray[np.uint8]:
    """The samples of an image, [H, W * channels]."""
    pixmap = mupdf.fz_get_unscaled_pixmap_from_image(image)
    samples = np.frombuffer(mupdf.fz_pixmap_samples_memoryview(pixmap), np.uint8)
    return samples.reshape(mupdf.fz_pixmap_height(pixmap), -1).copy()


def lacks_scans(data: bytes) -> bool:
    """Whether scans of a progressive JPEG are missing: those to the last bit of each coefficient (G.1.1.1)."""
    frame = data.find(_PROGRESSIVE)
    if frame < 0 or frame > data.find(_SCAN_START):
        return False
    whole = np.zeros((256, _COEFFICIENTS), np.bool_)  # by number of the component
    for scan in _SCAN.finditer(data, frame):
        parts = data[scan.end() : scan.end() + 2 * scan[1][0] + 3]  # N components, first and last coefficient, bits
        if len(parts) == 2 * scan[1][0] + 3:
            first, last, bits = parts[-3:]
            whole[list(parts[:-3:2]), first : last + 1] |= bits & 15 == 0
    components = data[frame + 10 : frame + 10 + 3 * data[frame + 9] : 3]
    return not whole[list(components)].all()
