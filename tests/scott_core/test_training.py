"""Training for real, small: both steps, and a kill that changes nothing."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from scott_core.checkpoints import save_checkpoint
from scott_core.data.instances import read_pair_instances
from scott_core.errors import InputError
from scott_core.objective import pair_grid
from scott_core.registry import build
from scott_core.training import build_for_training, overfit_one_batch, train
from scott_core.training_config import read_config
from tests.scott_core.test_predictor import CARD, carton

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
        f"data={data}", f"validation={data}/pairs/val.csv", f"runs={runs}", "start=random", "score_size=64",
        "image_size=64", "families={carton: 1.0}", "steps=6",
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


@pytest.mark.slow
def test_one_batch_can_be_learned_by_heart(data: Path, tmp_path: Path) -> None:
    ends = overfit_one_batch(CONFIG, options(data, tmp_path, "start=imagenet", "steps=30", "steps_segmentation=0"))
    for loss in ("match", "mask_a", "mask_b", "contrast"):
        assert ends[f"last_{loss}"] < 0.8 * ends[f"first_{loss}"], loss
    assert not (tmp_path / "scott-lite0" / "checkpoint.pt").exists()


@pytest.mark.slow
def test_mixed_precision_trains(data: Path, tmp_path: Path) -> None:
    card = train(CONFIG, options(data, tmp_path, "precision=bf16-mixed", "steps=3", "validate_every=3"))
    assert (card["training"]["precision"], card["training"]["step"]) == ("bf16-mixed", 3)


@pytest.mark.slow
def test_two_processes_train_one_model(data: Path, tmp_path: Path) -> None:
    """DistributedDataParallel over gloo, as `scott train` starts it: twice the batches, one set of weights."""
    command = [
        str(Path(sys.executable).with_name("scott")),
        "train",
        str(CONFIG),
        *options(data, tmp_path, "devices=2", "steps=2"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    card = json.loads((tmp_path / "scott-lite0" / "best.json").read_text())
    assert card["training"]["processes"] == 2
    assert card["training"]["step"] == 2


def test_a_configuration_builds_on_another(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        f"base: {CONFIG}\nname: c\nsteps: 7\narchitecture:\n  merge: {{name: region_embedding}}\nfamilies: {{toy: 9}}\n"
    )
    config, base = read_config(tmp_path / "c.yaml", ["seed=5"]), read_config(CONFIG, [])
    assert (config.name, config.steps, config.seed) == ("c", 7, 5)
    assert config.architecture["merge"] == {"name": "region_embedding"}
    assert config.architecture["encoder"] == base.architecture["encoder"]
    assert config.families == {**base.families, "toy": 9}


CONFIGS = sorted(path for path in CONFIG.parent.rglob("*.yaml") if not path.name.endswith(".card.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_builds(path: Path) -> None:
    config = read_config(path, [])
    assert config.steps > config.steps_segmentation
    build(config.architecture)


def test_a_pairs_file_gives_objects_and_their_look_alikes(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "image_a,image_b,label,kind,family,mask_a,mask_b\n"
        "1.png,2.png,1,match,f,1m.png,\n"
        "2.png,3.png,1,match,f,,3m.png\n"
        "4.png,5.png,1,match,f,,\n"
        "1.png,4.png,0,hard,f,,\n"
        "6.png,7.png,1,match,f,,\n"
        "6.png,8.png,0,easy,f,,\n"
        "9.png,1.png,,,f,,\n"
    )
    instances = read_pair_instances(tmp_path / "p.csv")
    found = {frozenset(view.image.stem for view in instance.views): instance for instance in instances}
    assert set(found) == {frozenset("123"), frozenset("45"), frozenset("67"), frozenset("8")}
    first, second = found[frozenset("123")], found[frozenset("45")]
    assert first.group == second.group != found[frozenset("67")].group == found[frozenset("8")].group
    assert {view.image.stem: view.mask and view.mask.stem for view in first.views} == {"1": "1m", "2": None, "3": "3m"}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_trunk_goes_back_to_imagenet_as_far_as_is_said(data: Path, tmp_path: Path, share: float) -> None:
    config = read_config(CONFIG, options(data, tmp_path, "seed=3"))
    start = build_for_training(config)
    save_checkpoint(start, {**CARD, "architecture": config.architecture}, tmp_path / "w.safetensors", half=False)
    going_on = read_config(
        CONFIG, options(data, tmp_path, f"start={tmp_path}/w.safetensors", f"imagenet_share={share}", "seed=4")
    )
    found = build_for_training(going_on).state_dict()
    imagenet = build_for_training(read_config(CONFIG, options(data, tmp_path, "start=imagenet"))).state_dict()
    for name, value in start.state_dict().items():
        if name.startswith("encoder.trunk.") and value.is_floating_point():
            wanted = (1 - share) * value + share * imagenet[name]
            torch.testing.assert_close(found[name], wanted, msg=name)
        else:
            assert torch.equal(found[name], value), name


@pytest.mark.parametrize("start", ["random", "imagenet"])
def test_a_share_of_imagenet_without_trained_weights_is_an_error(data: Path, tmp_path: Path, start: str) -> None:
    config = read_config(CONFIG, options(data, tmp_path, f"start={start}", "imagenet_share=0.3"))
    with pytest.raises(InputError, match="imagenet_share is for twin_lite0, going on from trained weights"):
        build_for_training(config)


def test_negatives_are_of_other_instances_the_first_of_the_same_group() -> None:
    group = torch.tensor([0, 0, 0, 1, 1, 1])
    i, j = pair_grid(group, 2, torch.Generator().manual_seed(0))
    assert i[:6].tolist() == j[:6].tolist() == list(range(6))
    assert (i[6:] != j[6:]).all()
    assert (group[i[6:12]] == group[j[6:12]]).all()
    likeness = torch.zeros(6, 6)
    likeness[:, 4] = 100.0  # everything looks like object 4
    _, j = pair_grid(group, 2, torch.Generator().manual_seed(0), likeness)
    assert (j[12:] == 4).sum() >= 5


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
