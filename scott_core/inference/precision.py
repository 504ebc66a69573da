"""The precision of inference: float32, or bfloat16 where it changes no verdict.

bfloat16 halves the bytes, doubles the arithmetic rate of hardware that multiplies it, and keeps eight bits of a number.
A card's `precision` names the cheapest one whose verdicts on validation pairs are those of float32, except for pairs
within UNSURE of the threshold (`scott_core.evaluation.release` measures it). It is used where the hardware multiplies
it, and float32 elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from scott_core import card
from scott_core.errors import InputError

PRECISIONS: Mapping[str, torch.dtype] = MappingProxyType(
    {name: getattr(torch, name) for name in card.PRECISIONS}  # the cheapest first
)
UNSURE = 0.01  # of probability: within it of the threshold, float32 itself is not sure of a verdict (decision 13)
Scores = NDArray[np.float32]
Flips = NDArray[np.bool_]


def flips(score: Scores, exact: Scores, threshold: float) -> tuple[Flips, Flips]:
    """Pairs whose verdict differs from that of the `exact` (float32) scores, bool [n], and the sure ones among them.

    A pair is sure where its exact score is further than UNSURE from `threshold`.
    """
    flipped = (score >= threshold) != (exact >= threshold)
    return flipped, flipped & (np.abs(exact - threshold) > UNSURE)


def available(device: torch.device) -> list[str]:
    """The names of PRECISIONS that `device` multiplies itself; emulated bfloat16 is far slower than float32."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = torch.cpu._is_avx512_bf16_supported()
    return [name for name in PRECISIONS if name == "float32" or has_bfloat16]


def resolve(name: str | None, preferred: str, device: torch.device) -> str:
    """The precision to compute in on `device`: `name`, or where it is None the card's `preferred`, else float32.

    Raises InputError for a `name` that is unknown, or that the device does not multiply itself.
    """
    if name is None:
        return preferred if preferred in available(device) else "float32"
    card.check_precision(name)
    if name not in available(device):
        raise InputError(f"this machine's {device.type} does not compute in {name}; float32 is for every machine")
    return name
