"""Takes from a JPEG what is not pixels: metadata by which its reader would turn it or convert its colours.

A page shows the samples of a JPEG whatever its EXIF orientation and its embedded profile say (ISO 32000-1, 7.4.8).
"""

from __future__ import annotations

from extractors.page.missing import lacks_scans
from extractors.page.recode import NO_FRAME

_CODED = (0xC0, 0xC1, 0xC2)  # start of a frame that every reader has: baseline, extended, progressive
_SCAN = 0xDA  # start of scan
_END = b"\xff\xd9"  # end of image
_APPLICATIONS = range(0xE0, 0xF0)
_COMMENT = 0xFE
_SAYS_COLOURS = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}  # applications' segments that say what the components are


def plain_jpeg(data: bytes) -> bytes | None:
    """The JPEG with the segments that its pixels need and no others.

    None where a reader may refuse it: a coding that few have, a broken header, missing scans, no end.
    """
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data):
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _SCAN:
            ends = data.find(_END, data.rfind(bytes((0xFF, _SCAN)))) >= 0
            return b"".join([*kept, data[at:]]) if ends and not lacks_scans(data) else None
        if 0xC0 <= marker <= 0xCF and marker not in _CODED and marker not in NO_FRAME:
            return None
        says_colours = marker in _SAYS_COLOURS and data.startswith(_SAYS_COLOURS[marker], at + 4)
        if says_colours or not (marker in _APPLICATIONS or marker == _COMMENT):
            kept.append(data[at:end])
        at = end
    return None
