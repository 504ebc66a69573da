"""Groups of pairs and IoU of regions: against counting by hand over made pairs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scott_core.card import Card
from scott_core.checkpoint import Checkpoint
from scott_core.errors import InputError
from scott_core.evaluation import regions as evaluation
from scott_core.evaluation.regions import (
    MaskedPair,
    group_rows,
    mask_ious,
    masked_pairs,
    match_files,
    read_manifest_masks,
    summarise_ious,
)
from scott_core.inference.engine import BatchSizes
from scott_core.model.registry import build
from scott_core.pairs import Pair
from scott_core.predictor import Predictor

ARCHITECTURE = {"encoder": {"name": "coder", "d": 16}, "merge": {"name": "matcher", "k": 4}, "alpha": 0.5}
CARD: dict[str, Any] = {
    "name": "small", "sha256": "0" * 64, "architecture": ARCHITECTURE,
    "image_size": 64, "threshold": 0.5, "slope": 1.0, "bias": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    torch.manual_seed(0)
    return Predictor(Checkpoint(build(ARCHITECTURE).eval(), Card.of(CARD)), device="cpu")


def pair(label: int | None, kind: str = "", family: str = "", **files: Path) -> Pair:
    paths = {"path_a": Path("a.jpg"), "path_b": Path("b.jpg")} | files
    return Pair(image_a="a.jpg", image_b="b.jpg", label=label, kind=kind, family=family, **paths)


def noise(path: Path, seed: int, size: tuple[int, int]) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)).save(path)
    return path


def test_each_kind_of_negative_stands_against_every_match_of_its_family() -> None:
    pairs = [pair(1, "match", "x"), pair(0, "hard", "x"), pair(0, "easy", "y"), pair(1, "match", "y"), pair(0)]
    found = {name: list(np.flatnonzero(rows)) for name, rows in group_rows(pairs).items()}
    assert found == {
        "all": [0, 1, 2, 3, 4],
        "all/easy": [0, 2, 3],
        "all/hard": [0, 1, 3],
        "x": [0, 1],
        "x/hard": [0, 1],
        "y": [2, 3],
        "y/easy": [2, 3],
    }


def test_matches_come_in_order_and_do_not_leave_inference_mode_on(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "AT_ONCE", 2)
    monkeypatch.setattr(predictor.engine, "batch_sizes", BatchSizes(1, 1, 0))
    files = [noise(tmp_path / f"{n}.png", n, (40 + 8 * n, 50)) for n in range(3)]
    wanted = [(files[0], files[1]), (files[0], files[2]), (files[2], files[2])]
    done: list[int] = []
    for (a, b), (image_a, image_b, match) in zip(
        wanted, match_files(predictor, wanted, progress=done.append), strict=True
    ):
        assert not torch.is_inference_mode_enabled()
        assert (image_a.size, image_b.size) == (Image.open(a).size, Image.open(b).size)
        out = predictor.score_pairs([image_a], [image_b], [(0, 0)])
        assert match.score == pytest.approx(float(out.score[0]), abs=1e-6)
        assert match.mask_a.shape == image_a.size[::-1]
        assert match.mask_b.shape == image_b.size[::-1]
    assert sum(done) == 3


def test_ious_are_those_of_the_masks_laid_over_one_another(predictor: Predictor, tmp_path: Path) -> None:
    a, b = noise(tmp_path / "a.png", 1, (64, 40)), noise(tmp_path / "b.png", 2, (30, 64))
    match = next(match_files(predictor, [(a, b)]))[2]
    half = np.zeros((64, 30), np.uint8)
    half[:32] = 255
    Image.fromarray(255 * (match.mask_a > 0.5).astype(np.uint8)).save(tmp_path / "ma.png")
    Image.fromarray(half).save(tmp_path / "mb.png")
    masked = MaskedPair(a, b, tmp_path / "ma.png", tmp_path / "mb.png")
    said = match.mask_b > 0.5
    by_hand = said[:32].sum() / (32 * 30 + said[32:].sum())
    found = mask_ious(predictor, [masked, masked])
    assert found == pytest.approx(np.array([[1, by_hand]] * 2))
    summary = summarise_ious(found)
    assert (summary["n"], summary["a"]) == (2, 1)
    assert summary["both"] == pytest.approx((1 + by_hand) / 2)
    assert summary["intervals"]["b"] == pytest.approx((by_hand, by_hand))
    with pytest.raises(InputError, match=r"mb\.png is 30x64 px, its picture 64x40"):
        mask_ious(predictor, [MaskedPair(a, b, tmp_path / "mb.png", tmp_path / "mb.png")])
    assert summarise_ious(mask_ious(predictor, [])) == {"n": 0}


def test_only_matches_with_two_exact_masks_are_measured(tmp_path: Path) -> None:
    rows = ["a.jpg,m/a.png,ground_truth", "b.jpg,m/b.png,ground_truth", "c.jpg,m/c.png,pseudo"]
    (tmp_path / "manifest.csv").write_text("\n".join(["image,mask,mask_kind", *rows, ""]))
    truth = read_manifest_masks(tmp_path / "manifest.csv")
    a, b, c = (tmp_path / "x" / ".." / f"{name}.jpg" for name in "abc")
    (tmp_path / "x").mkdir()
    own = tmp_path / "own.png"
    pairs = [
        pair(1, path_a=a, path_b=b),
        pair(0, path_a=a, path_b=b),
        pair(1, path_a=a, path_b=c, mask_a=own, mask_b=own),
        pair(1, path_a=a, path_b=b, mask_b=own),
    ]
    exact = (tmp_path / "m" / "a.png", tmp_path / "m" / "b.png")
    assert [(m.mask_a, m.mask_b) for m in masked_pairs(pairs, truth)] == [exact, exact], "the manifest knows"
    assert [(m.image_b, m.mask_a, m.mask_b) for m in masked_pairs(pairs)] == [(c, own, own)]
