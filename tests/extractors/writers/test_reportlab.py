"""Photographs placed by ReportLab."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from extractors.model import Box
from tests.extractors.writers.written import BOX, HEIGHT, PHOTO, SOURCES, WIDTH, Check, Shown, crop

pytest.importorskip("reportlab", reason="no ReportLab here (requirements-dev.txt)")
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Image, Table

WRONG = ("turned jpeg", "16-bit grey png")  # ReportLab knows no orientation, and clips 16 bits to white
JPEG = SOURCES["jpeg"].data


def _canvas(folder: Path) -> Canvas:
    return Canvas(str(folder / "a.pdf"), pagesize=(WIDTH, HEIGHT))


def _place(canvas: Canvas, data: bytes, box: Box = BOX) -> None:
    x0, y0, x1, y1 = box
    canvas.drawImage(ImageReader(io.BytesIO(data)), x0, HEIGHT - y1, x1 - x0, y1 - y0, mask="auto")


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in WRONG])
def test_images(name: str, tmp_path: Path, check: Check) -> None:
    canvas, source = _canvas(tmp_path), SOURCES[name]
    _place(canvas, source.data)
    canvas.save()
    check(tmp_path / "a.pdf", Shown(source.shown, off_by=source.off_by))


def test_a_turned_page(tmp_path: Path, check: Check) -> None:
    canvas = _canvas(tmp_path)
    canvas.setPageRotation(90)  # the left of what is drawn is shown at the top
    canvas.drawImage(ImageReader(io.BytesIO(JPEG)), 60, 200, 240, 180)
    canvas.save()
    check(tmp_path / "a.pdf", Shown(PHOTO.swapaxes(0, 1)[:, ::-1], (200, 60, 380, 300)))


def test_clipped(tmp_path: Path, check: Check) -> None:
    canvas = _canvas(tmp_path)
    path = canvas.beginPath()
    path.rect(120, HEIGHT - 170, 120, 90)
    canvas.clipPath(path, stroke=0)
    _place(canvas, JPEG)
    canvas.save()
    check(tmp_path / "a.pdf", Shown(crop(PHOTO, 0.25, 0, 0.75, 0.5), (120, 80, 240, 170)))


def test_scaled_mirrored_and_the_same_twice(tmp_path: Path, check: Check) -> None:
    canvas = _canvas(tmp_path)
    _place(canvas, JPEG)
    canvas.translate(WIDTH, 0)
    canvas.scale(-0.5, 0.5)
    _place(canvas, JPEG)
    canvas.save()
    left, top = WIDTH - 150, HEIGHT / 2 + 40
    check(tmp_path / "a.pdf", Shown(PHOTO), Shown(PHOTO[:, ::-1], (left, top, left + 120, top + 90)))


def test_in_a_cell_of_a_table(tmp_path: Path, check: Check) -> None:
    canvas = _canvas(tmp_path)
    padding = [("LEFTPADDING", (0, 0), (-1, -1), 10), ("BOTTOMPADDING", (0, 0), (-1, -1), 10)]
    cells = [["Photo 1", "Photo 2"], [Image(io.BytesIO(JPEG), 160, 120), "none"]]
    table = Table(
        cells,
        [200, 100],
        [30, 140],
        style=[("GRID", (0, 0), (-1, -1), 1, "black"), ("ALIGN", (0, 0), (-1, -1), "LEFT"), *padding],
    )
    table.wrapOn(canvas, WIDTH, HEIGHT)
    table.drawOn(canvas, 60, 500)
    canvas.save()
    check(tmp_path / "a.pdf", Shown(PHOTO, (70, HEIGHT - 510 - 120, 230, HEIGHT - 510)))
