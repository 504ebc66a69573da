"""A source of cartons of our own, and the pack of it, for every test of training."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from scott_core.data.pack import write_pack
from scott_core.data.synthetic import cartons
from tests.scott_core.test_predictor import carton


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source: cartons of our own, and others on white for validation."""
    root = tmp_path_factory.mktemp("data")
    cartons.main(["--out", str(root), "--brands", "3", "--views", "2", "--size", "64", "--start", "100"])
    (root / "pairs").mkdir()
    (root / "images").mkdir()
    with (root / "pairs" / "val.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image_a", "image_b", "label"])
        for seed in range(0, 24, 4):
            for view in (0, 1):
                carton(seed, view).save(root / "images" / f"{seed}-{view}.png")
            rows.writerow([f"../images/{seed}-0.png", f"../images/{seed}-1.png", 1])
            rows.writerow([f"../images/{seed}-0.png", f"../images/{(seed + 4) % 24}-1.png", 0])
    return root


@pytest.fixture(scope="session")
def pack(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pack of `data`."""
    path = tmp_path_factory.mktemp("pack") / "cartons.pack"
    write_pack([data], path, size=64)
    return path
