"""A release and the tables, on a small data folder of our own images and weights that were never trained."""

import csv
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from scott_core import card as card_module
from scott_core.checkpoint import load_checkpoint, save_checkpoint
from scott_core.data.synthetic.cartons import render_carton
from scott_core.evaluation import release, tables
from scott_core.evaluation.validation import ValidationSet
from scott_core.model.registry import build
from tests.scott_core.test_predictor import CARD


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four brands, two views each with their exact masks; every pair of views of a brand matches."""
    root = tmp_path / "data"
    (root / "pairs").mkdir(parents=True)
    with (root / "manifest.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "mask", "mask_kind", "instance", "category", "split", "dataset", "family"])
        for brand in range(4):
            for view in (0, 1):
                carton = Image.fromarray(render_carton(4 * brand, view, size=64))
                carton.getchannel("A").save(root / f"{brand}-{view}-mask.png")
                carton.convert("RGB").save(root / f"{brand}-{view}.png")
                about = [f"brand{brand}", f"category{brand % 2}", "val", "ours", "package"]
                rows.writerow([f"{brand}-{view}.png", f"{brand}-{view}-mask.png", "ground_truth", *about])
    for file_name in release.SPLITS.values():
        with (root / "pairs" / file_name).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["image_a", "image_b", "label", "kind", "family"])
            for brand in range(4):
                rows.writerow([f"../{brand}-0.png", f"../{brand}-1.png", 1, "", "package"])
                rows.writerow([f"../{brand}-0.png", f"../{(brand + 1) % 4}-1.png", 0, "hard", "package"])
    return root


def test_a_release_measures_and_the_tables_read_its_card(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    trained = tmp_path / "runs" / "table2-small" / "best.safetensors"
    save_checkpoint(build(CARD["architecture"]), CARD, trained)
    assert trained.stat().st_mode & 0o777 == 0o644
    (tmp_path / "notes.yaml").write_text("name: released\nlicences: ours\n")
    shipped = tmp_path / "weights"
    monkeypatch.setattr(release, "WEIGHTS", shipped)
    monkeypatch.setattr(card_module, "WEIGHTS", shipped)
    card = release.release(trained, data, tmp_path / "notes.yaml")
    assert json.loads((shipped / "released.json").read_text())["licences"] == "ours"
    released = load_checkpoint("released").card
    assert released.raw["test"] == card["test"]
    assert released.product is not None
    assert released.product.to_json() == card["product"]
    measured = card["test"]["released"]
    assert measured["all"]["n"] == measured["package/hard"]["n"] == 8
    assert measured["mask_iou"]["n"] == 4
    low, high = measured["all"]["intervals"]["roc_auc"]
    assert low <= measured["all"]["roc_auc"] <= high
    rows = list(tables.rows(data, tmp_path / "runs"))
    assert [row[0] for row in rows] == ["released", "table2-small"]
    assert rows[0][1:] == rows[1][1:]  # the same weights: once from their card, once measured anew
    assert all(len(row) == len(tables.COLUMNS) for row in rows)


def test_a_machine_without_bfloat16_says_that_it_cannot_choose_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    trained = tmp_path / "best.safetensors"
    save_checkpoint(build(CARD["architecture"]), CARD, trained)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert release.choose_precision(load_checkpoint(trained), ValidationSet(data / "pairs" / "val.csv")) == "float32"
    assert "does not compute in bfloat16" in caplog.text
