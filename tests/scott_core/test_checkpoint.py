"""Weights are loaded strictly, and an error names what differs."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from scott_core.card import sha256, shipped
from scott_core.checkpoint import load_checkpoint, probability, save_checkpoint
from scott_core.errors import WeightsError
from scott_core.model.registry import build

ARCHITECTURE = {"encoder": {"name": "coder", "d": 16}, "merge": {"name": "matcher", "k": 4}, "alpha": 0.4}
CARD: dict[str, Any] = {
    "name": "small", "architecture": ARCHITECTURE, "image_size": 64, "threshold": 0.5, "slope": 1.0, "bias": 0.0,
}  # fmt: skip


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_checkpoint(build(ARCHITECTURE), CARD, tmp_path / "small.safetensors", half=False)
    return tmp_path / "small.safetensors"


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    model = build(ARCHITECTURE).eval()
    save_checkpoint(model, CARD, tmp_path / "w.safetensors", half=False)
    again = load_checkpoint(tmp_path / "w.safetensors")
    a, b = torch.rand(2, 1, 3, 64, 64) * 255
    torch.testing.assert_close(again.model(a, b).match, model(a, b).match, rtol=0, atol=0)
    assert again.model.alpha == 0.4
    assert not again.model.training
    assert again.card.version == load_checkpoint(tmp_path / "w.safetensors").card.version
    assert again.card.version.startswith("small+")


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_damaged_weights_are_refused(weights: Path, damage: str) -> None:
    content = bytearray(weights.read_bytes())
    if damage == "flip":
        content[-5] ^= 1
    weights.write_bytes(content[:-100] if damage == "truncate" else content)
    with pytest.raises(WeightsError, match="SHA-256"):
        load_checkpoint(weights)


def edit_card(weights: Path, **changes: Any) -> None:
    card = json.loads(weights.with_suffix(".json").read_text())
    weights.with_suffix(".json").write_text(json.dumps({**card, **changes}))


def test_another_architecture_names_the_first_keys_that_differ(weights: Path) -> None:
    edit_card(weights, architecture={**ARCHITECTURE, "merge": {"name": "region_embedding"}})
    with pytest.raises(WeightsError, match=r"keys differ.*merge\."):
        load_checkpoint(weights)
    edit_card(weights, architecture={**ARCHITECTURE, "encoder": {"name": "coder", "d": 32}})
    with pytest.raises(WeightsError, match="in the file"):
        load_checkpoint(weights)


def test_a_tensor_too_many_is_refused(weights: Path) -> None:
    save_file({**load_file(weights), "extra": torch.zeros(1)}, weights)
    edit_card(weights, sha256=sha256(weights))
    with pytest.raises(WeightsError, match="extra"):
        load_checkpoint(weights)


def test_calibration_is_a_logistic_curve() -> None:
    found = probability(torch.tensor([0.0, 2.0]), 0.5, -1.0)
    torch.testing.assert_close(found, torch.sigmoid(torch.tensor([-1.0, 0.0])))


@pytest.mark.parametrize("name", shipped())
def test_shipped_weights_load_and_are_small(name: str) -> None:
    checkpoint = load_checkpoint(name)
    assert checkpoint.card.raw["bytes"] < 40_000_000
    for field in ("training", "validation", "test", "data", "licences", "command", "intended_use", "known_failures"):
        assert checkpoint.card.raw[field], field


def test_a_probability_does_not_depend_on_what_it_is_computed_with() -> None:
    logits = torch.linspace(-8, 8, 1001)
    together = probability(logits, 1.3, -0.2)
    assert together.dtype == torch.float32
    assert torch.equal(torch.cat([probability(one, 1.3, -0.2) for one in logits.split(1)]), together)
