"""The probe of kinds: pairs of one category each, the same for every scorer, that only the object tells apart."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

from scott_core.card import CONFIGS
from scott_core.data.pack import write_pack
from scott_core.errors import InputError
from scott_core.evaluation.kinds import GROUPS, LEFT_OUT, roc_auc_by_kind
from scott_core.predictor import PairScores


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lamps and shoes, each object a disc of its own hue; cups are objects of one view."""
    root = tmp_path_factory.mktemp("kinds")
    with (root / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "instance", "category", "split", "dataset", "family"])
        for number in range(18):
            category, split = ("lamp", "shoe", "cup")[number % 3], "val" if number % 3 == 0 and number > 6 else "train"
            for view in range(1 if category == "cup" else 2):
                image = Image.new("RGBA", (48, 48))
                colour = tuple(np.random.default_rng(number).integers(0, 256, 3).tolist())
                ImageDraw.Draw(image).ellipse((4, 4 + view, 44, 40), fill=(*colour, 255))
                image.save(root / f"{number}-{view}.png")
                table.writerow([f"{number}-{view}.png", f"o{number}", category, split, "ours", "cad"])
    write_pack([root], root / "p.pack", size=32)
    return root / "p.pack"


class Scorer:
    """Scores by what it was given; it keeps what it saw."""

    def __init__(self, score: float) -> None:
        self.score = score
        self.seen: list[tuple[list[bytes], list[tuple[int, int]]]] = []

    def score_pairs(
        self, images_a: Sequence[Any], images_b: Sequence[Any], index: Sequence[tuple[int, int]], progress: Any = None
    ) -> PairScores:
        self.seen.append(([image.tobytes() for image in [*images_a, *images_b]], list(index)))
        knows = [self.score if a == b else 0.5 for a, b in index]
        score = np.array(knows, np.float32)
        return PairScores(score, score, score)


def test_each_kind_is_measured_on_the_same_pairs_for_every_scorer(pack: Path) -> None:
    good, bad = Scorer(0.9), Scorer(0.1)
    found = roc_auc_by_kind(pack, {"good": good, "bad": bad}, ["lamp", "shoe"])  # type: ignore[dict-item]
    assert found == {"lamp": {"good": 1.0, "bad": 0.0}, "shoe": {"good": 1.0, "bad": 0.0}}
    assert good.seen == bad.seen
    lamps, shoes = good.seen
    assert lamps[0] != shoes[0]
    for _, index in good.seen:
        assert len(index) == 4 * GROUPS
        assert {b for a, b in index if a != b} == {a for a, _ in index}
        assert all(a // 2 == b // 2 for a, b in index), "of the same group"


def test_a_kind_without_two_objects_of_two_views_is_refused(pack: Path) -> None:
    with pytest.raises(InputError, match="cup"):
        roc_auc_by_kind(pack, {}, ["cup"])


def test_the_shipped_configuration_leaves_these_kinds_out() -> None:
    config = yaml.safe_load((CONFIGS / "scott-lite0.yaml").read_text(encoding="utf-8"))
    assert tuple(config["left_out"]) == LEFT_OUT
