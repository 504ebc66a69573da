#!/usr/bin/env bash
# Image.paste of a number into a 16-bit grey image of Pillow fills with the number's low byte, twice.
#
# Seen with Pillow 13.0.0, mode I;16: paste(16384, box) gives black and paste(1000, box) 59624 (0x03E8 becomes 0xE8E8),
# with no mask or one of mode 1. Image.new, ImageDraw, putpixel, and paste with a mask of mode L take the number whole;
# so does all in mode I. ImageDraw had the same fault (Pillow issue 7245, mended by pull request 7257).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
"$folder/env/bin/python" - <<'PYTHON'
import sys

import PIL
from PIL import Image, ImageDraw

SIZE, BOX = (4, 4), (0, 0, 4, 4)
WAYS = {
    "paste": lambda image, grey: image.paste(grey, BOX),
    "paste, mask of mode 1": lambda image, grey: image.paste(grey, BOX, Image.new("1", SIZE, 1)),
    "paste, mask of mode L": lambda image, grey: image.paste(grey, BOX, Image.new("L", SIZE, 255)),
    "paste of an image": lambda image, grey: image.paste(Image.new(image.mode, SIZE, grey), BOX),
    "ImageDraw": lambda image, grey: ImageDraw.Draw(image).rectangle((0, 0, 3, 3), fill=grey),
}


def filled(mode: str, way: str, grey: int) -> int:
    image = Image.new(mode, SIZE)
    WAYS[way](image, grey)
    return image.getpixel((1, 1))


GREYS = (200, 1000, 16384, 65535)
print(f"Pillow {PIL.__version__}, the greys {GREYS}")
wrong = {}
for way in WAYS:
    for mode in ("I;16", "I"):
        values = tuple(filled(mode, way, grey) for grey in GREYS)
        print(f"{way:21} into {mode:4}: {values}")
        if values != GREYS:
            wrong[way, mode] = values
low_bytes = tuple(grey % 256 * 257 for grey in GREYS)
sys.exit(wrong != {("paste", "I;16"): low_bytes, ("paste, mask of mode 1", "I;16"): low_bytes})
PYTHON
