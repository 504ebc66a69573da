"""Average the weights of trainings that went on from one start (Wortsman et al. 2022, model soups).

    python -m scott_core.soup OUT.safetensors VAL.csv WEIGHTS.safetensors WEIGHTS.safetensors ...

One model again, as fast as each, and better than each where their mistakes differ. Alpha and calibration are chosen
on VAL.csv anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from scott_core.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from scott_core.errors import WeightsError
from scott_core.validation import ALPHAS, ValidationSet, calibrate


def average(checkpoints: Sequence[Checkpoint], on: ValidationSet) -> Checkpoint:
    """The mean of all weights, calibrated on `on`; its card names what was averaged.

    Raises WeightsError where two are not of one architecture (their alpha may differ).
    """
    first = checkpoints[0]
    states = [checkpoint.model.state_dict() for checkpoint in checkpoints]
    for checkpoint, state in zip(checkpoints, states, strict=True):
        if {name: value.shape for name, value in state.items()} != {name: v.shape for name, v in states[0].items()}:
            raise WeightsError(f"{checkpoint.version} is of another architecture than {first.version}")
    first.model.load_state_dict(
        {
            name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
            for name, value in states[0].items()
        }
    )
    card = {field: value for field, value in first.card.items() if field != "training"}
    card["averaged"] = {each.version: each.card["training"] for each in checkpoints}
    card = calibrate(first.model, card, on, alphas=ALPHAS)
    first.model.alpha = card["architecture"]["alpha"]
    return Checkpoint(first.model, card)


def main(out: Path, val: Path, *weights: Path) -> None:
    """Write the average and its card; print what was measured."""
    mean = average([load_checkpoint(path) for path in weights], ValidationSet(val))
    save_checkpoint(mean.model, mean.card, out)
    sys.stdout.write(json.dumps({"alpha": mean.model.alpha, **mean.card["validation"]}, indent=1) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
