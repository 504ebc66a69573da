#!/usr/bin/env bash
# PyMuPDF opens SVG, where text does not inherit `text-anchor` and `font-weight` from its group, and lines have no markers.
#
# Seen with PyMuPDF 1.28.2: both attributes hold on a <text> element and are passed over on the <g> around it, though SVG
# 1.1 (section 10.9.1; property index) inherits them; marker-end (11.6) paints nothing. `fill` on the group does hold.
# mupdf_warnings() says nothing. Browsers do all of it, so a picture checked with PyMuPDF looks other than on a page.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pymupdf==1.28.2 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import sys

import numpy as np
import pymupdf


def ink(body: str) -> tuple[int, int, int]:
    """The first and last column with ink of a page 200 wide, and its dark pixels."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60">{body}</svg>'
    pixels = pymupdf.open(stream=svg.encode(), filetype="svg")[0].get_pixmap(alpha=False)
    grey = np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, -1).min(2)
    columns = np.flatnonzero((grey < 200).any(0))
    return int(columns[0]), int(columns[-1]), int((grey < 128).sum())


def word(on_text: str = "", on_group: str = "") -> tuple[int, int, int]:
    return ink(f'<g {on_group}><text x="100" y="40" font-size="20" {on_text}>MMMM</text></g>')


print(f"PyMuPDF {pymupdf.VersionBind}")
changed = False
plain = word()
for attribute in ('text-anchor="middle"', 'font-weight="bold"', 'fill="#999999"'):
    own, inherited = word(on_text=attribute), word(on_group=attribute)
    holds = inherited == own != plain
    print(f"{attribute:22} on the text: {own}, on its group: {inherited}, {'holds' if holds else 'is passed over'}")
    changed |= own == plain or holds != attribute.startswith("fill") or (not holds and inherited != plain)
marker = '<marker id="m" markerWidth="20" markerHeight="20" refX="0" refY="10"><path d="M0 0H20V20H0z"/></marker>'
line = '<path d="M20 30H100" stroke="black" fill="none"'
bare, marked = ink(f"{line}/>"), ink(f'<defs>{marker}</defs>{line} marker-end="url(#m)"/>')
print(f"a line to x = 100: ink to {bare[1]}; with a marker of 20 at its end: to {marked[1]}")
print(f"warnings: {pymupdf.TOOLS.mupdf_warnings()!r}")
sys.exit(changed or bare != marked)
PYTHON
