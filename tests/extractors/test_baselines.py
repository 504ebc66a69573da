"""The comparison with other tools: counts by hand on a catalogue of one document with a masked image and a logo."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pymupdf
import pytest

from extractors.baselines import BY_BOX, compare
from tests.extractors import pdfs
from tests.extractors.rawpdf import EXTRA, PHOTO, packed, two_pages, write

pytestmark = pytest.mark.skipif(shutil.which("pdfimages") is None, reason="no pdfimages here (poppler-utils)")
ROWS = ["product_id,document,page,x0,y0,x1,y1,how,source", "P1,a.pdf,1,60,80,300,280,png,x"]


def _catalogue(root: Path, *more: str) -> pymupdf.Document:
    (root / "catalogue" / "P1" / "documents").mkdir(parents=True)
    (root / "truth").mkdir()
    (root / "truth" / "placements.csv").write_text("\n".join([*ROWS, *more]) + "\n")
    images = [((60.0, 80.0), pdfs.photograph(1)), ((60.0, 700.0), pdfs.logo())]
    return pymupdf.open(pdfs.with_images(root / "whole.pdf", images, []))


def _save(document: pymupdf.Document, root: Path) -> None:
    pdfs.save(document, root / "catalogue" / "P1" / "documents" / "a.pdf")


def test_a_logo_costs_those_who_give_all_their_precision(tmp_path: Path) -> None:
    _save(_catalogue(tmp_path), tmp_path)
    rows = compare(tmp_path)
    assert [(row.true, row.found, row.given, row.hits) for row in rows.values()] == [
        (1, 1, 1, 1),  # ours
        (1, 1, 2, 1),  # pdfimages
        (1, 1, 2, 1),  # get_images
        (1, 1, 1, 1),  # ours, by boxes
    ]
    assert all(row.pages == 2 and row.seconds > 0 for row in rows.values())
    assert rows[BY_BOX].line("ours").startswith("| ours | 1.000 (1 of 1) | 1.000 (1 of 1) |")


def test_an_image_must_be_as_the_page_shows_it(tmp_path: Path) -> None:
    """A mask hides half of the first page's image: its bytes alone are not what the page shows."""
    _catalogue(tmp_path, "P1,a.pdf,2,60,100,300,280,png,x").close()
    mask = np.zeros(PHOTO.shape[:2], np.uint8)
    cv2.ellipse(mask, (60, 45), (40, 30), 0, 0, 360, 255, -1)
    image = packed(pdfs.image_dictionary(PHOTO, "DeviceRGB", f"/SMask {EXTRA + 1} 0 R"), PHOTO.tobytes())
    masked = [image, packed(pdfs.image_dictionary(mask, "DeviceGray"), mask.tobytes())]
    objects = two_pages(b"q 240 0 0 200 60 562 cm /I Do Q", f"/XObject<</I {EXTRA} 0 R>>", masked)
    write(tmp_path / "catalogue" / "P1" / "documents" / "a.pdf", objects)
    rows = compare(tmp_path)
    assert [(row.true, row.found) for row in rows.values()] == [(2, 2), (2, 1), (2, 1), (2, 2)]
    assert rows["pdfimages -all"].given == 2  # the mask's own file is no image


def test_an_image_of_another_page_is_no_hit(tmp_path: Path) -> None:
    document = _catalogue(tmp_path)
    (tmp_path / "truth" / "placements.csv").write_text(ROWS[0] + "\n" + ROWS[1].replace(",1,60", ",2,60") + "\n")
    _save(document, tmp_path)
    assert [row.found for row in compare(tmp_path).values()] == [0, 0, 0, 0]
