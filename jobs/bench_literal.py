"""The engine against the literal reference, on a file of pairs: how far their scores are apart, and which verdicts.

python -m jobs.bench_literal ../shared/data/pairs/test.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

from jobs.bench import Check
from jobs.pairs import read_pairs
from jobs.scorers import load_scorer
from scott_core import Predictor, read_image
from scott_core.checkpoints import load_checkpoint
from scott_core.precision import available
from scott_core.scott_reference import Reference


def compare(path: Path, weights: str = "default") -> list[Check]:
    """All pairs of PAIRS.csv, by each precision that this machine multiplies.

    Raises BadArgument, WeightsError, and UnreadableImage for the first picture that cannot be read.
    """
    pairs = read_pairs(path)
    names = list(dict.fromkeys(name for pair in pairs for name in (pair["image_a"], pair["image_b"])))
    images = [read_image(path.parent / name) for name in names]
    at = {name: place for place, name in enumerate(names)}
    places = [(at[pair["image_a"]], at[pair["image_b"]]) for pair in pairs]
    default = load_scorer("scott", weights)
    checkpoint = load_checkpoint(weights)
    literal = Reference(checkpoint, device=str(default.device)).score_pairs(images, images, places)
    engines = {name: Predictor(checkpoint, precision=name) for name in available(default.device)}
    return [
        Check.of(name, engine.score_pairs(images, images, places).score, literal, engine.threshold)
        for name, engine in engines.items()
    ]


if __name__ == "__main__":
    for check in compare(Path(sys.argv[1])):
        sys.stdout.write(f"{check}\n")
