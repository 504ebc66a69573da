"""The optimiser of a training run: AdamW with two peak learning rates, their schedule, and the limit on gradients.

The backbone starts from ImageNet's weights and learns at its own, lower rate (`lr_trunk`); everything else at `lr`.
"""

from __future__ import annotations

import math

import torch

from scott_core.training.config import TrainingConfig
from scott_core.training.objective import Objective

CLIP = 5.0  # highest L2 norm of a step's gradient; a usual value, not measured
WARM_UP = 50  # steps of linear warm-up; a usual value, not measured
LAST_SHARE = 0.02  # of the peak learning rate, at the last step; not measured
_BACKBONE = "scott.encoder.trunk"  # how the names of its parameters begin


def build_optimiser(objective: Objective, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) over the parameters that train; `peak` of a group is its learning rate's."""
    named = [(name, parameter) for name, parameter in objective.named_parameters() if parameter.requires_grad]
    backbone = [parameter for name, parameter in named if name.startswith(_BACKBONE)]
    rest = [parameter for name, parameter in named if not name.startswith(_BACKBONE)]
    return torch.optim.AdamW(
        [{"params": backbone, "peak": config.lr_trunk}, {"params": rest, "peak": config.lr}],
        weight_decay=config.weight_decay,
    )


def set_learning_rates(optimiser: torch.optim.Optimizer, step: int, steps: int) -> None:
    """Sets each group's learning rate for `step`, counted from 0, of `steps`."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * share_of_peak(step, steps)


def share_of_peak(step: int, steps: int) -> float:
    """The learning rate's share of its peak: linear warm-up, then half a cosine (Loshchilov and Hutter 2017).

    It is in (0, 1], 1 at the end of WARM_UP, and LAST_SHARE at `steps`.
    """
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    falling = (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP))) / 2
    return LAST_SHARE + (1 - LAST_SHARE) * falling
