"""A photograph on white paper reaches to its caption or its drawn frame, and no farther."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors.geometry import iou
from extractors.model import Box, Pixels
from extractors.scan.photographs import read_scan
from tests.extractors import pdfs

OBJECT = cv2.ellipse(np.zeros((420, 420), np.uint8), (210, 210), (100, 140), 0, 0, 360, 1, -1)[..., None]
ON_WHITE = np.where(OBJECT, pdfs.photograph(11, 420, 420), 238).astype(np.uint8)  # no border on this paper


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


def test_the_caption_of_an_image_beside_it_and_a_footer_are_not_a_photographs() -> None:
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


def test_a_small_object_reaches_to_a_caption_far_below_and_past_one_of_the_photograph_above() -> None:
    """Two photographs with captions; the lower one is a small object on white, off the middle."""
    page = np.full((1170, 827, 3), 238, np.uint8)
    page[120:420, 150:450] = pdfs.photograph(12, 300, 300)
    small = cv2.resize(ON_WHITE, (160, 160), interpolation=cv2.INTER_AREA)
    page[520:680, 250:410] = small
    for line, at in (("Photo 1", (150, 445)), ("Photo 2", (150, 812))):
        cv2.putText(page, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40,) * 3, 1, cv2.LINE_AA)
    noise = np.random.default_rng(3).normal(0, 1.5, page.shape)
    _, found = read_scan(np.clip(page + noise, 0, 255).astype(np.uint8)).boxes
    assert found[0] == pytest.approx(150, abs=6)
    assert found[3] == pytest.approx(795, abs=12)
