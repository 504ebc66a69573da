"""Images that are pasted close together on a scanned page are found one by one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors import extract_document
from extractors.geometry import iou
from extractors.model import Box
from extractors.scan.photographs import read_scan
from tests.extractors import pdfs

SCALE = 72 / 150  # points / px of pdfs.scanned()


def used_boxes(pdf: Path, out: Path) -> list[Box]:
    return [image.bbox for image in extract_document(pdf, out).images if image.used]


@pytest.mark.parametrize(
    ("points", "askew"), [(2, 0.0), (4, 0.0), (6, 0.0), (8, 0.0), (12, 0.0), (6, 0.7), (8, 0.7), (12, 0.7)]
)
def test_four_photographs_in_a_grid_are_four(points: int, askew: float, tmp_path: Path) -> None:
    gutter = round(points / SCALE)
    places = [
        ((200 + column * (380 + gutter), 500 + row * (285 + gutter)), pdfs.photograph(2 * row + column, 285, 380))
        for row in range(2)
        for column in range(2)
    ]
    boxes = used_boxes(pdfs.scanned(tmp_path / "a.pdf", places, askew=askew), tmp_path)
    assert len(boxes) == 4
    if not askew:  # else the places are those on a turned page
        for (left, top), _ in places:
            true = (left * SCALE, top * SCALE, (left + 380) * SCALE, (top + 285) * SCALE)
            assert max(iou(true, box) for box in boxes) > 0.9


def test_a_logo_pasted_beside_a_photograph_is_no_part_of_it(tmp_path: Path) -> None:
    photo = pdfs.photograph(5, 400, 500)
    pdf = pdfs.scanned(tmp_path / "a.pdf", [((200, 500), photo), ((708, 560), pdfs.logo(160, 300))])
    (box,) = used_boxes(pdf, tmp_path)
    assert iou(box, (200 * SCALE, 500 * SCALE, 700 * SCALE, 900 * SCALE)) > 0.9


def test_a_photograph_with_a_pale_band_inside_stays_whole() -> None:
    """A shelf's edge, paler than what is above and below it, but not as pale as the paper."""
    page = np.full((1170, 827, 3), 245, np.uint8)
    page[300:600, 200:500] = pdfs.photograph(6, 300, 300) // 2
    page[430:442, 200:500] = 190
    assert len(read_scan(page).boxes) == 1


def test_an_object_of_two_round_parts_stays_whole() -> None:
    """Between a lid and its jar, laid close on white, is bare paper but no straight border."""
    page = np.full((1170, 827, 3), 245, np.uint8)
    mask = np.zeros(page.shape[:2], np.uint8)
    cv2.ellipse(mask, (350, 400), (100, 48), 0, 0, 360, 1, -1)
    cv2.ellipse(mask, (350, 520), (100, 68), 0, 0, 360, 1, -1)
    page[mask > 0] = pdfs.photograph(7, 1170, 827)[mask > 0] // 2
    (box,) = read_scan(page).boxes
    assert iou(box, (250, 352, 451, 589)) > 0.9


def test_a_photograph_of_many_cells_stays_whole() -> None:
    """A solar panel: dark cells between lines as white as the paper."""
    page = np.full((1170, 827, 3), 245, np.uint8)
    page[300:640, 200:540] = pdfs.photograph(8, 340, 340) // 3
    page[300:640:57, 200:540] = page[300:640, 200:540:57] = 245
    for line in range(300 + 57, 640, 57):
        page[line : line + 3, 200:540] = 245
    for line in range(200 + 57, 540, 57):
        page[300:640, line : line + 3] = 245
    (box,) = read_scan(page).boxes
    assert iou(box, (200, 300, 540, 640)) > 0.9
