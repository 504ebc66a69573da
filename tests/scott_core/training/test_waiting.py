"""No step waits for the device: nothing that is drawn or computed there decides a shape or is read back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from scott_core.model import matcher
from scott_core.training.config import read_config
from scott_core.training.trainer import Trainer, train
from tests.scott_core.training.small_runs import CONFIG, options


def test_a_step_never_asks_for_what_the_device_holds(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fake tensors, which have shapes and no values, asking is an error: a GPU would stand still meanwhile."""
    monkeypatch.setattr(matcher, "never_waits", lambda like: torch.is_grad_enabled())  # as on a GPU
    trainer = Trainer(read_config(CONFIG, options(tmp_path, "steps_segmentation=0")), pack)
    trainer.advance(trainer.batches[0])  # constants are made
    with FakeTensorMode(allow_non_fake_inputs=True):
        batch = trainer.batches[1]
        assert batch.images_a.shape == (8, 3, 64, 64)
        losses = trainer.objective(batch, False)
        losses["objective"].backward()
        with pytest.raises(DataDependentOutputException):
            losses["objective"].item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_step_on_a_gpu_waits_for_nothing(pack: Path, tmp_path: Path) -> None:
    command = options(tmp_path, "steps_segmentation=0", "precision=bfloat16")
    train(CONFIG, command, pack=pack, minutes=0.0)
    trainer = Trainer(read_config(CONFIG, command), pack)
    trainer.resume()
    for number in range(2):
        trainer.advance(trainer.batches[number])
    torch.cuda.set_sync_debug_mode("error")
    try:
        for number in range(2, 4):
            trainer.advance(trainer.batches[number])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_matcher_whose_shapes_do_not_depend_on_data_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    merge = matcher.Matcher(8, k=4).eval()
    f_a, f_b = torch.randn(2, 5, 8, 6, 6)
    region_a, region_b = torch.rand(2, 5, 6, 6) < torch.tensor([0.0, 0.05, 0.3, 0.7, 1.0]).view(5, 1, 1)
    wanted = merge(f_a, region_a, f_b, region_b)
    monkeypatch.setattr(matcher, "never_waits", lambda like: True)
    torch.testing.assert_close(merge(f_a, region_a, f_b, region_b), wanted)
