"""Held-out objects: the same pairs at each measurement, and none where the pack has none."""

from __future__ import annotations

from pathlib import Path

import torch

from scott_core.data.pack import write_pack
from scott_core.data.synthetic import cartons
from scott_core.model.registry import build
from scott_core.training.held_out import HeldOut
from tests.scott_core.test_predictor import CARD


def test_held_out_objects_are_the_same_pairs_at_each_measurement(tmp_path: Path) -> None:
    cartons.main(["--out", str(tmp_path / "c"), "--brands", "3", "--views", "2", "--size", "48", "--split", "val"])
    cartons.main(["--out", str(tmp_path / "t"), "--brands", "1", "--views", "2", "--size", "48", "--start", "9"])
    write_pack([tmp_path / "c", tmp_path / "t"], tmp_path / "val.pack", size=48)
    torch.manual_seed(0)
    held_out = HeldOut(tmp_path / "val.pack", size=48, group_size=4, device=torch.device("cpu"))
    assert held_out.batches is not None
    assert len(held_out.batches.composer.store.rgba) == 24
    model = build({**CARD["architecture"], "alpha": 0.0}).eval()
    first = held_out.roc_auc(model)
    assert first is not None
    assert 0 < first < 1
    assert held_out.roc_auc(model) == first


def test_a_pack_without_held_out_objects_has_no_measure(tmp_path: Path) -> None:
    cartons.main(["--out", str(tmp_path / "t"), "--brands", "1", "--views", "2", "--size", "48"])
    write_pack([tmp_path / "t"], tmp_path / "train.pack", size=48)
    held_out = HeldOut(tmp_path / "train.pack", size=48, group_size=4, device=torch.device("cpu"))
    assert held_out.roc_auc(build(CARD["architecture"])) is None
