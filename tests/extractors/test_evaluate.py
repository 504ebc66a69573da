"""The measuring command: counts by hand on a catalogue of two documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymupdf
import pytest

from extractors.evaluate import evaluate, visible_box
from tests.extractors import pdfs


def test_counts_of_a_found_a_missed_and_a_false_image(tmp_path: Path) -> None:
    documents = tmp_path / "catalogue" / "P1" / "documents"
    documents.mkdir(parents=True)
    images = [((60.0, 80.0), pdfs.photograph(1)), ((60.0, 400.0), pdfs.photograph(2))]
    pdfs.with_images(documents / "a.pdf", images)
    (documents / "b.pdf").write_bytes(b"<html>")
    (tmp_path / "truth").mkdir()
    rows = [
        "product_id,document,page,x0,y0,x1,y1,how,source",
        "P1,a.pdf,1,60,80,300,280,png,x",
        "P1,a.pdf,1,350,400,590,600,png,x",
    ]
    (tmp_path / "truth" / "placements.csv").write_text("\n".join(rows) + "\n")
    result = evaluate(tmp_path)
    assert (result.true["png"], result.found["png"], result.used, result.hits) == (2, 1, 2, 1)
    assert dict(result.statuses) == {"ok": 1, "not_a_pdf": 1}
    assert (len(result.missed), len(result.false)) == (1, 1)
    assert any(line.startswith("recall    0.500") for line in result.lines())


def test_a_photograph_without_a_border_counts_as_visible(tmp_path: Path) -> None:
    documents = tmp_path / "catalogue" / "P1" / "documents"
    documents.mkdir(parents=True)
    pdfs.with_images(documents / "a.pdf", [((60.0, 80.0), np.ascontiguousarray(pdfs.photograph(1)[:, :80]))])
    (tmp_path / "truth").mkdir()
    truth = "product_id,document,page,x0,y0,x1,y1,how,source\nP1,a.pdf,1,60,80,300,280,png,x\n"
    (tmp_path / "truth" / "placements.csv").write_text(truth)
    result = evaluate(tmp_path)
    assert (result.found["png"], result.visible["png"], result.visible_hits) == (0, 1, 1)


def test_visible_box_leaves_the_margin_of_a_photograph_on_white(tmp_path: Path) -> None:
    pixels = np.full((200, 200, 3), 255, np.uint8)
    pixels[50:150, 80:120] = 30
    with pymupdf.open(pdfs.with_images(tmp_path / "a.pdf", [((100, 100), pixels)])) as document:
        assert visible_box(document[0], (100, 100, 300, 300)) == pytest.approx((180, 150, 220, 250), abs=1)
