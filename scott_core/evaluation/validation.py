"""Validation pairs with their images in memory: models are measured on them, and alpha and calibration chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scott_core.card import Card
from scott_core.checkpoint import Checkpoint
from scott_core.data.pack import is_pack, read_val
from scott_core.errors import InputError
from scott_core.evaluation.metrics import evaluate_scores
from scott_core.images import read_image
from scott_core.model.scott import Scott
from scott_core.pairs import Pair, read_pairs
from scott_core.predictor import Predictor


class ValidationSet:
    """The labelled pairs of a pairs file or of a pack, with each image decoded once.

    `index` has the places of each pair's images in `images_a` and `images_b`; `label` [n] is 1 for a match, else 0.
    Raises PairsError and UnreadableImage for files that cannot be read, and InputError where a pair has no label or a
    class has no pair.
    """

    def __init__(self, path: Path):
        self.pairs: list[Pair]
        self.pairs, data = read_val(path) if is_pack(path) else (read_pairs(path), {})
        names_a = sorted({pair.path_a for pair in self.pairs})
        names_b = sorted({pair.path_b for pair in self.pairs})
        self.images_a = [read_image(data.get(name, name)) for name in names_a]
        self.images_b = [read_image(data.get(name, name)) for name in names_b]
        where_a = {name: i for i, name in enumerate(names_a)}
        where_b = {name: i for i, name in enumerate(names_b)}
        self.index = [(where_a[pair.path_a], where_b[pair.path_b]) for pair in self.pairs]
        self.label = np.array([pair.label for pair in self.pairs], float)
        if set(self.label) != {0.0, 1.0}:
            raise InputError(f"{path}: validation needs labelled pairs, both that match and that do not")

    def predictor(self, model: Scott, card: dict[str, Any]) -> Predictor:
        """A predictor of a model that is not saved yet, calibrated as `card` says."""
        return Predictor(Checkpoint(model, Card.of({"sha256": "0" * 8, **card})))

    def measure(self, model: Scott, card: dict[str, Any]) -> dict[str, float]:
        """The measures of `evaluate_scores` at the card's threshold."""
        score = self.predictor(model, card).score_pairs(self.images_a, self.images_b, self.index).score
        return evaluate_scores(self.label, score, card["threshold"])
