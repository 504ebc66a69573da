"""A page scanned askew is read level."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors import extract_document
from extractors.scan.skew import Upright, skew, turn_back
from tests.extractors import pdfs

SCALE = 72 / 150


@pytest.mark.parametrize("degrees", [-4.0, -1.0, 0.0, 0.6, 3.0])
def test_a_page_scanned_askew_is_read_level(tmp_path: Path, degrees: float) -> None:
    photo = pdfs.photograph(13, 400, 500)
    pdf = pdfs.scanned(tmp_path / "a.pdf", [((300, 600), photo)], askew=degrees)
    (image,) = extract_document(pdf, tmp_path).images
    assert image.file is not None
    found = pdfs.read(tmp_path / image.file)
    assert found.shape[:2] == pytest.approx(photo.shape[:2], abs=12)
    found, true = (cv2.GaussianBlur(cv2.resize(each, (250, 200)), (0, 0), 2) for each in (found, photo))
    assert np.corrcoef(found.ravel(), true.ravel())[0, 1] > 0.95
    x, y = 550 - 620, 800 - 877  # its middle from the page's
    angle = np.radians(degrees)
    middle = (620 + x * np.cos(angle) - y * np.sin(angle), 877 + x * np.sin(angle) + y * np.cos(angle))
    x0, y0, x1, y1 = image.bbox
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((middle[0] * SCALE, middle[1] * SCALE), abs=3)


def test_skew_is_that_of_the_print_and_none_where_there_is_no_print() -> None:
    print_mask = np.zeros((1000, 700), np.uint8)
    for line in range(20):
        cv2.putText(print_mask, "the sample was conditioned", (60, 100 + 40 * line), 0, 0.9, 1, 2)
    turned = turn_back(np.repeat(print_mask[..., None], 3, axis=2), -2.0)[..., 0]
    assert skew(print_mask) == 0
    assert skew(np.ascontiguousarray(turned)) == pytest.approx(2.0, abs=0.1)
    assert skew(np.zeros((1000, 700), np.uint8)) == 0
    cv2.line(print_mask, (40, 100), (660, 140), 1, 3)  # a stroke of a pen
    assert skew(print_mask) == 0
    blot = cv2.circle(np.zeros((1000, 700), np.uint8), (300, 500), 200, 1, -1)
    assert skew(np.asarray(blot, np.uint8)) == 0


@pytest.mark.parametrize("degrees", [0.0, 2.4, -5.5])
def test_a_part_of_a_level_page_is_that_of_the_whole(degrees: float) -> None:
    page = pdfs.photograph(5, 300, 400)
    whole = turn_back(page, degrees)
    for x0, y0, x1, y1 in ((0, 0, 400, 300), (37, 51, 290, 222), (310, 5, 400, 90)):
        part = Upright(page, degrees).part((x0 - 0.4, y0 + 0.3, x1 + 0.2, y1))
        assert np.abs(part.astype(int) - whole[y0:y1, x0:x1]).max() <= 2
