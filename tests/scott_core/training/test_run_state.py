"""A run that was killed or stopped goes on as if it had not been, and only from its own checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from scott_core.checkpoint import load_checkpoint
from scott_core.data.batches import Batch
from scott_core.data.pack import write_pack
from scott_core.errors import InputError
from scott_core.training.trainer import Trainer, train
from tests.scott_core.training.small_runs import CONFIG, options, state_of


def assert_equal_states(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a["step"] == b["step"]
    for part in ("objective", "average"):
        for key, value in a[part].items():
            assert torch.equal(b[part][key], value), key
    for key, moments in a["optimiser"]["state"].items():
        for name, value in moments.items():
            assert torch.equal(b["optimiser"]["state"][key][name], value), (key, name)


@pytest.mark.slow
def test_a_killed_training_run_resumes_to_the_same_weights(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = train(CONFIG, options(tmp_path / "whole"), pack=pack)
    assert {"roc_auc", "f1"} <= set(card["validation"])

    class Killed(Exception):
        pass

    advance = Trainer.advance

    def until_the_fifth(self: Trainer, batch: Batch) -> dict[str, torch.Tensor]:
        if self.step == 4:
            raise Killed
        return advance(self, batch)

    monkeypatch.setattr(Trainer, "advance", until_the_fifth)
    with pytest.raises(Killed):
        train(CONFIG, options(tmp_path / "killed"), pack=pack)
    monkeypatch.undo()
    train(CONFIG, options(tmp_path / "killed"), pack=pack)
    assert_equal_states(state_of(tmp_path / "whole"), state_of(tmp_path / "killed"))


@pytest.mark.slow
def test_a_training_run_that_is_stopped_by_the_clock_leaves_weights_and_goes_on_as_if_it_had_not_been(
    pack: Path, tmp_path: Path
) -> None:
    whole = train(CONFIG, options(tmp_path / "whole"), pack=pack)
    command = options(tmp_path / "stopped")
    card = train(CONFIG, command, pack=pack, minutes=0.0)
    assert card["training"]["step"] == 1
    assert load_checkpoint(tmp_path / "stopped" / "scott-lite0" / "last.safetensors").card.raw == card
    assert train(CONFIG, command, pack=pack)["sha256"] == whole["sha256"]
    assert_equal_states(state_of(tmp_path / "whole"), state_of(tmp_path / "stopped"))


@pytest.mark.slow
def test_a_run_does_not_go_on_from_another(pack: Path, data: Path, tmp_path: Path) -> None:
    train(CONFIG, options(tmp_path), pack=pack, minutes=0.0)
    with pytest.raises(InputError, match=r"checkpoint\.pt is of another run: groups, lr differ; give a name="):
        train(CONFIG, options(tmp_path, "groups=3", "lr=0.1"), pack=pack)
    write_pack([data], tmp_path / "other.pack", size=32)
    with pytest.raises(InputError, match="another run: pack differ"):
        train(CONFIG, options(tmp_path), pack=tmp_path / "other.pack")
    train(CONFIG, options(tmp_path, "validate_every=2", "checkpoint_every=2"), pack=pack)
