"""Training for real, small: both steps, and a kill that changes nothing."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from scott_core.checkpoint import load_checkpoint, save_checkpoint
from scott_core.data.batches import Batch, Batches
from scott_core.data.chance import Chance
from scott_core.data.instances import read_pair_instances
from scott_core.data.pack import write_pack
from scott_core.data.recipe import Recipe, recipe_of
from scott_core.data.store import load_store
from scott_core.data.synthetic import cartons
from scott_core.errors import InputError
from scott_core.model import matcher
from scott_core.model.registry import build
from scott_core.training import log as training_log
from scott_core.training.config import read_config
from scott_core.training.objective import _one_of_each_row, _repeated, pair_grid
from scott_core.training.start import build_for_training
from scott_core.training.timing import time_steps
from scott_core.training.trainer import Trainer, overfit_one_batch, train
from tests import ROOT
from tests.scott_core.test_predictor import CARD, carton

SMALL = {
    "encoder": {"name": "twin_lite0", "d": 16, "exchange": "correlation", "fine": True},
    "merge": {"name": "matcher+region_embedding", "k": 4, "similarity": "cosine"},
    "alpha": 0.15,
}
CONFIG = ROOT / "scott_core" / "configs" / "scott-lite0.yaml"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source: cartons of our own, and others photographed for validation."""
    root = tmp_path_factory.mktemp("data")
    cartons.main(["--out", str(root), "--brands", "3", "--views", "2", "--size", "64", "--start", "100"])
    (root / "pairs").mkdir()
    (root / "images").mkdir()
    with (root / "pairs" / "val.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image_a", "image_b", "label"])
        for seed in range(0, 24, 4):
            for view in (0, 1):
                carton(seed, view).save(root / "images" / f"{seed}-{view}.png")
            rows.writerow([f"../images/{seed}-0.png", f"../images/{seed}-1.png", 1])
            rows.writerow([f"../images/{seed}-0.png", f"../images/{(seed + 4) % 24}-1.png", 0])
    return root


