"""Scanned pages: the pictures on a page that is one raster."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pymupdf
import pytest

from extractors import extract_document
from extractors.evaluate import visible_box
from extractors.geometry import iou
from extractors.model import Box, Pixels
from extractors.scan.photographs import read_scan
from extractors.scan.skew import skew, turn_back
from tests.extractors import pdfs

SCALE = 72 / 150
OBJECT = cv2.ellipse(np.zeros((420, 420), np.uint8), (210, 210), (100, 140), 0, 0, 360, 1, -1)[..., None]
ON_WHITE = np.where(OBJECT, pdfs.photograph(11, 420, 420), 238).astype(np.uint8)  # no border on this paper


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
    (box,) = read_scan(np.clip(page + rng.normal(0, 2, page.shape), 0, 255).astype(np.uint8)).boxes
    assert iou(box, (300, 400, 600, 700)) > 0.9


def _page(text: list[tuple[str, tuple[int, int]]], left: int = 150, top: int = 300) -> Pixels:
    """A page of 1170 x 827 px with ON_WHITE at (left, top) and lines of text at their baselines' starts."""
    page = np.full((1170, 827, 3), 238, np.uint8)
    page[top : top + 420, left : left + 420] = ON_WHITE
    for line, at in text:
        cv2.putText(page, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40,) * 3, 1, cv2.LINE_AA)
    noise = np.random.default_rng(3).normal(0, 1.5, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8)


SEEN = (260, 370, 460, 650)  # the ellipse of ON_WHITE on _page
WHOLE = (150, 300, 570, 720)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ([("Photo 1", (150, 740))], WHOLE),
        ([("Photo 1: the sample as received", (150, 740)), ("Photographs", (60, 280))], WHOLE),
        ([], SEEN),
        ([("Figure 1", (320, 740))], SEEN),  # centred: it does not tell where the photograph begins
        ([("the sample was conditioned at 23 degrees", (60, 740 + 20 * n)) for n in range(4)], SEEN),  # a paragraph
        ([("Photo 1", (150, 1000))], SEEN),  # too far below
    ],
    ids=["caption", "caption and heading", "nothing", "centred", "paragraph", "far"],
)
def test_a_photograph_on_white_reaches_to_its_caption(text: list[tuple[str, tuple[int, int]]], box: Box) -> None:
    (found,) = read_scan(_page(text)).boxes
    assert iou(found, box) > 0.93


def test_a_frame_ends_at_what_else_is_on_the_page() -> None:
    heading = [("Photograph of the sample", (150, 330)), ("Photo 1", (150, 740))]
    (found,) = read_scan(_page(heading)).boxes
    assert found[1] == pytest.approx(333, abs=6)
    assert iou(found, WHOLE) > 0.85


def _with_frame(frame: tuple[int, int, int, int], text: list[tuple[str, tuple[int, int]]]) -> Pixels:
    page = _page(text)
    cv2.rectangle(page, frame[:2], frame[2:], (40, 40, 40), 2)
    return page


def test_a_photograph_on_white_reaches_to_its_drawn_frame(tmp_path: Path) -> None:
    frame = (150, 300, 570, 720)
    (found,) = read_scan(_with_frame(frame, [("Photo 1", (300, 750))])).boxes
    assert iou(found, frame) > 0.95


def test_a_frame_around_an_object_and_print_is_not_the_photographs() -> None:
    (found,) = read_scan(_with_frame((100, 250, 700, 900), [("The sample as received", (150, 330))])).boxes
    assert iou(found, SEEN) > 0.9


def test_the_caption_of_a_picture_beside_it_and_a_footer_are_not_a_photographs() -> None:
    page = _page([("Photo 1: as received", (60, 690)), ("Page 3 of 9", (300, 1150))], left=400, top=300)
    page[300:660, 40:340] = pdfs.photograph(22, 360, 300)
    left, right = sorted(read_scan(page).boxes)
    assert iou(left, (40, 300, 340, 660)) > 0.95
    assert iou(right, (510, 370, 710, 650)) > 0.9
    (low,) = read_scan(_page([("Page 3 of 9", (150, 1140))], top=700)).boxes
    assert iou(low, (260, 770, 460, 1050)) > 0.9


def test_a_seen_photograph_does_not_reach_to_a_line_below_it() -> None:
    page = _page([("All results are within their limits", (40, 720))])
    page[300:650, 200:520] = pdfs.photograph(21, 350, 320)
    (found,) = read_scan(page).boxes
    assert iou(found, (200, 300, 520, 650)) > 0.95


def test_the_thin_parts_of_an_object_belong_to_it_and_a_rule_does_not() -> None:
    page = np.full((1170, 827, 3), 238, np.uint8)
    page[300:600, 200:500] = pdfs.photograph(12, 300, 300)
    page[600:660, 240:245] = page[600:660, 450:455] = 60  # two legs
    page[400:403, 40:800] = 30  # a rule that runs through
    (found,) = read_scan(page).boxes
    assert iou(found, (200, 300, 500, 660)) > 0.95


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
    turned = turn_back(np.repeat(print_mask[..., None], 3, axis=2), -2.0).pixels[..., 0]
    assert skew(print_mask) == 0
    assert skew(np.ascontiguousarray(turned)) == pytest.approx(2.0, abs=0.1)
    assert skew(np.zeros((1000, 700), np.uint8)) == 0
    cv2.line(print_mask, (40, 100), (660, 140), 1, 3)  # a stroke of a pen
    assert skew(print_mask) == 0
    blot = cv2.circle(np.zeros((1000, 700), np.uint8), (300, 500), 200, 1, -1)
    assert skew(np.asarray(blot, np.uint8)) == 0


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_page_of_one_colour_is_no_error(shade: int) -> None:
    assert len(read_scan(np.full((600, 400, 3), shade, np.uint8)).boxes) <= 1


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
