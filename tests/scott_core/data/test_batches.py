"""Training batches: determined by (seed, step) alone, of groups of look-alikes."""

from __future__ import annotations

from pathlib import Path

import torch

from scott_core.data.batches import Batches
from scott_core.data.pack import write_pack
from scott_core.data.recipe import Recipe
from scott_core.data.store import load_store
from scott_core.data.synthetic import cartons


def test_batches_depend_on_seed_and_step_alone(tmp_path: Path) -> None:
    cartons.main(["--out", str(tmp_path), "--brands", "3", "--views", "2", "--size", "64", "--start", "100"])
    write_pack([tmp_path], tmp_path / "cartons.pack", size=64)
    store = load_store(tmp_path / "cartons.pack", {"carton": 1}, group_size=4)

    def make(seed: int) -> Batches:
        return Batches(
            store, Recipe(), families={"carton": 1}, groups=2, group_size=4, look_alikes=0.5, size=64, seed=seed
        )

    first, again, other = make(1)[5], make(1)[5], make(2)[5]
    assert torch.equal(first.images_a, again.images_a)
    assert torch.equal(first.mask_b, again.mask_b)
    assert not torch.equal(first.images_a, other.images_a)
    assert first.images_a.shape == (8, 3, 64, 64)
    assert first.images_a.dtype == torch.uint8
    assert first.group.tolist() == [0] * 4 + [1] * 4
    assert (first.mask_a.mean((1, 2, 3)) > 0.005).all()
