"""The model that a training run starts from: which parts come from weights, from ImageNet, or are fresh."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scott_core.checkpoint import save_checkpoint
from scott_core.errors import InputError
from scott_core.model.registry import build
from scott_core.training.config import read_config
from scott_core.training.start import build_for_training
from tests.scott_core.test_predictor import CARD
from tests.scott_core.training.small_runs import CONFIG, options

SMALL = {
    "encoder": {"name": "twin_lite0", "d": 16, "exchange": "correlation", "fine": True, "colour": True},
    "merge": {"name": "matcher+region_embedding", "k": 4, "similarity": "cosine"},
    "alpha": 0.15,
}


@pytest.mark.parametrize("part", ["merge", "sigma_a"])
def test_a_fresh_part_does_not_come_from_the_weights(tmp_path: Path, part: str) -> None:
    start = build_for_training(read_config(CONFIG, options(tmp_path, "seed=3")))
    save_checkpoint(start, {**CARD, "architecture": SMALL}, tmp_path / "w.safetensors", half=False)
    going_on = options(tmp_path, f"start={tmp_path}/w.safetensors", f"fresh=[{part}]", "seed=4")
    found = build_for_training(read_config(CONFIG, going_on)).state_dict()
    fresh = build_for_training(read_config(CONFIG, options(tmp_path, "seed=4"))).state_dict()
    for name, value in start.state_dict().items():
        assert torch.equal(found[name], (fresh[name] if name.startswith(f"{part}.") else value)), name


def test_a_part_that_is_none_is_named(tmp_path: Path) -> None:
    save_checkpoint(build(SMALL), {**CARD, "architecture": SMALL}, tmp_path / "w.safetensors")
    config = read_config(CONFIG, options(tmp_path, f"start={tmp_path}/w.safetensors", "fresh=[head]"))
    with pytest.raises(InputError, match="head"):
        build_for_training(config)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_backbone_goes_back_to_imagenet_as_far_as_is_said(tmp_path: Path, share: float) -> None:
    config = read_config(CONFIG, options(tmp_path, "seed=3"))
    start = build_for_training(config)
    save_checkpoint(start, {**CARD, "architecture": config.architecture}, tmp_path / "w.safetensors", half=False)
    going_on = read_config(
        CONFIG, options(tmp_path, f"start={tmp_path}/w.safetensors", f"imagenet_share={share}", "seed=4")
    )
    found = build_for_training(going_on).state_dict()
    imagenet = build_for_training(read_config(CONFIG, options(tmp_path, "start=imagenet"))).state_dict()
    for name, value in start.state_dict().items():
        if name.startswith("encoder.trunk.") and value.is_floating_point():
            wanted = (1 - share) * value + share * imagenet[name]
            torch.testing.assert_close(found[name], wanted, msg=name)
        else:
            assert torch.equal(found[name], value), name


@pytest.mark.parametrize("start", ["random", "imagenet"])
def test_a_share_of_imagenet_without_trained_weights_is_an_error(tmp_path: Path, start: str) -> None:
    config = read_config(CONFIG, options(tmp_path, f"start={start}", "imagenet_share=0.3"))
    with pytest.raises(InputError, match="imagenet_share is for twin_lite0, going on from trained weights"):
        build_for_training(config)
