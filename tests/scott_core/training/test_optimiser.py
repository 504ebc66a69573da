"""The schedule of the learning rate, against PyTorch's own schedulers."""

from __future__ import annotations

import pytest
import torch

from scott_core.training.optimiser import LAST_SHARE, WARM_UP, set_learning_rates


def test_the_schedule_is_a_warm_up_and_half_a_cosine() -> None:
    steps, parameter = 200, [torch.nn.Parameter(torch.zeros(1))]
    ours = torch.optim.AdamW([{"params": parameter, "peak": 0.3}])
    theirs = torch.optim.AdamW(parameter, lr=0.3)
    scheduler = torch.optim.lr_scheduler.SequentialLR(
        theirs,
        [
            torch.optim.lr_scheduler.LinearLR(theirs, 1 / WARM_UP, 1.0, WARM_UP - 1),
            torch.optim.lr_scheduler.CosineAnnealingLR(theirs, steps - WARM_UP, 0.3 * LAST_SHARE),
        ],
        [WARM_UP],
    )
    for step in range(steps):
        set_learning_rates(ours, step, steps)
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-6), step
        theirs.step()
        scheduler.step()
