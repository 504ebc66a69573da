"""The average of a training run's models: it begins near the model, and ends at its decay."""

from __future__ import annotations

import copy

import pytest
import torch

from scott_core.training.average import Average


@pytest.mark.parametrize(("step", "kept"), [(0, 0.1), (90, 0.91), (10**6, 0.99)])
def test_the_old_average_weighs_what_tensorflows_does(step: int, kept: float) -> None:
    model = torch.nn.Linear(3, 2)
    average = Average(model, 0.99)  # type: ignore[arg-type]
    before = copy.deepcopy(average.model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    average.update(model, step)  # type: ignore[arg-type]
    for old, new in zip(before.parameters(), average.model.parameters(), strict=True):
        torch.testing.assert_close(new, old + (1 - kept))
