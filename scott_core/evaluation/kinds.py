"""Kinds of things that weights were not trained on: are they told apart better than by an ImageNet embedding?

    python -m scott_core.evaluation.kinds PACK [WEIGHTS] [CATEGORY ...]

prints the ROC AUC of each category of LEFT_OUT (or of those named), of the weights and of the baseline `embedding`. Its
objects are composed into pairs as in training: two views of one object, and views of two objects of the category. Both
scorers see the same images. Validation has few kinds, and weights that are chosen by it alone forget what the backbone
knew of others.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scott_core.data.batches import Batches
from scott_core.data.pack import read_rows
from scott_core.data.recipe import Recipe
from scott_core.data.store import load_store
from scott_core.errors import InputError
from scott_core.evaluation.metrics import evaluate_scores
from scott_core.scorers import PairScorer, load_scorer

LEFT_OUT = ("appliance", "bag", "electronics_instrument", "lamp", "shoe", "toy_vehicle")  # by scott-lite0.yaml
SPLITS = ("train", "val")
GROUPS = 48  # pairs of objects of one category and family; each gives two pairs that match and two that do not
LOOK_ALIKES = 0.5  # share of groups whose objects are nearest in colour
SIDE = 320  # px
SEED = 0


def roc_auc_by_kind(
    pack: Path, scorers: Mapping[str, PairScorer], categories: Sequence[str] = LEFT_OUT
) -> dict[str, dict[str, float]]:
    """ROC AUC of each scorer, by category: 4 GROUPS pairs each, the same for all scorers and at each call.

    Raises PairsError for a file that is no pack, and InputError for a category without two objects of two views.
    """
    found = {}
    for category in categories:
        images_a, images_b, index, label = _pairs(pack, category)
        found[category] = {
            name: evaluate_scores(label, scorer.score_pairs(images_a, images_b, index).score, 0.5)["roc_auc"]
            for name, scorer in scorers.items()
        }
    return found


def _pairs(
    pack: Path, category: str
) -> tuple[list[Image.Image], list[Image.Image], list[tuple[int, int]], list[float]]:
    """Images a and b, pairs of their places, and labels, of one category in both splits."""
    rows = [row for row in read_rows(pack)[1] if row.is_object]
    others = {row.category for row in rows} - {category}
    views = Counter((row.split, row.family, row.key) for row in rows if row.category == category)
    objects = Counter((split, family) for (split, family, _), n in views.items() if n > 1)
    images_a: list[Image.Image] = []
    images_b: list[Image.Image] = []
    for split in SPLITS:
        families = {row.family: float(objects[split, row.family] > 1) for row in rows}
        if any(families.values()):
            store = load_store(pack, families, group_size=2, split=split, left_out=others, least_views=2)
            groups = round(GROUPS * sum(n for (s, _), n in objects.items() if s == split) / objects.total())
            batches = Batches(
                store,
                Recipe(),
                families=families,
                groups=max(groups, 1),
                group_size=2,
                look_alikes=LOOK_ALIKES,
                size=SIDE,
                seed=SEED,
            )
            batch = batches[0]
            images_a += _images(batch.images_a)
            images_b += _images(batch.images_b)
    if not images_a:
        raise InputError(f"{pack} has no two objects of category {category} with two views each")
    places = range(len(images_a))
    pairs = [(n, n) for n in places] + [(n, n ^ 1) for n in places]  # the other of its group is beside it
    return images_a, images_b, pairs, [1.0] * len(places) + [0.0] * len(places)


def _images(batch: torch.Tensor) -> list[Image.Image]:
    return [Image.fromarray(np.ascontiguousarray(each)) for each in batch.permute(0, 2, 3, 1).numpy()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m scott_core.evaluation.kinds")
    parser.add_argument("pack", type=Path)
    parser.add_argument("weights", nargs="?", default="default")
    parser.add_argument("categories", nargs="*", default=LEFT_OUT)
    given = parser.parse_args()
    by_kind = roc_auc_by_kind(
        given.pack,
        {"weights": load_scorer("scott", given.weights), "embedding": load_scorer("embedding")},
        given.categories,
    )
    for kind, measured in by_kind.items():
        sys.stdout.write(f"{kind:24}" + "".join(f"  {name} {value:.3f}" for name, value in measured.items()) + "\n")
