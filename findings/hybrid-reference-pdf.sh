#!/usr/bin/env bash
# An object that only the /XRefStm of a hybrid-reference PDF gives is there for some readers and not for others.
#
# Three files, alike but for the entry of the hidden object (PDF 32000-1, 7.5.8.4). "none": one section, whose table
# ends before it; pdfium misses it. "free before": the section before has it as free, as in the standard's note; all
# find it. "free": the same section has it as free; the standard is silent (pdf-association/pdf-issues 237, open), pypdf
# finds it, for the others it is null; MuPDF alone warns (of the colour space).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pins="pymupdf==1.28.2 pypdfium2==5.15.2 numpy==2.4.6 pikepdf==10.18.0 pypdf==7.1.1"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check $pins
"$folder/env/bin/python" - <<'PYTHON'
import io
import sys
from importlib.metadata import version

import pikepdf
import pymupdf
import pypdf
import pypdfium2

CONTENT = b"/C cs 1 0 0 sc 0 0 99 99 re f"  # a page of red in the colour space /C, which is the hidden object, 7
OBJECTS = [
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</ColorSpace<</C 7 0 R>>>>>>",
    b"<</Length %d>>stream\n%s\nendstream" % (len(CONTENT), CONTENT),
    b"<</Type/ObjStm/N 1/First 4/Length 14>>stream\n7 0 /DeviceRGB\nendstream",
    b"<</Type/XRef/Size 8/W[1 1 1]/Index[7 1]/Length 3>>stream\n\2\5\0\nendstream",  # 7 is in the stream 5, at 0
]


def document(hidden: str) -> bytes:
    data, table = b"%PDF-1.5\n", b"0000000000 65535 f \n" if hidden == "none" else b"0000000007 65535 f \n"
    for number, body in enumerate(OBJECTS, 1):
        place = len(data)  # in the end that of 6, the cross-reference stream
        table += b"%010d 00000 n \n" % place
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n0 7\n" + table if hidden == "none" else b"xref\n0 8\n" + table + b"0000000000 00000 f \n"
    extra, end = b"/XRefStm %d" % place, b"%strailer<</Size 8/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n"
    if hidden == "free before":
        extra += b"/Prev %d" % len(data)
        data, table = data + end % (table, b"", len(data)), b"xref\n0 0\n"
    return data + end % (table, extra, len(data))


READERS = {
    "pymupdf": lambda data: pymupdf.open(stream=data, filetype="pdf")[0].get_pixmap().pixel(50, 50)[1] == 0,
    "pypdfium2": lambda data: pypdfium2.PdfDocument(data)[0].render().to_numpy()[50, 50, 1] == 0,
    "pikepdf": lambda data: (kept := pikepdf.open(io.BytesIO(data))).get_object(7, 0) == pikepdf.Name.DeviceRGB,
    "pypdf": lambda data: pypdf.PdfReader(io.BytesIO(data)).get_object(7) == "/DeviceRGB",
}
EXPECTED = {"none": READERS.keys() - {"pypdfium2"}, "free before": READERS.keys(), "free": {"pypdf"}}
print(", ".join(f"{name} {version(name)}" for name in READERS))
found = {hidden: {name for name, sees in READERS.items() if sees(document(hidden))} for hidden in EXPECTED}
for hidden, names in found.items():
    print(f"{hidden:11} found by {', '.join(sorted(names))}; not by: {', '.join(sorted(READERS.keys() - names))}")
sys.exit(found != EXPECTED)
PYTHON
