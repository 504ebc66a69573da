"""Weights on disk: `NAME.safetensors` and its card `NAME.json`, written and strictly loaded.

Tensors may be stored in half precision; the model computes in float32 whatever they are stored in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from scott_core.card import Card, read_card, resolve, sha256, write_card
from scott_core.errors import WeightsError
from scott_core.model.registry import build
from scott_core.model.scott import Scott


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode, with its card."""

    model: Scott
    card: Card


def load_checkpoint(weights: str | Path = "default") -> Checkpoint:
    """Build the card's architecture and fill it with the weights, strictly.

    Raises WeightsError where the file is damaged, where its SHA-256 is not the card's, and where its keys or shapes are
    not those of the architecture; the message names the first keys that differ.
    """
    path = resolve(weights)
    card = read_card(path, verify=True)
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    model = build(card.architecture)
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


def save_checkpoint(model: Scott, card: Mapping[str, Any], path: Path, *, half: bool = True) -> None:
    """Write the weights to `path` and `card` beside it, with the fields `sha256` and `bytes` of the written file.

    Floating-point tensors are stored as float16 where `half`. The folder is made if need be.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        key: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in model.state_dict().items()
    }
    save_file(state, path)
    path.chmod(0o644)  # safetensors writes 0600, which another user's worker could not read
    card = {**card, "sha256": sha256(path), "bytes": path.stat().st_size}
    write_card(card, path)


def probability(logits: torch.Tensor, slope: float, bias: float) -> torch.Tensor:
    """Calibrated probability of a match, sigmoid(slope * logit + bias) (Platt 1999), in the logits' dtype.

    It is computed in float64 and rounded once: the last bit of torch's float32 sigmoid depends on the position of a
    value in its tensor.
    """
    return torch.sigmoid(slope * logits.double() + bias).to(logits.dtype)
