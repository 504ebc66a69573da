"""Scanned pages: the pictures on a page that is one raster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymupdf
import pytest

from extractors import extract_document
from extractors.evaluate import visible_box
from extractors.geometry import iou
from extractors.scan import find_pictures
from tests.extractors import pdfs

SCALE = 72 / 150


def test_photographs_on_a_scan_are_found_and_the_logo_is_set_aside(tmp_path: Path) -> None:
    places = [((150, 500), pdfs.photograph(1, 400, 500)), ((700, 1000), pdfs.photograph(2, 500, 400))]
    pdf = pdfs.scanned(tmp_path / "a.pdf", [((900, 60), pdfs.logo(160, 300)), *places])
    extraction = extract_document(pdf, tmp_path)
    assert extraction.status == "ok"
    assert {image.kind for image in extraction.images} == {"scan_region"}
    used = [image for image in extraction.images if image.used]
    assert len(used) == 2
    for image, ((left, top), pixels) in zip(used, places, strict=True):
        right, bottom = left + pixels.shape[1], top + pixels.shape[0]
        assert iou(image.bbox, (left * SCALE, top * SCALE, right * SCALE, bottom * SCALE)) > 0.9
        assert image.file is not None
    aside = [image for image in extraction.images if not image.used]
    assert all(image.reason for image in aside)


def test_a_scan_of_text_has_no_picture(tmp_path: Path) -> None:
    extraction = extract_document(pdfs.scanned(tmp_path / "a.pdf", []), tmp_path)
    (page,) = extraction.images
    assert (page.image_class, page.used, page.file) == ("scanned_page", False, None)


def test_a_photograph_that_fills_the_page_is_one_picture(tmp_path: Path) -> None:
    photo = pdfs.photograph(3, 842, 595)
    extraction = extract_document(pdfs.with_pictures(tmp_path / "a.pdf", [((0, 0), photo)]), tmp_path)
    (image,) = extraction.images
    assert (image.kind, image.image_class, image.used) == ("embedded", "photo", True)
    assert image.bbox == pytest.approx((0, 0, 595, 842), abs=0.1)


def test_paper_that_darkens_to_one_side_is_still_paper() -> None:
    rng = np.random.default_rng(1)
    page = np.full((1100, 800, 3), 240.0) * np.linspace(1, 0.8, 800)[None, :, None]
    page[400:700, 300:600] = pdfs.photograph(4, 300, 300)
    (box,) = find_pictures(np.clip(page + rng.normal(0, 2, page.shape), 0, 255).astype(np.uint8))
    assert iou(box, (300, 400, 600, 700)) > 0.9


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_page_of_one_colour_is_no_error(shade: int) -> None:
    assert len(find_pictures(np.full((600, 400, 3), shade, np.uint8))) <= 1


def test_visible_box_leaves_the_margin_of_a_photograph_on_white(tmp_path: Path) -> None:
    pixels = np.full((200, 200, 3), 255, np.uint8)
    pixels[50:150, 80:120] = 30
    with pymupdf.open(pdfs.with_pictures(tmp_path / "a.pdf", [((100, 100), pixels)])) as document:
        assert visible_box(document[0], (100, 100, 300, 300)) == pytest.approx((180, 150, 220, 250), abs=1)


def test_a_real_scanned_report(shared_data: Path, tmp_path: Path) -> None:
    pdf = next((shared_data / "audit" / "catalogue").glob("*/documents/report-22-50307.pdf"))
    extraction = extract_document(pdf, tmp_path)
    assert (extraction.status, extraction.pages) == ("ok", 6)
    assert [image.page for image in extraction.images if image.used] == [2, 3, 4, 5]