@pytest.fixture(scope="module")
def pack(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "cartons.pack"
    write_pack([data], path, size=64)
    return path


def options(runs: Path, *more: str) -> list[str]:
    return [
        f"runs={runs}", "start=random", "score_size=64", "image_size=64", "families={carton: 1.0}", "steps=6",
        "steps_segmentation=2", "validate_every=6", "checkpoint_every=3", "groups=2", "threads=1",
        "architecture.encoder.d=16", "architecture.merge.k=4", *more,
    ]  # fmt: skip


def state_of(runs: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(runs / "scott-lite0" / "checkpoint.pt", weights_only=True)
    return state


def assert_equal_states(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a["step"] == b["step"]
    for part in ("objective", "average"):
        for key, value in a[part].items():
            assert torch.equal(b[part][key], value), key
    for key, moments in a["optimiser"]["state"].items():
        for name, value in moments.items():
            assert torch.equal(b["optimiser"]["state"][key][name], value), (key, name)


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights(
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
def test_training_that_is_stopped_by_the_clock_leaves_weights_and_goes_on_as_if_it_had_not_been(
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
def test_step_1_trains_the_masks_and_leaves_the_merge_alone(pack: Path, tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_a_run_does_not_go_on_from_another(pack: Path, data: Path, tmp_path: Path) -> None:
    train(CONFIG, options(tmp_path), pack=pack, minutes=0.0)
    with pytest.raises(InputError, match=r"checkpoint\.pt is of another run: groups, lr differ; give a name="):
        train(CONFIG, options(tmp_path, "groups=3", "lr=0.1"), pack=pack)
    write_pack([data], tmp_path / "other.pack", size=32)
    with pytest.raises(InputError, match="another run: pack differ"):
        train(CONFIG, options(tmp_path), pack=tmp_path / "other.pack")
    train(CONFIG, options(tmp_path, "validate_every=2", "checkpoint_every=2"), pack=pack)


def test_a_pack_without_validation_pairs_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for path in ("manifest.csv", *(str(p.relative_to(data)) for p in data.glob("0*"))):
        (tmp_path / "source" / path).symlink_to(data / path)
    write_pack([tmp_path / "source"], tmp_path / "no-val.pack", size=32)
    with pytest.raises(InputError, match=r"no-val\.pack: validation needs labelled pairs"):
        Trainer(read_config(CONFIG, options(tmp_path)), tmp_path / "no-val.pack")


@pytest.mark.parametrize("part", ["merge", "sigma_a"])
def test_a_fresh_part_does_not_come_from_the_weights(tmp_path: Path, part: str) -> None:
    start = build_for_training(read_config(CONFIG, options(tmp_path, "seed=3")))
    save_checkpoint(start, {**CARD, "architecture": SMALL}, tmp_path / "w.safetensors", half=False)
    going_on = options(tmp_path, f"start={tmp_path}/w.safetensors", f"fresh=[{part}]", "seed=4")
    found = build_for_training(read_config(CONFIG, going_on)).state_dict()
    fresh = build_for_training(read_config(CONFIG, options(tmp_path, "seed=4"))).state_dict()
    for name, value in start.state_dict().items():
        assert torch.equal(found[name], (fresh[name] if name.startswith(f"{part}.") else value)), name


def test_a_part_that_is_none_is_named(tmp_path: Path) -> None:
    save_checkpoint(build(SMALL), {**CARD, "architecture": SMALL}, tmp_path / "w.safetensors")
    config = read_config(CONFIG, options(tmp_path, f"start={tmp_path}/w.safetensors", "fresh=[head]"))
    with pytest.raises(InputError, match="head"):
        build_for_training(config)


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
def test_a_trunk_goes_back_to_imagenet_as_far_as_is_said(tmp_path: Path, share: float) -> None:
    config = read_config(CONFIG, options(tmp_path, "seed=3"))
    start = build_for_training(config)
    save_checkpoint(start, {**CARD, "architecture": config.architecture}, tmp_path / "w.safetensors", half=False)
    going_on = read_config(
        CONFIG, options(tmp_path, f"start={tmp_path}/w.safetensors", f"imagenet_share={share}", "seed=4")
    )
    found = build_for_training(going_on).state_dict()
    imagenet = build_for_training(read_config(CONFIG, options(tmp_path, "start=imagenet"))).state_dict()
    for name, value in start.state_dict().items():
        if name.startswith("encoder.trunk.") and value.is_floating_point():
            wanted = (1 - share) * value + share * imagenet[name]
            torch.testing.assert_close(found[name], wanted, msg=name)
        else:
            assert torch.equal(found[name], value), name


@pytest.mark.parametrize("start", ["random", "imagenet"])
def test_a_share_of_imagenet_without_trained_weights_is_an_error(tmp_path: Path, start: str) -> None:
    config = read_config(CONFIG, options(tmp_path, f"start={start}", "imagenet_share=0.3"))
    with pytest.raises(InputError, match="imagenet_share is for twin_lite0, going on from trained weights"):
        build_for_training(config)


def test_negatives_are_of_other_instances_the_first_of_the_same_group() -> None:
    instance, group = torch.arange(6), torch.tensor([0, 0, 0, 1, 1, 1])
    i, j = pair_grid(instance, group, 2, Chance(0, 0, torch.device("cpu")))
    assert i[:6].tolist() == j[:6].tolist() == list(range(6))
    assert (i[6:] != j[6:]).all()
    assert (group[i[6:12]] == group[j[6:12]]).all()
    likeness = torch.zeros(6, 6)
    likeness[:, 4] = 100.0  # everything looks like object 4
    _, j = pair_grid(instance, group, 2, Chance(0, 0, torch.device("cpu")), likeness)
    assert (j[12:] == 4).sum() >= 5


def test_an_instance_that_is_in_two_groups_is_no_negative_of_itself() -> None:
    instance, group = torch.tensor([7, 1, 7, 2]), torch.tensor([0, 0, 1, 1])
    likeness = torch.tensor([[9.0, 0, 9, 0], [0, 9, 0, 0], [9, 0, 9, 0], [0, 0, 0, 9]])
    for step in range(200):
        i, j = pair_grid(instance, group, 2, Chance(0, step, torch.device("cpu")), likeness)
        assert (instance[i[4:]] != instance[j[4:]]).all()
    assert _repeated(instance).nonzero().tolist() == [[0, 2], [2, 0]]


def test_negatives_are_drawn_in_proportion_to_their_weights() -> None:
    weight = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 2.0]])
    drawn = torch.stack([_one_of_each_row(weight, Chance(1, k, torch.device("cpu"))) for k in range(2000)])
    found = torch.stack([(drawn == column).float().mean(0) for column in range(3)], 1)
    torch.testing.assert_close(found, weight / weight.sum(1, keepdim=True), rtol=0, atol=0.04)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("stepz=3", "stepz"), ("steps", "steps"), ("architecture.encoder.depth=3", "depth"),
        ("precision=bf16-mixed", "precision is 'bf16-mixed'; bfloat16 or float32"),
        ("image_size=200", "multiple of 16"),
        ("group_size=1", "2 to 17"), ("group_size=18", "2 to 17"), ("groups=0", "at least 1"),
    ],
)  # fmt: skip
def test_an_override_that_does_not_fit_is_named(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_config(CONFIG, [override])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"blurr": 1}, "blurr unknown"),
        ({"printed": "carton"}, "augment.printed is 'carton'; a list"),
        ({"blur": [1]}, r"augment.blur is \[1\]; a number"),
    ],
)
def test_a_recipe_that_does_not_fit_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        recipe_of(given)


