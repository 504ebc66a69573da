#!/usr/bin/env bash
# MuPDF reads two of the four visibility policies of optional content (PDF 32000-1, table 99) wrongly, expressions never.
#
# Seen with PyMuPDF 1.28.2: a square whose membership dictionary (OCMD) names two groups, one on, one off. The standard
# says: AllOn hides it, AnyOn shows it, AnyOff shows it, AllOff hides it. A visibility expression (/VE) goes before the
# policy; MuPDF shows whatever has one. pdfium (pypdfium2 5.15.2) and poppler 22.12 (pdftoppm) do as the standard says.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pymupdf==1.28.2 pypdfium2==5.15.2 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import sys

import pymupdf
import pypdfium2

EXPECTED = {"/P/AllOn": False, "/P/AnyOn": True, "/P/AnyOff": True, "/P/AllOff": False}  # 5 is on, 6 is off
EXPECTED |= {"/VE[/Not 6 0 R]": True, "/VE[/Not 5 0 R]": False, "/VE[/And 5 0 R 6 0 R]": False, "/VE[/Or 6 0 R]": False}


def document(rule: str) -> bytes:
    content = b"/OC /M BDC 0 0 0 rg 20 20 60 60 re f EMC"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[5 0 R 6 0 R]/D<</OFF[6 0 R]/Order[5 0 R 6 0 R]>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R/Resources<</Properties<</M 7 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/OCG/Name(on)>>",
        b"<</Type/OCG/Name(off)>>",
        b"<</Type/OCMD/OCGs[5 0 R 6 0 R]%s>>" % rule.encode(),
    ]
    data, places = b"%PDF-1.6\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    return data + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


def shown(rule: str) -> tuple[bool, bool]:
    """Whether the square is painted: by MuPDF, by pdfium."""
    data = document(rule)
    mupdf = pymupdf.open(stream=data, filetype="pdf")[0].get_pixmap().pixel(50, 50)
    return mupdf == (0, 0, 0), not pypdfium2.PdfDocument(data)[0].render().to_numpy()[50, 50].any()


found = {rule: shown(rule) for rule in EXPECTED}
print(f"PyMuPDF {pymupdf.VersionBind}, pypdfium2 {pypdfium2.PYPDFIUM_INFO}")
for rule, by in found.items():
    mupdf, pdfium = ("right" if is_shown == EXPECTED[rule] else "WRONG" for is_shown in by)
    print(f"{rule:21} is to be {'shown' if EXPECTED[rule] else 'hidden'}: MuPDF is {mupdf}, pdfium is {pdfium}")
of_mupdf, of_pdfium = ({rule for rule in EXPECTED if found[rule][reader] != EXPECTED[rule]} for reader in (0, 1))
hidden_by_expression = {rule for rule in EXPECTED if rule.startswith("/VE") and not EXPECTED[rule]}
sys.exit(of_mupdf != {"/P/AllOn", "/P/AnyOff"} | hidden_by_expression or of_pdfium != set())
PYTHON
