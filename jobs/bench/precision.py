"""TODO."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from scott_core import Predictor
from scott_core.checkpoint import Checkpoint
from scott_core.inference.precision import Scores, available, flips


@dataclass(frozen=True)
class Check:
    """Scores of pairs by a precision: how they differ from exact ones."""

    precision: str
    pairs: int
    largest_difference: float
    flips: int  # verdicts that differ
    sure_flips: (
        int  # those of them where the exact score is not near the threshold: `scott_core.inference.precision.flips`
    )

    @classmethod
    def of(cls, precision: str, score: Scores, exact: Scores, threshold: float) -> Check:
        flipped, sure = flips(score, exact, threshold)
        return cls(precision, len(score), float(np.abs(score - exact).max()), int(flipped.sum()), int(sure.sum()))


def engines_beside(predictor: Predictor, checkpoint: Checkpoint) -> dict[str, Predictor]:
    """One for each precision that the predictor's device multiplies, the predictor itself among them."""
    own, device = predictor.engine.precision, str(predictor.device)
    return {
        name: predictor if name == own else Predictor(checkpoint, device=device, precision=name)
        for name in available(predictor.device)
    }


def _checks(engines: dict[str, Predictor], a: list[Image], b: list[Image]) -> list[Check]:
    """All pairs of these pictures, by each other precision beside float32."""
    pairs = [(i, j) for i in range(len(a)) for j in range(len(b))]
    scores = {name: engine.score_pairs(a, b, pairs).score for name, engine in engines.items()}
    exact = scores.pop("float32")
    return [Check.of(name, score, exact, engines[name].threshold) for name, score in scores.items()]
