"""Images that a document repeats at one place of its pages."""

from __future__ import annotations

from pathlib import Path

from extractors import extract_document
from tests.extractors import pdfs


def test_a_letterhead_is_excluded_after_its_first_and_a_repeated_photograph_is_not(tmp_path: Path) -> None:
    head, photo = pdfs.photograph(7, 50, 120), pdfs.photograph(8)
    pages = [[((40.0, 20.0), head), ((60.0, 100.0 + 40 * number), photo)] for number in range(3)]
    extraction = extract_document(pdfs.with_images(tmp_path / "a.pdf", *pages), tmp_path)
    first, *later = [(image.image_class, image.used) for image in extraction.images[::2]]
    assert first == ("photo", True)
    assert later == [("letterhead", False)] * 2
    assert [(image.image_class, image.used) for image in extraction.images[1::2]] == [("photo", True)] * 3
    assert extraction.images[2].reason == "letterhead: at the same place of 3 of 3 pages; that of page 1 is used"
