"""The scorer that a plan names: the shipped weights, a file of weights, or a baseline.

`weights` is "default" (the shipped ones), the path of a .safetensors file with its card beside it, or
the name of another method of scott_core ("orb", "embedding"), so that an audit can be run with a baseline.
Whatever loads a model in jobs does it here, so that it keeps to the CPUs and the GPU that are this process's.
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from typing import Any

from jobs.errors import ModelChanged
from jobs.scoring.cores import cores
from jobs.scoring.memory import keep_freed_memory


@lru_cache(maxsize=2)
def scorer_for(weights: str) -> Any:
    """The scorer, with `.version`, `.threshold` and `.score_pairs`; kept for the next call.

    Raises scott_core's WeightsError where there are no such weights. Imports torch, so call it
    inside a task.
    """
    from scott_core.scorers import METHODS

    if weights in METHODS and weights != "scott":
        return load_scorer(weights)
    return load_scorer("scott", weights)


def load_scorer(method: str = "scott", weights: str | None = None) -> Any:
    """`scott_core.scorers.load_scorer` on this process's share: a GPU of its own and the CPUs it may use.

    The model of `scott` is a Predictor; SCOTT_PRECISION (float32, bfloat16) overrides what its card and the hardware
    allow. A lower OMP_NUM_THREADS holds. Raises scott_core's InputError and WeightsError.
    """
    keep_freed_memory()
    import torch

    from scott_core import scorers as methods
    from scott_core.inference.devices import claim_device

    torch.set_num_threads(min(torch.get_num_threads(), cores()))
    if method != "scott":
        return methods.load_scorer(method, weights)
    precision = os.environ.get("SCOTT_PRECISION") or None
    return methods.load_scorer(method, weights, device=claim_device(), precision=precision)


def planned_scorer(weights: str, model_version: str) -> Any:
    """`scorer_for(weights)`, or ModelChanged where it is not the version that the run was planned with."""
    scorer = scorer_for(weights)
    if scorer.version != model_version:
        raise ModelChanged(
            f"weights {weights!r} are version {scorer.version}, but the run was planned with "
            f"{model_version}: plan it again, or put the planned weights back"
        )
    return scorer


def scored_columns(score: float, region_a: float, region_b: float, threshold: float) -> dict[str, Any]:
    """The columns of a pair that was scored, as every table of scores has them; an error where it is no number."""
    if not math.isfinite(score):
        return {"error": f"score_not_finite: the model gave {score}"}
    score = float(score)
    return {"score": score, "region_a": region_a, "region_b": region_b, "is_match": score >= threshold}
