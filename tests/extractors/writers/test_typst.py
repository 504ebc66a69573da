"""Photographs placed by typst."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.extractors.writers.written import HEIGHT, PHOTO, SOURCES, WIDTH, Check, Shown, crop

typst = pytest.importorskip("typst", reason="no typst here (requirements-dev.txt)")
PAGE = f"#set page(width: {WIDTH}pt, height: {HEIGHT}pt, margin: 0pt)\n"
IMAGE = "image({name}, width: 240pt, height: 180pt)"
PLACED = "#place(dx: 60pt, dy: 80pt, {})\n"


def _write(folder: Path, content: str, name: str = "jpeg") -> Path:
    """A document of this content, in which {name} stands for the file of a photograph."""
    source = SOURCES[name]
    (folder / f"photo.{source.suffix}").write_bytes(source.data)
    (folder / "a.typ").write_text(PAGE + content.replace("{name}", f'"photo.{source.suffix}"'))
    (folder / "a.pdf").write_bytes(typst.compile(folder / "a.typ", root=folder))
    return folder / "a.pdf"


@pytest.mark.parametrize("name", SOURCES)
def test_images(name: str, tmp_path: Path, check: Check) -> None:
    source = SOURCES[name]
    check(_write(tmp_path, PLACED.format(IMAGE), name), Shown(source.shown, off_by=source.off_by))


def test_cropped_to_a_box(tmp_path: Path, check: Check) -> None:
    placed = PLACED.format(f"box(width: 120pt, height: 90pt, clip: true, {IMAGE})")
    check(_write(tmp_path, placed), Shown(crop(PHOTO, 0, 0, 0.5, 0.5), (60, 80, 180, 170)))


def test_cover(tmp_path: Path, check: Check) -> None:
    """The image fills its box and keeps its proportion: a strip above and below is cut off."""
    placed = PLACED.format('image({name}, width: 240pt, height: 90pt, fit: "cover")')
    check(_write(tmp_path, placed), Shown(crop(PHOTO, 0, 0.25, 1, 0.75), (60, 80, 300, 170)))


def test_turned(tmp_path: Path, check: Check) -> None:
    placed = PLACED.format(f"rotate(90deg, reflow: true, {IMAGE})")
    check(_write(tmp_path, placed), Shown(PHOTO.swapaxes(0, 1)[:, ::-1], (60, 80, 240, 320)))


def test_in_a_table_and_on_two_pages(tmp_path: Path, check: Check) -> None:
    table = f"table(columns: (200pt, 260pt), inset: 10pt, [Photo 1], {IMAGE}, [Photo 2], [none])"
    content = PLACED.format(table) + "#pagebreak()\n" + PLACED.format(IMAGE)
    check(_write(tmp_path, content), Shown(PHOTO, (270, 90, 510, 270)), Shown(PHOTO, page=2))
