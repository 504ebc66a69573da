#!/usr/bin/env bash
# Pillow reads a grey TIFF that stores white as zero (photometric 0) right at 1, 2, 4 and 8 bits, as a negative at 16.
#
# Seen with Pillow 13.0.0: up to 8 bits the samples are inverted on reading, so that 0 is black, as elsewhere in Pillow.
# The samples of 16 bits come as they are stored, in mode I;16 as for photometric 1; only the image's TIFF tag 262 tells
# the two apart. MuPDF inverts both. (16 bits are outside the baseline of TIFF 6.0, section 4, which has 4 and 8.)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 pymupdf==1.28.2
"$folder/env/bin/python" - <<'PYTHON'
import io
import struct
import sys

import PIL
import pymupdf
from PIL import Image

LONG, SHORT = 4, 3
STORED = {bits: bytes(bits // 2) + b"\xff" * (bits // 2) for bits in (2, 4, 8, 16)}  # four of zero, four greatest
STORED[1] = b"\x0f"


def tiff(bits: int, photometric: int) -> bytes:
    """An uncompressed grey TIFF, 8 wide and 1 high: header, samples, tags."""
    samples = STORED[bits].ljust(2, b"\0")
    tags = [(256, LONG, 8), (257, LONG, 1), (258, SHORT, bits), (259, SHORT, 1), (262, SHORT, photometric)]
    tags += [(273, LONG, 8), (277, SHORT, 1), (278, LONG, 1), (279, LONG, len(STORED[bits]))]
    header = struct.pack("<2sHI", b"II", 42, 8 + len(samples))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return header + samples + struct.pack("<H", len(tags)) + entries + bytes(4)


def is_white_first(bits: int, photometric: int) -> tuple[bool, bool]:
    """Whether the samples of zero, the left half, are the lighter ones: for Pillow, for MuPDF."""
    image = Image.open(io.BytesIO(tiff(bits, photometric)))
    pixmap = pymupdf.Pixmap(tiff(bits, photometric))
    return image.getpixel((0, 0)) > image.getpixel((7, 0)), pixmap.pixel(0, 0) > pixmap.pixel(7, 0)


print(f"Pillow {PIL.__version__}, PyMuPDF {pymupdf.VersionBind}")
changed = False
for bits in sorted(STORED):
    for photometric, right in ((0, True), (1, False)):
        pillow, mupdf = is_white_first(bits, photometric)
        said = ["a negative", "right"][pillow == right], ["a negative", "right"][mupdf == right]
        print(f"{bits:2} bits, photometric {photometric}: Pillow {said[0]}, MuPDF {said[1]}")
        changed |= mupdf != right or (pillow == right) == (bits == 16 and photometric == 0)
sys.exit(changed)
PYTHON
