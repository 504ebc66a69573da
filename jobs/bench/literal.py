"""The engine against the literal reference, on a file of pairs: the difference of their scores and verdicts.

python -m jobs.bench.literal ../shared/data/pairs/test.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

from jobs.bench.precision import Check, engines_beside
from jobs.scoring.scorers import load_predictor
from scott_core.checkpoint import load_checkpoint
from scott_core.evaluation.validation import ValidationSet
from scott_core.reference import Reference


def compare(path: Path, weights: str = "default") -> list[Check]:
    """A check, on all pairs of PAIRS.csv, of each precision that this machine multiplies.

    Raises PairsError, WeightsError, and UnreadableImage for the first image that cannot be read.
    """
    on = ValidationSet(path)
    predictor, checkpoint = load_predictor(weights), load_checkpoint(weights)
    literal = Reference(checkpoint, device=str(predictor.device)).score_pairs(on.images_a, on.images_b, on.index)
    return [
        Check.of(name, engine.score_pairs(on.images_a, on.images_b, on.index).score, literal, engine.threshold)
        for name, engine in engines_beside(predictor, checkpoint).items()
    ]


if __name__ == "__main__":
    for check in compare(Path(sys.argv[1])):
        sys.stdout.write(f"{check}\n")
