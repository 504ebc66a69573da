"""Parts a file into its pixels and what it says beside them, so that odd metadata can never refuse good pixels.

Pillow reads texts, profiles and EXIF while it opens a file, and raises where one is too long, has a wrong CRC or a tag
of another type. So a JPEG, PNG or AVIF is given to Pillow without them. What is needed of them, the orientation and the
colour profile, is kept beside. What cannot be followed is left as it is, for Pillow to judge.
"""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAX_PIECES = 1 << 17  # chunks or segments of a file: 64 MiB in pieces of 512 bytes; more are work without an image
MAX_PROFILE = 4 << 20  # bytes; a printer's profile (CMYK, three rendering intents) has 0.5 to 3 MiB
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}  # critical chunks of PNG: Pillow judges them
_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
_AVIF_EXIF = re.compile(rb"(infe[\2\3]...(?:..|....)..)Exif", re.DOTALL)  # the entry of an Exif item (ISO 23008-12)


@dataclass(frozen=True)
class Parts:
    """The bytes of a file without its metadata, its EXIF (starting with its TIFF header or `Exif`) and ICC profile."""

    data: bytes
    exif: bytes | None = None
    profile: bytes | None = None


def parted(data: bytes) -> Parts:
    """The parts of an image file. EXIF and profile are None where there is none, or where Pillow is to find them."""
    if data.startswith(PNG):
        return _part_png(data)
    if data.startswith(JPEG):
        return _part_jpeg(data)
    if data[4:8] == b"ftyp":  # AVIF turns by its own property, which Pillow reads; its Exif item is not to be used
        return Parts(_AVIF_EXIF.sub(rb"\1skip", data[: 1 << 16]) + data[1 << 16 :])
    return Parts(data)


def _part_png(data: bytes) -> Parts:
    """A PNG with the chunks that its pixels need, and of the others those that are sound."""
    kept, exif, profile = [PNG], None, None
    depth, colours = data[24:26] if len(data) > 25 else (8, 2)
    chunks = list(_chunks(data))
    is_animated = all(sound for kind, _, sound in chunks if kind in _ANIMATION)
    for kind, chunk, sound in chunks:
        content = chunk[8:-4]
        if kind in _PIXELS or (kind in _ANIMATION and is_animated):
            kept.append(chunk)
        elif kind == b"tRNS" and sound:
            kept.append(_chunk(b"tRNS", _transparent_colour(content, depth, colours)))
        elif kind == b"eXIf" and sound:
            exif = content
        elif kind == b"iCCP" and sound:
            profile = _inflated(content)
    return Parts(b"".join(kept), exif, profile)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind and bytes of each chunk of a PNG up to the last, and whether its CRC is right."""
    at = len(PNG)
    for _ in range(MAX_PIECES):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + size + 12]
        yield kind, chunk, kind not in _PIXELS and chunk == _chunk(kind, chunk[8:-4])
        if kind == b"IEND":
            return
        at += size + 12
    raise ValueError(f"it has over {MAX_PIECES} chunks")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _transparent_colour(content: bytes, depth: int, colours: int) -> bytes:
    """The colour of tRNS, at the depth at which Pillow compares it: 8 bits, but for 16-bit grey."""
    if colours == 2 and depth == 16:
        return b"".join(bytes((0, high)) for high in content[::2])
    if colours == 0 and depth in (2, 4) and len(content) == 2:
        return bytes((0, content[1] * 255 // (2**depth - 1) & 255))
    return content


def _inflated(content: bytes) -> bytes | None:
    """The profile in an iCCP chunk; None where it is damaged or over MAX_PROFILE."""
    _, _, packed = content.partition(b"\0")
    unpacking = zlib.decompressobj()
    try:
        profile = unpacking.decompress(packed[1:], MAX_PROFILE)
    except zlib.error:
        return None
    return profile if unpacking.eof else None


def _says_colours(marker: int, content: bytes) -> bool:
    """Whether an application's segment says what the components of a JPEG are: JFIF's or Adobe's, whole."""
    jfif = marker == 0xE0 and content.startswith(b"JFIF\0") and len(content) >= 14
    return jfif or (marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12)


def _part_jpeg(data: bytes) -> Parts:
    """A JPEG without comments and applications' segments, but for those that say what its colours are."""
    kept, exif = [data[:2]], None
    profile: dict[int, bytes] = {}
    at = 2
    for piece in itertools.count():
        at = data.find(b"\xff", at)
        if piece > MAX_PIECES:
            raise ValueError(f"it has over {MAX_PIECES} segments")
        if at < 0 or at + 4 > len(data):
            break
        marker = data[at + 1]
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # fill, or no segment
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (0xDA, 0xD9):  # scans follow, or nothing
            break
        segment = data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4])]
        content = segment[4:]
        if marker == 0xE1 and content.startswith(b"Exif\0") and exif is None:
            exif = content
        elif marker == 0xE2 and content.startswith(b"ICC_PROFILE\0") and len(content) > 14:
            profile[content[12]] = content[14:]
        if _says_colours(marker, content) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(segment)
        at += max(len(segment), 2)
    if at < 0:
        return Parts(data)
    whole = b"".join(profile[number] for number in sorted(profile))
    return Parts(b"".join([*kept, data[at:]]), exif, whole if 0 < len(whole) <= MAX_PROFILE else None)
