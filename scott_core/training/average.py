"""TODO."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from scott_core.model.scott import Scott


class Average:
    """The exponential moving average of a model's parameters, which forgets its start.

    The decay after n steps is at most (1 + n) / (10 + n). What is not trained stays as it was.
    """

    def __init__(self, model: Scott, decay: float):
        self.model = copy.deepcopy(model)
        self.decay = decay
        trained = {name for name, p in model.named_parameters() if p.requires_grad}
        self._averaged: list[Tensor] = [p for name, p in self.model.named_parameters() if name in trained]
        self.model.requires_grad_(False)

    @torch.no_grad()
    def update(self, model: Scott, n: int) -> None:
        """Takes in the parameters after step `n`, counted from 0."""
        current: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        torch._foreach_lerp_(self._averaged, current, 1 - min(self.decay, (1 + n) / (10 + n)))
