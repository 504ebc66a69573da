"""Two sets of weights in turns: what an image and a pair cost with each, in CPU time.

    scott bench --beside OTHER

On a shared machine only such ratios hold. On a GPU the time is the clock's, since it does the work.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from tqdm import tqdm

from jobs.bench.product import make_product
from jobs.bench.stages import encoded
from jobs.scoring.scorers import load_predictor
from scott_core import Predictor
from scott_core.model.encoder import select_cached

TURNS = 9  # of each; the median of as many


@dataclass(frozen=True)
class Beside:
    """Milliseconds of one stage for one image or pair, with both sets of weights, and their ratio."""

    stage: str
    ms: float
    other_ms: float

    @property
    def ratio(self) -> float:
        """How many times the other weights' time it is."""
        return self.ms / self.other_ms


def measure_beside(weights: str, other: str) -> tuple[str, str, list[Beside]]:
    """The versions of both, and the stages `encode` (an image) and `pair` (from its cached features).

    Raises WeightsError.
    """
    predictors = [load_predictor(name) for name in (weights, other)]
    with torch.inference_mode():
        stages = [_stages(predictor) for predictor in predictors]
        found = []
        for stage in tqdm(stages[0], desc="beside", unit="stage"):
            device = predictors[0].device
            turns = [[_seconds(each[stage][1], device) / each[stage][0] for each in stages] for _ in range(1 + TURNS)]
            ours, theirs = (statistics.median(side) for side in zip(*turns[1:], strict=True))  # the first warms up
            found.append(Beside(stage, 1000 * ours, 1000 * theirs))
    return predictors[0].version, predictors[1].version, found


def table(version: str, other: str, stages: list[Beside]) -> str:
    """The stages as a Markdown table."""
    rows = [f"| {each.stage} | {each.ms:.3g} | {each.other_ms:.3g} | {each.ratio:.2f} |" for each in stages]
    return "\n".join([f"| CPU time, ms | {version} | {other} | ratio |", "|---|---|---|---|", *rows])


def _stages(predictor: Predictor) -> dict[str, tuple[int, Callable[[], object]]]:
    """The items of one run of each stage, and the run."""
    engine, (images, _, _) = predictor.engine, make_product()
    n_encode, n_pair = engine.batch_sizes.encode, engine.batch_sizes.pair
    pixels, cached, rows = encoded(predictor, images)
    a, b = select_cached(cached, rows % len(images)), select_cached(cached, (rows + 1) % len(images))
    return {
        "encode": (min(n_encode, len(images)), partial(engine.model.encode_image, pixels[:n_encode], "b")),
        "pair": (n_pair, partial(engine.model.score_pairs, a, b)),
    }


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start = clock()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start
