"""Photographs placed by img2pdf: each is a page of its own, and as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.extractors.writers.written import HEIGHT, PHOTO, SOURCES, WIDTH, Check, Shown

img2pdf = pytest.importorskip("img2pdf", reason="no img2pdf here (requirements-dev.txt)")
CENTRE = ((WIDTH - 240) / 2, (HEIGHT - 180) / 2, (WIDTH + 240) / 2, (HEIGHT + 180) / 2)


def _layout(page: tuple[float, float], image: tuple[float, float]) -> Any:
    """The layout of an image of this size in the middle of a page of this size, in points."""
    return img2pdf.get_layout_fun(page, tuple((img2pdf.ImgSize.abs, side) for side in image))


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "png with alpha"])  # img2pdf refuses it
def test_images(name: str, tmp_path: Path, check: Check) -> None:
    source = SOURCES[name]
    size = (180, 240) if name == "turned jpeg" else (240, 180)  # of the image before the page is turned
    page = (HEIGHT, WIDTH) if name == "turned jpeg" else (WIDTH, HEIGHT)
    layout = _layout(page, size)
    (tmp_path / "a.pdf").write_bytes(img2pdf.convert(source.data, layout_fun=layout))
    check(tmp_path / "a.pdf", Shown(source.shown, CENTRE, off_by=source.off_by))


def test_pages_of_one_image_each(tmp_path: Path, check: Check) -> None:
    layout = _layout((WIDTH, HEIGHT), (240, 180))
    data = [SOURCES["jpeg"].data, SOURCES["png"].data, SOURCES["jpeg"].data]
    (tmp_path / "a.pdf").write_bytes(img2pdf.convert(data, layout_fun=layout))
    check(tmp_path / "a.pdf", *(Shown(PHOTO, CENTRE, page) for page in (1, 2, 3)))


def test_a_page_that_is_the_image(tmp_path: Path, check: Check) -> None:
    (tmp_path / "a.pdf").write_bytes(img2pdf.convert(SOURCES["jpeg"].data))  # 400x300 px at 96 dpi
    check(tmp_path / "a.pdf", Shown(PHOTO, (0, 0, 300, 225)))
