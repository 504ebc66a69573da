"""The averaged model of a training run, which is what is validated and released."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from scott_core.model.scott import Scott


class Average:
    """The exponential moving average of a model's parameters; those that do not train stay as they were.

    After step n the old average weighs min(decay, (1 + n) / (10 + n)), as in TensorFlow's ExponentialMovingAverage with
    `num_updates`: the average starts close to the model and soon forgets its untrained parameters.
    """

    def __init__(self, model: Scott, decay: float):
        self.model = copy.deepcopy(model)
        self.decay = decay
        trained = {name for name, p in model.named_parameters() if p.requires_grad}
        self._averaged: list[Tensor] = [p for name, p in self.model.named_parameters() if name in trained]
        self.model.requires_grad_(False)

    @torch.no_grad()
    def update(self, model: Scott, n: int) -> None:
        """Adds the parameters of `model` after step `n`, counted from 0."""
        current: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        torch._foreach_lerp_(self._averaged, current, 1 - min(self.decay, (1 + n) / (10 + n)))
