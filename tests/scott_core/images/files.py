"""Image files written by hand: segments of JPEG, chunks of PNG, directories of EXIF."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # [H, W, 3]
Entry = tuple[int, int, int, bytes]  # tag, type, count, and four bytes of value


def photo(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """A soft image of many colours, no two corners of which are alike."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image, fmt: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, fmt, **options)
    return stream.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    """A segment of JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with one more segment at its start."""
    return jpeg[:2] + segment(marker, content) + jpeg[2:]


def chunk(kind: bytes, content: bytes, crc: int | None = None) -> bytes:
    """A chunk of PNG, with another CRC than its own if one is given."""
    found = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", found)


def png(samples: NDArray[np.uint8 | np.uint16], *chunks: bytes, depth: int | None = None) -> bytes:
    """A PNG of samples [H, W] (grey), or [H, W, C] of two to four channels, with `chunks` before its pixels."""
    depth = depth or samples.dtype.itemsize * 8
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    colours = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if depth == 16 else np.uint8).reshape(height, -1)
    if depth < 8:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    whole = [chunk(b"IHDR", head), *chunks, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def exif(entries: Sequence[Entry], order: str = "<", after: bytes = b"") -> bytes:
    """An EXIF block: a TIFF header and one directory, in byte order `<` or `>`, and bytes after it."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(f"{order}HHI", *each[:3]) + each[3] for each in entries)
    return mark + struct.pack(f"{order}IH", 8, len(entries)) + body + struct.pack(f"{order}I", 0) + after


def matrix_profile(red: Sequence[float], green: Sequence[float], blue: Sequence[float], gamma: float) -> bytes:
    """An RGB profile (ICC.1:2001-04) of three primaries, as XYZ under D50, and one gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    tags = [(name, _xyz(value)) for name, value in ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue))]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return profile(b"RGB ", b"XYZ ", b"mntr", tags)


def grey_profile(gamma: float) -> bytes:
    """A profile of grey levels with one gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    return profile(b"GRAY", b"XYZ ", b"mntr", [(b"kTRC", curve)])


def ink_profile(corners: NDArray[np.float64]) -> bytes:
    """A CMYK profile: `corners` [2, 2, 2, 2] is the lightness, 0 to 1, of no or full C, M, Y, K; all are grey."""
    lab = np.stack([corners * 255, np.full_like(corners, 128), np.full_like(corners, 128)], -1).round().astype(np.uint8)
    ramp = bytes(range(256))
    unit = struct.pack(">9I", *(65536 * (n % 4 == 0) for n in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + unit + ramp * 4 + lab.tobytes() + ramp * 3
    return profile(b"CMYK", b"Lab ", b"prtr", [(b"A2B0", table), (b"A2B1", table)])


def _xyz(value: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(each * 65536) for each in value))


def profile(space: bytes, connection: bytes, device: bytes, tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    """An ICC profile of version 2 with these tags and D50 as its white."""
    named = [*tags, (b"wtpt", _xyz((0.9642, 1.0, 0.8249)))]
    at, table, body = 132 + 12 * len(named), b"", b""
    for name, content in named:
        padded = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", at + len(body), len(content))
        body += padded
    white = struct.pack(">3i", *(round(each * 65536) for each in (0.9642, 1.0, 0.8249)))
    head = struct.pack(">I4sI", at + len(body), b"", 0x02400000) + device + space + connection
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + struct.pack(">I", len(named)) + table + body
