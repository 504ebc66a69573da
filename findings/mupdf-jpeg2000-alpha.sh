#!/usr/bin/env bash
# MuPDF blends a JPEG 2000 image with the alpha channel in its data, also where its dictionary says not to.
#
# Seen with PyMuPDF 1.28.2: /SMaskInData 0, 1 and no such entry give the same page. ISO 32000-2 (table 87; PDF 32000-1, table
# 89): with 0, the default, opacity in the data is passed over. pdfium (pypdfium2 5.15.2) and poppler 22.12 then show
# the image whole. So a picture written as RGBA without the entry is missing for readers of the one, there for the other.
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

RED, WHITE = (200, 0, 0), (255, 255, 255)
coded = io.BytesIO()
Image.new("RGBA", (64, 64), (*RED, 0)).save(coded, "JPEG2000", irreversible=False)  # red, with an opacity of nought
assert Image.open(coded).mode == "RGBA"


def document(entry: bytes) -> bytes:
    """A page filled with the image, whose dictionary has `entry`."""
    image, content = coded.getvalue(), b"64 0 0 64 0 0 cm /I Do"
    kind = b"/Type/XObject/Subtype/Image/Width 64/Height 64/ColorSpace/DeviceRGB/Filter/JPXDecode" + entry
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 64 64]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<<%s/Length %d>>stream\n%s\nendstream" % (kind, len(image), image),
    ]
    data, places = b"%PDF-1.6\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


print(f"PyMuPDF {pymupdf.VersionBind}, pypdfium2 {pypdfium2.PYPDFIUM_INFO}")
changed = False
for entry, right in ((b"", RED), (b"/SMaskInData 0", RED), (b"/SMaskInData 1", WHITE)):
    data = document(entry)
    mupdf = pymupdf.open(stream=data, filetype="pdf")[0].get_pixmap().pixel(32, 32)
    pdfium = pypdfium2.PdfDocument(data)[0].render().to_pil().convert("RGB").getpixel((32, 32))
    print(f"{entry.decode() or 'no entry':14} asks for {right}: MuPDF {mupdf}, pdfium {pdfium}")
    changed |= mupdf != WHITE or pdfium != right
sys.exit(changed)
PYTHON
