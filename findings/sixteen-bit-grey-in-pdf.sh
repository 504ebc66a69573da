#!/usr/bin/env bash
# fpdf2 and ReportLab write a 16-bit grey PNG into a PDF as black and white: what is over 255 of 65535 becomes white.
#
# Seen with fpdf2 2.8.9 and ReportLab 5.1.0, no warning from either: both have Pillow convert the image, which clips
# mode I;16 rather than scaling it (known there, Pillow issue 2574). Saving as WebP or GIF goes the same way; Pillow's
# JPEG and PDF writers refuse the mode. PyMuPDF's insert_image scales. A tRNS chunk in the PNG changes nothing.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pins="fpdf2==2.8.9 reportlab==5.1.0 pillow==13.0.0 pymupdf==1.28.2"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check $pins
"$folder/env/bin/python" - <<'PYTHON'
import io
import sys
from importlib.metadata import version

import pymupdf
from fpdf import FPDF
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

GREYS = (0, 1000, 16384, 32768, 49152, 65535)  # a band of 10 by 10 pixels each
SIZE = (10 * len(GREYS), 10)
image = Image.new("I;16", SIZE)
for place in range(SIZE[0] * SIZE[1]):
    image.putpixel((place % SIZE[0], place // SIZE[0]), GREYS[place % SIZE[0] // 10])
image.save(png := io.BytesIO(), "PNG")


def by_fpdf2() -> bytes:
    document = FPDF(unit="pt", format=SIZE)
    document.add_page()
    document.image(io.BytesIO(png.getvalue()), 0, 0, *SIZE)
    return bytes(document.output())


def by_reportlab() -> bytes:
    canvas = Canvas(written := io.BytesIO(), pagesize=SIZE)
    canvas.drawImage(ImageReader(io.BytesIO(png.getvalue())), 0, 0, *SIZE)
    canvas.save()
    return written.getvalue()


def by_pymupdf() -> bytes:
    page = (document := pymupdf.open()).new_page(width=SIZE[0], height=SIZE[1])
    page.insert_image(page.rect, stream=png.getvalue())
    return document.tobytes()


print(f"stored, of 65535: {GREYS}; Pillow {version('pillow')}")
changed = False
for name, write in (("fpdf2", by_fpdf2), ("reportlab", by_reportlab), ("pymupdf", by_pymupdf)):
    shown = pymupdf.open(stream=write(), filetype="pdf")[0].get_pixmap()
    greys = [shown.pixel(x, 5)[0] for x in range(5, SIZE[0], 10)]
    print(f"{name:9} {version(name):6} on the page, of 255: {greys}")
    is_right = all(abs(grey - stored / 257) < 2 for grey, stored in zip(greys, GREYS, strict=True))
    changed |= not is_right if name == "pymupdf" else greys != [0, 255, 255, 255, 255, 255]
sys.exit(changed)
PYTHON
