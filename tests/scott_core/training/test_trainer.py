"""Training runs for real, small: both steps, their log, and several processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from scott_core.data.pack import write_pack
from scott_core.errors import InputError
from scott_core.training import log as training_log
from scott_core.training.config import read_config
from scott_core.training.trainer import Trainer, overfit_one_batch, train
from tests.scott_core.training.small_runs import CONFIG, options, state_of


@pytest.mark.slow
def test_step_1_trains_the_masks_and_leaves_the_matching_head_alone(pack: Path, tmp_path: Path) -> None:
    trainer = Trainer(read_config(CONFIG, options(tmp_path, "steps_segmentation=6")), pack)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.advance(trainer.batches[0])
    moved = {name.split(".")[0] for name, p in trainer.model.named_parameters() if not torch.equal(before[name], p)}
    assert {"sigma_a", "sigma_b", "encoder"} <= moved
    assert "merge" not in moved


@pytest.mark.slow
def test_one_batch_can_be_learned_by_heart(pack: Path, tmp_path: Path) -> None:
    ends = overfit_one_batch(CONFIG, options(tmp_path, "start=imagenet", "steps=30", "steps_segmentation=0"), pack=pack)
    for loss in ("match", "mask_a", "mask_b", "contrast"):
        assert ends[f"last_{loss}"] < 0.8 * ends[f"first_{loss}"], loss
    assert not (tmp_path / "scott-lite0" / "checkpoint.pt").exists()


@pytest.mark.slow
def test_mixed_precision_trains(pack: Path, tmp_path: Path) -> None:
    card = train(CONFIG, options(tmp_path, "precision=bfloat16", "steps=3", "validate_every=3"), pack=pack)
    assert (card["training"]["precision"], card["training"]["step"]) == ("bfloat16", 3)


@pytest.mark.slow
def test_two_processes_train_one_model(pack: Path, tmp_path: Path) -> None:
    """DistributedDataParallel over gloo, as torchrun starts it: twice the batches, one set of weights."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "jobs.cli", "train", str(CONFIG), "--pack", str(pack), *options(tmp_path, "steps=2")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    card = json.loads((tmp_path / "scott-lite0" / "best.json").read_text())
    assert card["training"]["processes"] == 2
    assert state_of(tmp_path)["step"] == 2


@pytest.mark.slow
def test_without_a_pack_the_data_of_the_configuration_is_packed_once(data: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(data, tmp_path / "source"))
    where = [f"data={source}", f"validation={source}/pairs/val.csv"]
    command = options(tmp_path, *where, "steps=1", "steps_segmentation=0")
    first = train(CONFIG, command)
    kept = (tmp_path / "scott-lite0" / "data.pack").read_bytes()
    shutil.rmtree(source)
    assert train(CONFIG, command) == first
    assert (tmp_path / "scott-lite0" / "data.pack").read_bytes() == kept


@pytest.mark.slow
def test_the_log_has_the_curves(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_log, "EVERY", 0.0)
    train(CONFIG, options(tmp_path), pack=pack)
    lines = [json.loads(line) for line in (tmp_path / "scott-lite0" / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "objective" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
    assert all(0 < line["drawing"] < 1 and line["images_per_second"] > 0 and line["busy"] is None for line in steps)
    assert [line["step"] for line in lines if "roc_auc" in line] == [0, 6]


def test_a_pack_without_validation_pairs_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for path in ("manifest.csv", *(str(p.relative_to(data)) for p in data.glob("0*"))):
        (tmp_path / "source" / path).symlink_to(data / path)
    write_pack([tmp_path / "source"], tmp_path / "no-val.pack", size=32)
    with pytest.raises(InputError, match=r"no-val\.pack: validation needs labelled pairs"):
        Trainer(read_config(CONFIG, options(tmp_path)), tmp_path / "no-val.pack")
