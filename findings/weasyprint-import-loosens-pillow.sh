#!/usr/bin/env bash
# Importing WeasyPrint has Pillow take an image that breaks off for a whole one, in the whole process.
#
# Seen with WeasyPrint 70.0 and Pillow 13.0.0: the import sets ImageFile.LOAD_TRUNCATED_IMAGES, a global of Pillow that
# is off by default. A PNG without its second half raises OSError before the import; after it the missing rows are black.
# Code of other modules that counts on the error then passes half an image on. (WeasyPrint needs Pango on the machine.)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check weasyprint==70.0 pillow==13.0.0
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import io
import random
import sys

from PIL import Image

noise = random.Random(1).randbytes(64 * 64 * 3)
file = io.BytesIO()
Image.frombytes("RGB", (64, 64), noise).save(file, "PNG")
half = file.getvalue()[: len(file.getvalue()) // 2]


def read() -> str:
    """What Pillow makes of the half."""
    try:
        image = Image.open(io.BytesIO(half)).convert("RGB")
    except OSError as error:
        return type(error).__name__
    return f"an image, last pixel {image.getpixel((63, 63))}"


before = read()
import weasyprint

after = read()
print(f"WeasyPrint {weasyprint.__version__}: before its import {before}; after it {after}")
sys.exit((before, after) != ("OSError", "an image, last pixel (0, 0, 0)"))
PYTHON
