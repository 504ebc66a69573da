"""A small training run's options and checkpoint, for the tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from scott_core.card import CONFIGS

CONFIG = CONFIGS / "scott-lite0.yaml"


def options(runs: Path, *more: str) -> list[str]:
    return [
        f"runs={runs}", "start=random", "score_size=64", "image_size=64", "families={carton: 1.0}", "steps=6",
        "steps_segmentation=2", "validate_every=6", "checkpoint_every=3", "groups=2", "threads=1",
        "architecture.encoder.d=16", "architecture.merge.k=4", *more,
    ]  # fmt: skip


def state_of(runs: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(runs / "scott-lite0" / "checkpoint.pt", weights_only=True)
    return state
