"""Says whether a JPEG that ends oddly lost pixels.

A JPEG often comes without its last two bytes, the end marker, and every viewer shows it whole; one that was cut earlier
lacks pixels, which libjpeg fills with grey, or refuses, by where the cut lies. So the file is decoded twice, with
different data after its end: pixels that are in the file do not depend on what follows it (ITU-T T.81, annex B).
A progressive JPEG must have all its scans, too. One whose last scan was cut and then closed by an end marker is read,
for its last pixel has a colour from the scans before.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image

from scott_core.images.metadata import MAX_PIECES

END = b"\xff\xd9"
_NOISE = bytes(n * 97 % 251 for n in range(1, 129))  # 128 bytes without 0xFF: data of some blocks, and no marker
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # no fill byte, escaped 0xFF or restart marker
_FILL = (127, 128)  # levels of a block without data; 127 where CMYK is inverted


def mended(data: bytes) -> Image.Image | None:
    """The image of a JPEG that only lacks its end marker, loaded; None where it lacks pixels too."""
    body = data.rstrip(b"\xff")
    image = _same_whatever_follows(body)
    return image if image is not None and has_every_scan(body) else None


def seems_cut(image: Image.Image, data: bytes) -> bool:
    """Whether the file was cut and then closed by an end marker, so that libjpeg filled the rest of `image` with grey.

    Only an image whose last pixel is that grey is decoded again, which costs others nothing.
    """
    last = np.asarray(image.crop((image.width - 1, image.height - 1, image.width, image.height)))
    return bool(np.isin(last, _FILL).all()) and _same_whatever_follows(data[: data.rfind(END)]) is None


def has_every_scan(body: bytes) -> bool:
    """Whether the scans give every coefficient of every component to its last bit.

    A progressive JPEG may be cut between two scans.
    """
    missing: dict[int, set[int]] = {}
    at = 2
    for _ in range(MAX_PIECES):
        found = _MARKER.search(body, at)
        if found is None:
            break
        at, kind = found.end(), found.group()[1]
        if kind == END[1]:
            break  # what follows may be another image
        segment = body[at + 2 : at + int.from_bytes(body[at : at + 2])]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):  # start of frame; no tables
            missing = {component: set(range(64)) for component in segment[6::3]}
        elif kind == 0xDA and len(segment) >= 4 + 2 * segment[0]:
            first, last, bits = segment[-3:]
            for component in segment[1:-3:2]:
                if bits & 15 == 0:
                    missing.get(component, set()).difference_update(range(first, last + 1))
        at += len(segment) + 2
    else:
        return False
    return bool(missing) and not any(missing.values())


def _same_whatever_follows(body: bytes) -> Image.Image | None:
    """The image in a JPEG without its end marker; None where other bytes after it would give other pixels."""
    try:
        plain, noisy = (Image.open(io.BytesIO(body + tail + END), formats=["JPEG"]) for tail in (b"", _NOISE))
        same = np.array_equal(np.asarray(plain), np.asarray(noisy))
    except OSError:
        return None
    return plain if same else None