def test_a_recipes_field_can_be_overridden() -> None:
    config = read_config(CONFIG, ["augment.blur=0.5", "augment.printed=[carton]"])
    assert recipe_of(config.augment) == replace(Recipe(), blur=0.5, printed=("carton",))


def test_a_configuration_must_be_whole(tmp_path: Path) -> None:
    values = yaml.safe_load(CONFIG.read_text())
    del values["seed"]
    (tmp_path / "c.yaml").write_text(json.dumps(values))
    with pytest.raises(InputError, match="seed"):
        read_config(tmp_path / "c.yaml", [])
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "none.yaml", [])


def test_batches_depend_on_seed_and_step_alone(pack: Path) -> None:
    store = load_store(pack, {"carton": 1}, group_size=4)

    def make(seed: int) -> Batches:
        return Batches(
            store, Recipe(), families={"carton": 1}, groups=2, group_size=4, look_alikes=0.5, size=64, seed=seed
        )

    first, again, other = make(1)[5], make(1)[5], make(2)[5]
    assert torch.equal(first.images_a, again.images_a)
    assert torch.equal(first.mask_b, again.mask_b)
    assert not torch.equal(first.images_a, other.images_a)
    assert first.images_a.shape == (8, 3, 64, 64)
    assert first.images_a.dtype == torch.uint8
    assert first.group.tolist() == [0] * 4 + [1] * 4
    assert (first.mask_a.mean((1, 2, 3)) > 0.005).all()


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
    trainer._resume()
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


@pytest.mark.slow
def test_the_bench_times_parts_and_whole(pack: Path, tmp_path: Path) -> None:
    found = time_steps(CONFIG, options(tmp_path), 2, pack=pack)
    rates = {name: float(value) for name, value in found.items() if "per_second" in name}
    assert rates["images_per_second"] == pytest.approx(16 * rates["steps_per_second"], rel=0.02)
    assert rates["steps_per_second"] < 1.5 * rates["steps_per_second_on_drawn_batches"]
    assert 0 < float(found["share"]) < 1.5
    assert list(tmp_path.iterdir()) == []
