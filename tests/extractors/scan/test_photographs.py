"""Photographs on the raster of a scanned page are found where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from extractors import extract_document
from extractors.geometry import iou
from extractors.scan.photographs import read_scan
from tests.extractors import pdfs

SCALE = 72 / 150


def test_photographs_on_a_scan_are_found_and_the_logo_is_excluded(tmp_path: Path) -> None:
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
    assert all(image.reason for image in extraction.images if not image.used)


def test_a_scan_of_text_has_no_image(tmp_path: Path) -> None:
    extraction = extract_document(pdfs.scanned(tmp_path / "a.pdf", []), tmp_path)
    (page,) = extraction.images
    assert (page.image_class, page.used, page.file) == ("scanned_page", False, None)


def test_a_photograph_that_fills_the_page_is_one_image(tmp_path: Path) -> None:
    photo = pdfs.photograph(3, 842, 595)
    extraction = extract_document(pdfs.with_images(tmp_path / "a.pdf", [((0, 0), photo)]), tmp_path)
    (image,) = extraction.images
    assert (image.kind, image.image_class, image.used) == ("embedded", "photo", True)
    assert image.bbox == pytest.approx((0, 0, 595, 842), abs=0.1)


def test_paper_that_darkens_to_one_side_is_still_paper() -> None:
    rng = np.random.default_rng(1)
    page = np.full((1100, 800, 3), 240.0) * np.linspace(1, 0.8, 800)[None, :, None]
    page[400:700, 300:600] = pdfs.photograph(4, 300, 300)
    (box,) = read_scan(np.clip(page + rng.normal(0, 2, page.shape), 0, 255).astype(np.uint8)).boxes
    assert iou(box, (300, 400, 600, 700)) > 0.9


def test_the_thin_parts_of_an_object_belong_to_it_and_a_rule_does_not() -> None:
    page = np.full((1170, 827, 3), 238, np.uint8)
    page[300:600, 200:500] = pdfs.photograph(12, 300, 300)
    page[600:660, 240:245] = page[600:660, 450:455] = 60  # two legs
    page[400:403, 40:800] = 30  # a rule that runs through
    (found,) = read_scan(page).boxes
    assert iou(found, (200, 300, 500, 660)) > 0.95


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_page_of_one_colour_is_no_error(shade: int) -> None:
    assert len(read_scan(np.full((600, 400, 3), shade, np.uint8)).boxes) <= 1


def test_a_real_scanned_report(shared_data: Path, tmp_path: Path) -> None:
    pdf = next((shared_data / "audit" / "catalogue").glob("*/documents/report-22-50307.pdf"))
    extraction = extract_document(pdf, tmp_path)
    assert (extraction.status, extraction.pages) == ("ok", 6)
    assert [image.page for image in extraction.images if image.used] == [2, 3, 4, 5]
