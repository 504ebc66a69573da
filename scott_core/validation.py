"""Validation: a model is measured on pairs, and alpha, calibration and threshold are chosen on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scott_core.checkpoints import Checkpoint, probability
from scott_core.data.batches import Batches
from scott_core.data.chance import Chance
from scott_core.data.pack import is_pack, read_rows, read_val
from scott_core.data.pairs import Pair, read_pairs
from scott_core.data.recipe import Recipe
from scott_core.data.store import load_store
from scott_core.encoders import take
from scott_core.errors import InputError
from scott_core.images import read_image
from scott_core.matcher import EMPTY_LOGIT
from scott_core.metrics import evaluate_scores
from scott_core.objective import pair_grid
from scott_core.predictor import Predictor
from scott_core.scott import Scott

ALPHAS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
HELD_OUT_BATCHES, HELD_OUT_GROUPS = 12, 4
THRESHOLD = 0.5  # even odds: scores are calibrated probabilities (decision 10)


class ValidationSet:
    """Labelled pairs with their images decoded once: a pairs file, or the validation pairs of a pack.

    Raises PairsError, UnreadableImage, and InputError where a pair has no label or a class has no pair.
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
        """A predictor of weights that are not a file yet."""
        return Predictor(Checkpoint(model, {"sha256": "0" * 8, **card}))

    def measure(self, model: Scott, card: dict[str, Any]) -> dict[str, float]:
        """The measures of `scott_core.metrics.evaluate_scores` at the card's threshold."""
        score = self.predictor(model, card).score_pairs(self.images_a, self.images_b, self.index).score
        return evaluate_scores(self.label, score, card["threshold"])


class HeldOut:
    """Objects of a pack's split val, composed into pairs as in training, the same at each measurement.

    Beside a validation set of few products, they say how the model does on many: a match and a pair of two objects of
    one category for each of HELD_OUT_BATCHES batches' objects.
    """

    def __init__(self, pack: Path, *, size: int, group_size: int, device: torch.device):
        _, rows = read_rows(pack)
        objects = Counter(f for f, _ in {(row.family, row.key) for row in rows if row.split == "val" and row.is_object})
        families = {family: float(n >= group_size) for family, n in objects.items()}
        self.batches: Batches | None = None
        if any(families.values()):
            self.batches = Batches(
                load_store(pack, families, group_size=group_size, split="val").to(device),
                Recipe(),
                families=families,
                groups=HELD_OUT_GROUPS,
                group_size=group_size,
                look_alikes=0.5,
                size=size,
                seed=0,
            )

    @torch.no_grad()
    def roc_auc(self, model: Scott) -> float | None:
        """ROC AUC of the match logits; None where the pack has no such objects."""
        if self.batches is None:
            return None
        labels, logits = [], []
        for number in range(HELD_OUT_BATCHES):
            batch = self.batches[number]
            i, j = pair_grid(batch.instance, batch.group, 1, Chance(0, number, batch.group.device))
            state_a, state_b = model.encode_image(batch.images_a, "a"), model.encode_image(batch.images_b, "b")
            logits.append(model.score_pairs(take(state_a, i), take(state_b, j)).match.float().cpu().numpy())
            labels.append((i == j).cpu().numpy())
        return evaluate_scores(np.concatenate(labels), np.concatenate(logits), 0.0)["roc_auc"]


def calibrate(
    model: Scott, card: dict[str, Any], on: ValidationSet, *, alphas: Sequence[float] | None = None
) -> dict[str, Any]:
    """The card with alpha, slope and bias, THRESHOLD, and what was measured on `on`.

    Alpha is the one of `alphas` with the highest ROC AUC, or the model's where none are given; slope and bias are a
    logistic regression of the label on the logit (Platt), of the pairs that have a region: EMPTY_LOGIT is no evidence
    of the merge's, and many of them would flatten the slope of all others.
    """
    candidates = (model.alpha,) if alphas is None else tuple(alphas)
    columns = on.predictor(model, card).logits_at(candidates, on.images_a, on.images_b, on.index).T.astype(np.float64)
    best = int(np.argmax([evaluate_scores(on.label, column, 0.0)["roc_auc"] for column in columns]))
    logit = columns[best]
    seen = logit > EMPTY_LOGIT  # a sum of merges says it more than once
    slope, bias = fit_platt(logit[seen], on.label[seen])
    calibrated = {
        **card,
        "architecture": {**card["architecture"], "alpha": candidates[best]},
        "slope": slope,
        "bias": bias,
        "threshold": THRESHOLD,
    }
    score = probability(torch.from_numpy(logit), calibrated).numpy()
    return {**calibrated, "validation": evaluate_scores(on.label, score, THRESHOLD)}


def fit_platt(value: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Slope and bias of the logistic regression of `label` on `value` [n]; 0 and 0 where a class is missing.

    Platt 1999, by Newton's method, with so weak a ridge on the slope (1e-4 / 2 of its square) that it only keeps
    separable labels from an infinite one.
    """
    if len(np.unique(label)) < 2:
        return 0.0, 0.0
    ridge = np.array([1e-4, 0.0])
    x = np.stack([value, np.ones_like(value)], 1).astype(np.float64)

    def loss(weights: np.ndarray) -> float:
        logit = x @ weights
        return float(np.logaddexp(0, logit).sum() - label @ logit + ridge @ weights**2 / 2)

    found = np.zeros(2)
    for _ in range(100):
        likely = 1 / (1 + np.exp(-(x @ found).clip(-500, 500)))
        slope = x.T @ (likely - label) + ridge * found
        curvature = (x * (likely * (1 - likely))[:, None]).T @ x + np.diag(ridge + 1e-12)
        step = np.linalg.solve(curvature, slope)
        while loss(found - step) > loss(found) and np.abs(step).max() > 1e-12:
            step = step / 2
        found = found - step
        if np.abs(step).max() < 1e-10:
            break
    return float(found[0]), float(found[1])
