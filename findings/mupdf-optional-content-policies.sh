#!/usr/bin/env bash
# MuPDF reads two of the four visibility policies of optional content (PDF 32000-1, table 99) wrongly.
#
# Seen with PyMuPDF 1.28.2: a square whose membership dictionary (OCMD) names two groups, one on and one off. The standard
# says: AllOn hides it, AnyOn shows it, AnyOff shows it, AllOff hides it. poppler 22.12 (pdftoppm) does.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pymupdf==1.28.2
"$folder/env/bin/python" - <<'PYTHON'
import sys

import pymupdf

EXPECTED = {"AllOn": False, "AnyOn": True, "AnyOff": True, "AllOff": False}  # one group is on, one off


def shown(policy: str) -> bool:
    content = b"/OC /M BDC 0 0 0 rg 20 20 60 60 re f EMC"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[5 0 R 6 0 R]/D<</OFF[6 0 R]/Order[5 0 R 6 0 R]>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 4 0 R/Resources<</Properties<</M 7 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/OCG/Name(on)>>",
        b"<</Type/OCG/Name(off)>>",
        b"<</Type/OCMD/OCGs[5 0 R 6 0 R]/P/%s>>" % policy.encode(),
    ]
    data, places = b"%PDF-1.6\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    page = pymupdf.open(stream=data, filetype="pdf")[0]
    return page.get_pixmap().pixel(50, 50) == (0, 0, 0)


found = {policy: shown(policy) for policy in EXPECTED}
print(f"PyMuPDF {pymupdf.VersionBind}")
for policy, is_shown in found.items():
    said = "as the standard says" if is_shown == EXPECTED[policy] else "NOT as the standard says"
    print(f"{policy:7} {'shown' if is_shown else 'hidden':7} {said}")
wrong = {policy for policy in EXPECTED if found[policy] != EXPECTED[policy]}
sys.exit(wrong != {"AllOn", "AnyOff"})
PYTHON
