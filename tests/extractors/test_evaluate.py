"""The measuring command: counts by hand on a catalogue of two documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from extractors.evaluate import evaluate
from tests.extractors import pdfs


def test_counts_of_a_found_a_missed_and_a_false_picture(tmp_path: Path) -> None:
    documents = tmp_path / "catalogue" / "P1" / "documents"
    documents.mkdir(parents=True)
    pictures = [((60.0, 80.0), pdfs.photograph(1)), ((60.0, 400.0), pdfs.photograph(2))]
    pdfs.with_pictures(documents / "a.pdf", pictures)
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
    pdfs.with_pictures(documents / "a.pdf", [((60.0, 80.0), np.ascontiguousarray(pdfs.photograph(1)[:, :80]))])
    (tmp_path / "truth").mkdir()
    truth = "product_id,document,page,x0,y0,x1,y1,how,source\nP1,a.pdf,1,60,80,300,280,png,x\n"
    (tmp_path / "truth" / "placements.csv").write_text(truth)
    result = evaluate(tmp_path)
    assert (result.found["png"], result.visible["png"], result.visible_hits) == (0, 1, 1)
