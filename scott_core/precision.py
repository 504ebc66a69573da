"""How exactly a model computes, on either side of the boundary between `encode_image` and `score_pairs`.

bfloat16 halves the bytes, doubles the arithmetic of hardware that multiplies it, and keeps eight bits of a number. What
a trunk of many layers makes of a picture suffers from that more than what is made of two pictures' features, so the two
sides are chosen apart. A card's `precision` names the cheapest whose verdicts on val are those of float32, but for
pairs within UNSURE of the threshold (measured by `scott_core.release`); it is used where the hardware has bfloat16.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from scott_core.errors import InputError


@dataclass(frozen=True)
class Precision:
    """The floating-point type of `encode_image` and that of `score_pairs`."""

    name: str
    encode: torch.dtype
    pair: torch.dtype


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        precision.name: precision
        for precision in (
            Precision("bfloat16", torch.bfloat16, torch.bfloat16),
            Precision("mixed", torch.float32, torch.bfloat16),
            Precision("float32", torch.float32, torch.float32),
        )
    }
)  # the cheapest first
UNSURE = 0.01


def has_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 itself; where it would be emulated, float32 is faster."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())


def resolve(name: str | None, card: Mapping[str, Any], device: torch.device) -> Precision:
    """The precision of that name; None: the card's where `device` has bfloat16, else float32. InputError."""
    if name is None:
        name = card.get("precision", "float32") if has_bfloat16(device) else "float32"
    if name not in PRECISIONS:
        raise InputError(f"unknown precision {name!r}; known: {', '.join(PRECISIONS)}")
    return PRECISIONS[name]
