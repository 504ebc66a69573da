"""Fitting of each baseline's calibration and threshold on validation pairs.

    python -m scott_core.evaluation.fit_baselines VAL.csv [METHOD ...]

It prints them with their measures. As in the paper (section 5.1), all that turns a baseline's value into a verdict is
chosen on validation pairs.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scott_core.baselines.base import Calibration
from scott_core.evaluation.calibration import fit_platt
from scott_core.evaluation.metrics import best_f1_threshold, evaluate_scores
from scott_core.evaluation.validation import ValidationSet
from scott_core.scorers import BASELINES, installed_baselines


@dataclass(frozen=True)
class Fitted:
    """One baseline, fitted."""

    version: str
    calibration: Calibration
    measures: dict[str, float]  # of `evaluate_scores`, on the pairs that it was fitted on
    seconds: float  # that describing and comparing took


def fit_baselines(path: Path, names: Sequence[str] = ()) -> Iterator[Fitted]:
    """Fits the baselines of `names`, or all of them, that are installed, on the pairs of `path`.

    Raises as ValidationSet does.
    """
    on = ValidationSet(path)
    for scorer in installed_baselines(names or tuple(BASELINES)).values():
        start = time.perf_counter()
        a, b = scorer.describe(on.images_a), scorer.describe(on.images_b)
        values = np.array([scorer.compare(a[i], b[j]) for i, j in on.index])
        seconds = time.perf_counter() - start
        slope, bias = fit_platt(values, on.label)
        unrestricted = Calibration(round(slope, 4), round(bias, 4), 0.0)
        score = unrestricted.probability(values)
        fitted = replace(unrestricted, threshold=rounded_threshold(on.label, score))
        yield Fitted(scorer.version, fitted, evaluate_scores(on.label, score, fitted.threshold), seconds)


def rounded_threshold(label: np.ndarray, score: np.ndarray) -> float:
    """The threshold of the best F1, rounded down to four digits, so that the pair that gave it stays a match."""
    return math.floor(best_f1_threshold(label, score)[0] * 1e4) / 1e4


if __name__ == "__main__":
    for each in fit_baselines(Path(sys.argv[1]), sys.argv[2:]):
        sys.stdout.write(f"{each.version}: {each.calibration} {each.measures} in {each.seconds:.0f} s\n")
        sys.stdout.flush()
