#!/usr/bin/env bash
# A JPEG in a PDF whose dictionary states another width: MuPDF cuts its rows by that width, pdfium by the JPEG's own.
#
# Seen with PyMuPDF 1.28.2 and pypdfium2 5.15.2: with a width of 62 or 66 for a JPEG of 64, MuPDF's picture slants, a column
# more or less each row, and ends early or in black; pdfium shows it upright. With the right width both do. So a viewer
# built on pdfium shows a product where a reader built on MuPDF sees stripes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pymupdf==1.28.2 pypdfium2==5.15.2 pillow==13.0.0
"$folder/env/bin/python" - <<'PYTHON'
import io
import sys

import pymupdf
import pypdfium2
from PIL import Image

SIDE = 64
bars = Image.new("RGB", (SIDE, SIDE), "white")
bars.paste("black", (0, 0, SIDE // 2, SIDE))  # the left half is black
coded = io.BytesIO()
bars.save(coded, "JPEG", quality=95)


def document(width: int) -> bytes:
    """A page filled with the JPEG, whose dictionary states `width`."""
    image, content = coded.getvalue(), b"%d 0 0 %d 0 0 cm /I Do" % (SIDE, SIDE)
    kind = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8" % (width, SIDE)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R" % (SIDE, SIDE)
        + b"/Resources<</XObject<</I 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<<%s/Filter/DCTDecode/Length %d>>stream\n%s\nendstream" % (kind, len(image), image),
    ]
    data, places = b"%PDF-1.6\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


def off(image: Image.Image) -> float:
    """The share of pixels, a margin beside the edge left out, that are not black on the left and white on the right."""
    left = image.convert("L").crop((4, 4, 28, 60)).histogram()
    right = image.convert("L").crop((36, 4, 60, 60)).histogram()
    return (sum(left[128:]) + sum(right[:128])) / (2 * 24 * 56)


print(f"PyMuPDF {pymupdf.VersionBind}, pypdfium2 {pypdfium2.PYPDFIUM_INFO}")
changed = False
for width in (SIDE, SIDE - 2, SIDE + 2):
    data = document(width)
    drawn = pymupdf.open(stream=data, filetype="pdf")[0].get_pixmap()
    mupdf = off(Image.frombytes("RGB", (drawn.width, drawn.height), drawn.samples))
    pdfium = off(pypdfium2.PdfDocument(data)[0].render().to_pil())
    print(f"stated width {width}: wrong pixels in MuPDF {mupdf:.0%}, in pdfium {pdfium:.0%}")
    changed |= pdfium > 0.02 or (mupdf > 0.3) != (width != SIDE)
sys.exit(changed)
PYTHON
