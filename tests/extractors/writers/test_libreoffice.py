"""Photographs placed by LibreOffice Writer, from a flat OpenDocument text."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.extractors.writers.written import BOX, HEIGHT, PHOTO, SOURCES, WIDTH, Check, Shown, crop

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in {
        "office": "office",
        "style": "style",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "fo": "xsl-fo-compatible",
        "svg": "svg-compatible",
    }.items()
)
ANCHORED = 'style:wrap="run-through" style:vertical-pos="from-top" style:horizontal-pos="from-left"'
PAGED = 'style:vertical-rel="page" style:horizontal-rel="page"'
DOCUMENT = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document {SPACES} office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.text">
<office:automatic-styles>
 <style:page-layout style:name="L">
  <style:page-layout-properties fo:page-width="{WIDTH}pt" fo:page-height="{HEIGHT}pt" fo:margin="50pt"/>
 </style:page-layout>
 <style:style style:name="next" style:family="paragraph">
  <style:paragraph-properties fo:break-before="page"/>
 </style:style>
 <style:style style:name="whole" style:family="graphic">
  <style:graphic-properties {ANCHORED} {PAGED}/>
 </style:style>
 <style:style style:name="cut" style:family="graphic">
  <style:graphic-properties {ANCHORED} {PAGED} fo:clip="rect(75pt, 0pt, 75pt, 0pt)"/>
 </style:style>
 <style:style style:name="table" style:family="table">
  <style:table-properties style:width="400pt" table:align="left" fo:break-before="page"/>
 </style:style>
 <style:style style:name="column" style:family="table-column">
  <style:table-column-properties style:column-width="200pt"/>
 </style:style>
 <style:style style:name="cell" style:family="table-cell">
  <style:table-cell-properties fo:padding="10pt" fo:border="none"/>
 </style:style>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="L"/></office:master-styles>
<office:body><office:text>{{}}</office:text></office:body></office:document>"""


def _image(data: bytes, width: float, height: float, where: str) -> str:
    return (
        f'<draw:frame svg:width="{width}pt" svg:height="{height}pt" {where}><draw:image>'
        f"<office:binary-data>{base64.b64encode(data).decode()}</office:binary-data></draw:image></draw:frame>"
    )


def _placed(data: bytes, style: str = "whole", height: float = 180) -> str:
    """A page with an image at the place of BOX."""
    where = f'draw:style-name="{style}" text:anchor-type="paragraph" svg:x="{BOX[0]}pt" svg:y="{BOX[1]}pt"'
    return f'<text:p text:style-name="next">{_image(data, 240, height, where)}</text:p>'


def test_images_crops_and_cells(tmp_path: Path, check: Check) -> None:
    """One document, as the program takes seconds to start; each image has a page of its own, from the second on."""
    if shutil.which("soffice") is None:
        pytest.skip("no soffice here (Debian package libreoffice-writer-nogui)")
    sources = [source for name, source in SOURCES.items() if name != "turned jpeg"]  # it knows no orientation
    jpeg = SOURCES["jpeg"].data
    cell = '<table:table-cell table:style-name="cell"><text:p>{}</text:p></table:table-cell>'
    row = cell.format("Photo") + cell.format(_image(jpeg, 160, 120, 'text:anchor-type="as-char"'))
    columns = '<table:table-column table:style-name="column"/>' * 2
    table = f'<table:table table:style-name="table">{columns}<table:table-row>{row}</table:table-row></table:table>'
    pages = [*(_placed(source.data) for source in sources), _placed(jpeg, "cut", 90)]
    (tmp_path / "a.fodt").write_text(DOCUMENT.format("<text:p/>" + "".join(pages) + table + "<text:p/>"))
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", tmp_path, tmp_path / "a.fodt"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shown = [Shown(source.shown, page=page, off_by=source.off_by) for page, source in enumerate(sources, 2)]
    cut = Shown(crop(PHOTO, 0, 0.25, 1, 0.75), (60, 80, 300, 170), len(shown) + 2)
    in_cell = Shown(PHOTO, (260, 60, 420, 180), len(shown) + 3)
    check(tmp_path / "a.pdf", *shown, cut, in_cell)
