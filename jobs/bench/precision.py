"""How far the scores of one precision are from exact ones, and how many verdicts differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from scott_core import Predictor
from scott_core.checkpoint import Checkpoint
from scott_core.inference.precision import Scores, available, flips


@dataclass(frozen=True)
class Check:
    """The scores of `pairs` pairs by `precision`, against exact ones.

    `largest_difference` is that of two scores, `flips` counts verdicts that differ, and `sure_flips` those of them that
    `scott_core.inference.precision.flips` calls sure. The field names are those of `scott bench --json`.
    """

    precision: str
    pairs: int
    largest_difference: float
    flips: int
    sure_flips: int

    @classmethod
    def of(cls, precision: str, score: Scores, exact: Scores, threshold: float) -> Check:
        """The check of scores [n] against exact ones [n]."""
        flipped, sure = flips(score, exact, threshold)
        return cls(precision, len(score), float(np.abs(score - exact).max()), int(flipped.sum()), int(sure.sum()))


def engines_beside(predictor: Predictor, checkpoint: Checkpoint) -> dict[str, Predictor]:
    """A predictor for each precision that the device of `predictor` multiplies, `predictor` itself among them."""
    own, device = predictor.engine.precision, str(predictor.device)
    return {
        name: predictor if name == own else Predictor(checkpoint, device=device, precision=name)
        for name in available(predictor.device)
    }


def check_precisions(engines: dict[str, Predictor], a: list[Image], b: list[Image]) -> list[Check]:
    """A check of each precision but float32 against float32, on all pairs of these images."""
    pairs = [(i, j) for i in range(len(a)) for j in range(len(b))]
    scores = {name: engine.score_pairs(a, b, pairs).score for name, engine in engines.items()}
    exact = scores.pop("float32")
    return [Check.of(name, score, exact, engines[name].threshold) for name, score in scores.items()]
