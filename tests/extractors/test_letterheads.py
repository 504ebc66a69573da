"""Images that a document repeats at one place of its pages."""

from __future__ import annotations

from pathlib import Path

from extractors import Extraction, extract_document
from tests.extractors import pdfs

BANNER = ((40.0, 20.0), pdfs.photograph(7, 50, 120))


def extracted(folder: Path, *pages: list[tuple[tuple[float, float], pdfs.Pixels]]) -> Extraction:
    return extract_document(pdfs.with_images(folder / "a.pdf", *pages), folder)


def test_a_banner_on_every_page_is_a_letterhead_and_a_photograph_that_moves_is_not(tmp_path: Path) -> None:
    photo = pdfs.photograph(8)
    extraction = extracted(tmp_path, *([BANNER, ((60.0, 100.0 + 40 * number), photo)] for number in range(3)))
    assert [(image.image_class, image.used) for image in extraction.images[::2]] == [("letterhead", False)] * 3
    assert [(image.image_class, image.used) for image in extraction.images[1::2]] == [("photo", True)] * 3
    assert extraction.images[0].reason == "letterhead: at the same place of 3 of 3 pages"


def test_the_only_photograph_of_a_document_is_used_once_though_every_page_shows_it(tmp_path: Path) -> None:
    extraction = extracted(tmp_path, [BANNER], [BANNER], [BANNER])
    assert [image.used for image in extraction.images] == [True, False, False]
