"""Training for real, small: both steps, and a kill that changes nothing."""

import csv
import json
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from scott_core.errors import InputError
from scott_core.training import read_config, train
from tests.scott_core.test_predictor import carton

CONFIG = Path(__file__).parents[2] / "scott_core" / "configs" / "scott-lite0.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in the layout of ../shared/data: cartons of our own, photographed for validation."""
    root = tmp_path_factory.mktemp("data")
    (root / "pairs").mkdir()
    (root / "images").mkdir()
    fields = ["image", "mask", "mask_kind", "dataset", "category", "instance", "role", "split", "licence"]
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.DictWriter(file, fields).writeheader()
    with (root / "pairs" / "val.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image_a", "image_b", "label"])
        for seed in range(0, 24, 4):
            for view in (0, 1):
                carton(seed, view).save(root / "images" / f"{seed}-{view}.png")
            rows.writerow([f"../images/{seed}-0.png", f"../images/{seed}-1.png", 1])
            rows.writerow([f"../images/{seed}-0.png", f"../images/{(seed + 4) % 24}-1.png", 0])
    return root


def options(data: Path, runs: Path, *more: str) -> list[str]:
    return [
        f"data={data}", f"runs={runs}", "imagenet=false", "image_size=64", "families={carton: 1.0}", "steps=6",
        "steps_segmentation=2", "validate_every=6", "checkpoint_every=3", "groups=2", "threads=1",
        "architecture.encoder.d=16", "architecture.merge.k=4", *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = train(CONFIG, options(data, tmp_path / "whole"))
    assert {"roc_auc", "f1"} <= set(card["validation"])

    class Killed(Exception):
        pass

    from scott_core.training import Trainer

    advance = Trainer._advance
    monkeypatch.setattr(Trainer, "_advance", lambda self, batch: advance(self, batch) if self.step < 4 else kill())

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        train(CONFIG, options(data, tmp_path / "killed"))
    monkeypatch.undo()
    train(CONFIG, options(data, tmp_path / "killed"))
    states = [
        torch.load(tmp_path / run / "scott-lite0" / "checkpoint.pt", weights_only=True) for run in ("whole", "killed")
    ]
    assert states[0]["step"] == states[1]["step"] == 6
    for key, value in states[0]["ema"].items():
        torch.testing.assert_close(states[1]["ema"][key], value, rtol=0, atol=0, msg=key)


@pytest.mark.slow
def test_step_1_trains_the_masks_and_leaves_the_merge_alone(data: Path, tmp_path: Path) -> None:
    from scott_core.training import Trainer

    trainer = Trainer(read_config(CONFIG, options(data, tmp_path, "steps_segmentation=6")))
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer._advance(trainer.batches[0])
    moved = {name.split(".")[0] for name, p in trainer.model.named_parameters() if not torch.equal(before[name], p)}
    assert {"sigma_a", "sigma_b", "encoder"} <= moved
    assert "merge" not in moved


@pytest.mark.parametrize(
    ("override", "said"), [("stepz=3", "stepz"), ("steps", "steps"), ("architecture.encoder.depth=3", "depth")]
)
def test_an_override_that_does_not_fit_is_named(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_config(CONFIG, [override])


def test_a_configuration_must_be_whole(tmp_path: Path) -> None:
    values = yaml.safe_load(CONFIG.read_text())
    del values["seed"]
    (tmp_path / "c.yaml").write_text(json.dumps(values))
    with pytest.raises(InputError, match="seed"):
        read_config(tmp_path / "c.yaml", [])
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "none.yaml", [])


def test_batches_depend_on_seed_and_step_alone(data: Path) -> None:
    from scott_core.data.batches import Batches

    make = lambda seed: Batches([], [], weights={"carton": 1}, n_groups=2, group_size=4, size=64, seed=seed, steps=9)  # noqa: E731
    first, again, other = make(1)[5], make(1)[5], make(2)[5]
    assert torch.equal(first.images_a, again.images_a)
    assert torch.equal(first.mask_b, again.mask_b)
    assert not torch.equal(first.images_a, other.images_a)
    assert first.images_a.shape == (8, 3, 64, 64)
    assert first.group.tolist() == [0] * 4 + [1] * 4
    covered = first.mask_a.mean((1, 2, 3))
    assert (covered > 0.02).all()
    Image.fromarray(first.images_a[0].permute(1, 2, 0).numpy())
