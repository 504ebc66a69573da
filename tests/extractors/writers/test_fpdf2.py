"""Photographs placed by fpdf2."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from extractors.model import Box
from tests.extractors.writers.written import BOX, HEIGHT, PHOTO, SOURCES, WIDTH, Check, Shown, crop

fpdf = pytest.importorskip("fpdf", reason="no fpdf2 here (requirements-dev.txt)")
WRONG = ("turned jpeg", "16-bit grey png")  # fpdf2 knows no orientation, and clips 16 bits to white
JPEG = SOURCES["jpeg"].data


def _document() -> Any:
    document = fpdf.FPDF(unit="pt", format=(WIDTH, HEIGHT))
    document.set_auto_page_break(False)
    document.add_page()
    return document


def _place(document: Any, data: bytes, box: Box = BOX) -> None:
    x0, y0, x1, y1 = box
    document.image(io.BytesIO(data), x0, y0, x1 - x0, y1 - y0)


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in WRONG])
def test_images(name: str, tmp_path: Path, check: Check) -> None:
    document, source = _document(), SOURCES[name]
    _place(document, source.data)
    document.output(tmp_path / "a.pdf")
    check(tmp_path / "a.pdf", Shown(source.shown, off_by=source.off_by))


def test_the_same_image_twice_and_on_another_page(tmp_path: Path, check: Check) -> None:
    document, small = _document(), (320, 400, 480, 520)
    _place(document, JPEG)
    _place(document, JPEG, small)
    document.add_page()
    _place(document, JPEG, small)
    document.output(tmp_path / "a.pdf")
    check(tmp_path / "a.pdf", Shown(PHOTO), Shown(PHOTO, small), Shown(PHOTO, small, 2))


def test_clipped(tmp_path: Path, check: Check) -> None:
    document = _document()
    with document.rect_clip(120, 80, 120, 90):
        _place(document, JPEG)
    document.output(tmp_path / "a.pdf")
    check(tmp_path / "a.pdf", Shown(crop(PHOTO, 0.25, 0, 0.75, 0.5), (120, 80, 240, 170)))


def test_turned_by_180(tmp_path: Path, check: Check) -> None:
    document = _document()
    with document.rotation(180, 180, 170):
        _place(document, JPEG)
    document.output(tmp_path / "a.pdf")
    check(tmp_path / "a.pdf", Shown(PHOTO[::-1, ::-1]))


def test_in_a_cell_of_a_table(tmp_path: Path, check: Check) -> None:
    document = _document()
    document.set_font("helvetica", size=12)
    document.set_xy(document.l_margin, 100)
    with document.table(width=400, col_widths=(1, 1), align="LEFT", padding=10) as table:
        for text, image in (("front", JPEG), ("none", None)):
            row = table.row()
            row.cell(text)
            row.cell(img=io.BytesIO(image), img_fill_width=True) if image else row.cell("-")
    document.output(tmp_path / "a.pdf")
    left = document.l_margin + 200 + 10
    check(tmp_path / "a.pdf", Shown(PHOTO, (left, 110, left + 180, 110 + 135)))
