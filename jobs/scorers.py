"""The scorer that a plan names: the shipped weights, a file of weights, or a baseline.

`weights` is "default" (the shipped ones), the path of a .safetensors file with its card beside it, or
the name of another method of scott_core ("orb", "embedding"), so that an audit can be run with a baseline.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jobs.errors import ModelChanged


@lru_cache(maxsize=2)
def scorer_for(weights: str) -> Any:
    """The scorer, with `.version`, `.threshold` and `.score_pairs`; kept for the next call.

    Raises scott_core's WeightsError where there are no such weights. Imports torch, so call it
    inside a task.
    """
    from scott_core.methods import METHODS, load_scorer

    if weights in METHODS and weights != "scott":
        return load_scorer(weights)
    return load_scorer("scott", weights)


def planned_scorer(weights: str, model_version: str) -> Any:
    """`scorer_for(weights)`, or ModelChanged where it is not the version that the run was planned with."""
    scorer = scorer_for(weights)
    if scorer.version != model_version:
        raise ModelChanged(
            f"weights {weights!r} are version {scorer.version}, but the run was planned with "
            f"{model_version}: plan it again, or put the planned weights back"
        )
    return scorer
