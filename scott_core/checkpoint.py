"""Weights on disk: `NAME.safetensors` and its card `NAME.json`, loaded strictly.

The card says how to build the model (`architecture`), at which probability a pair is a match (`threshold`, chosen on
validation), how raw logits become that probability (`slope`, `bias`), and where the weights come from. Tensors
may be stored in half precision; they are computed with in float32.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from scott_core.card import read_card, resolve, sha256
from scott_core.errors import WeightsError
from scott_core.model.registry import build
from scott_core.model.scott import Scott


@dataclass(frozen=True)
class Checkpoint:
    """A model ready to use, in evaluation mode, with its card."""

    model: Scott
    card: dict[str, Any]

    @property
    def version(self) -> str:
        """Name and eight digits of a SHA-256 over all that a score depends on: weights, architecture, calibration."""
        decides = [self.card.get(field) for field in ("sha256", "architecture", "image_size", "slope", "bias")]
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
        return f"{self.card['name']}+{digest[:8]}"


def load_checkpoint(weights: str | Path = "default") -> Checkpoint:
    """Build the card's architecture and fill it, strictly.

    Raises WeightsError for a damaged file, for bytes that are not those the card names, and, naming the first keys
    that differ, for weights of another architecture.
    """
    path = resolve(weights)
    card = read_card(path)
    if sha256(path) != card["sha256"]:
        raise WeightsError(f"{path} is not the file its card describes (SHA-256 differs); fetch both again")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    model = build(card["architecture"])
    expected = model.state_dict()
    if state.keys() != expected.keys():
        differ = sorted(state.keys() ^ expected.keys())
        raise WeightsError(f"{path} does not fit its architecture: {len(differ)} keys differ, first {differ[:3]}")
    for key, value in state.items():
        if value.shape != expected[key].shape:
            shapes = f"{tuple(value.shape)} in the file, {tuple(expected[key].shape)} in the model"
            raise WeightsError(f"{path} does not fit its architecture: {key} is {shapes}")
    model.load_state_dict({key: value.to(expected[key].dtype) for key, value in state.items()}, strict=True)
    return Checkpoint(model.eval(), card)


def save_checkpoint(model: Scott, card: dict[str, Any], path: Path, *, half: bool = True) -> None:
    """Write path and its card; floating-point tensors in float16 where `half`. The card's sha256 is set here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        key: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in model.state_dict().items()
    }
    save_file(state, path)
    path.chmod(0o644)  # safetensors writes 0600, which another user's worker could not read
    card = {**card, "sha256": sha256(path), "bytes": path.stat().st_size}
    path.with_suffix(".json").write_text(json.dumps(card, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def probability(logits: torch.Tensor, card: dict[str, Any]) -> torch.Tensor:
    """Calibrated probability of a match: sigmoid(slope * logit + bias), fitted on validation; of the logits' type.

    Rounded from float64: torch's float32 sigmoid depends, in its last bit, on where in a tensor a number stands.
    """
    return torch.sigmoid(card["slope"] * logits.double() + card["bias"]).to(logits.dtype)
