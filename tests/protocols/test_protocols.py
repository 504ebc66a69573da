"""The paper's protocols run end to end: the commands of docs/data.md, on small data sets in the real ones' layouts."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

from jobs import cli
from scott_core.data.pack import read_rows
from scott_core.data.readers.__main__ import main as write_pairs_file
from scott_core.pairs import Pair, read_pairs
from tests import ROOT
from tests.protocols.landmarks import PHOTOGRAPHS, SCENES, write_phototourism
from tests.protocols.persons import draw_person, stride, write_human36m, write_market1501

pytestmark = pytest.mark.slow

SMALL = [
    "architecture.encoder.d=16", "image_size=64", "score_size=64",
    "groups=1", "steps=3", "validate_every=3", "threads=1",
]  # fmt: skip
FIRST = "steps_segmentation=1"  # step 1 of the paper is for Human3.6M alone
POOLED = "architecture.merge.k=4"


def commands(data_set: str) -> list[str]:
    """The commands of a data set in the section on protocols, in order."""
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    section = text.partition(f"### {data_set}\n")[2].partition("\n#")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def follow(lines: list[str], tree: Path, data: Path, *overrides: str) -> None:
    """Runs commands in `tree`, where ROOT is `data`; training has the overrides."""
    with contextlib.chdir(tree):
        for line in lines:
            match [str(data) if word == "ROOT" else word for word in shlex.split(line)]:
                case ["python", "-m", "scott_core.data.readers", *arguments]:
                    write_pairs_file(arguments)
                case ["scott", "train", *arguments]:
                    assert cli.main(["train", *arguments, *SMALL, *overrides]) == 0
                case ["scott", *arguments]:
                    assert cli.main(arguments) == 0
                case _:
                    pytest.fail(f"docs/data.md: {line} is no command of ours")


def read_split(tree: Path, data_set: str, split: str, n: int) -> list[Pair]:
    """The pairs file of a split, of which half of the `n` rows match, and those by the names of their objects."""
    pairs = read_pairs(tree / "runs" / f"{data_set}-{split}.csv")
    assert len(pairs) == n
    assert sum(pair.label == 1 for pair in pairs) == n // 2
    assert all(pair.label == (pair.instance_a == pair.instance_b) for pair in pairs)
    return pairs


def names(pairs: list[Pair]) -> set[str]:
    return {name for pair in pairs for name in (pair.instance_a, pair.instance_b)}


def read_measures(tree: Path, name: str, n: int) -> dict[str, Any]:
    """measures.json, whose ROC AUC is that of the `n` scores."""
    found: dict[str, Any] = json.loads((tree / "runs" / name / "measures.json").read_text())
    scores = pq.read_table(tree / "runs" / f"{name}.parquet")
    assert (found["n"], found["n_positive"], found["n_failed"]) == (n, n // 2, 0)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(scores["label"], scores["score"]))
    return found


def iou(mask: Path, truth: NDArray[np.bool_]) -> float:
    """How well a file of a mask agrees with the truth."""
    said = np.asarray(Image.open(mask).convert("L")) > 127
    return float((said & truth).sum() / (said | truth).sum())


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of the tree with a runs/ of its own."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "scott_core").symlink_to(ROOT / "scott_core")
    return folder


@pytest.fixture(scope="module")
def human36m(tree: Path) -> Path:
    """The tree after the commands of Human3.6M."""
    write_human36m(tree / "h36m")
    follow(commands("Human3.6M"), tree, tree / "h36m", FIRST, POOLED)
    return tree


def test_human36m(human36m: Path) -> None:
    splits = {"train": {1, 5, 6, 7}, "val": {8, 9, 11}, "test": {2, 3, 4}}  # of the paper
    for split, subjects in splits.items():
        # Two frames are kept of each of three videos, so that a subject has 3 * 2 * 2 matches.
        pairs = read_split(human36m, "h36m", split, len(subjects) * 12 * 2)
        assert names(pairs) == {f"S{subject}" for subject in subjects}
        for pair in pairs:
            assert pair.path_a.parent != pair.path_b.parent
            assert pair.mask_a is not None
            _, truth = draw_person(int(pair.instance_a[1:]), stride(int(pair.path_a.stem)), (0, 0, 0), (96, 96))
            assert iou(pair.mask_a, truth > 0) > 0.9  # the video's compression costs the rest
    _, rows = read_rows(human36m / "runs/table5-h36m-matcher/data.pack")
    assert (len(rows), len({row.instance for row in rows})) == (4 * 3 * 2, 4)
    assert read_measures(human36m, "h36m-test", 72)["mask_iou"]["n"] == 36


@pytest.mark.parametrize("row", ["image", "region"])
def test_the_other_rows_of_human36m(human36m: Path, row: str) -> None:
    lines = [line.replace("h36m-matcher", f"h36m-{row}") for line in commands("Human3.6M") if line.startswith("scott")]
    follow(lines, human36m, human36m / "h36m", FIRST)
    assert read_measures(human36m, "h36m-test", 72)["mask_iou"]["n"] == 36


def test_market1501_goes_on_from_human36m(human36m: Path) -> None:
    write_market1501(human36m / "market")
    follow(commands("Market-1501"), human36m, human36m / "market", POOLED, "seed=2")  # a random start would be another
    persons = {"train": 550, "val": 50, "test": 150}  # of the paper; each has one match
    seen = {split: names(read_split(human36m, "market1501", split, 2 * n)) for split, n in persons.items()}
    assert {split: len(people) for split, people in seen.items()} == persons
    assert len(set.union(*seen.values())) == 750
    _, rows = read_rows(human36m / "runs/table5-market1501/data.pack")
    assert (len(rows), len({row.instance for row in rows})) == (2 * 550, 550)
    before = load_file(human36m / "runs/table5-h36m-matcher/best.safetensors")
    after = torch.load(human36m / "runs/table5-market1501/checkpoint.pt", weights_only=True)["objective"]
    moved = [np.abs(after[f"scott.{name}"].numpy() - value).max() for name, value in before.items()]
    assert 0 < max(moved) < 0.002  # three steps of at most 0.0002
    for name in ("market1501-before", "market1501-test"):
        assert "mask_iou" not in read_measures(human36m, name, 300)


def test_phototourism(tree: Path) -> None:
    truth = write_phototourism(tree / "photos")
    follow(commands("PhotoTourism"), tree, tree / "photos")
    matches = len(SCENES) * PHOTOGRAPHS * (PHOTOGRAPHS - 1) // 2
    pairs = read_split(tree, "phototourism", "val", 2 * matches)
    assert names(pairs) == set(SCENES)
    for pair in pairs:
        for image, scene, mask in (
            (pair.path_a, pair.instance_a, pair.mask_a),
            (pair.path_b, pair.instance_b, pair.mask_b),
        ):
            assert (mask is None) == (pair.label == 0)
            assert mask is None or iou(mask, truth[f"{scene}/{image.name}"]) > 0.85  # a dilated hull of points
    measures = read_measures(tree, "phototourism-val", 2 * matches)
    assert measures["mask_iou"]["n"] == matches
    assert measures["mask_iou"]["both"] > 0.5  # a facade on a plain ground is found, and where the masks have it
