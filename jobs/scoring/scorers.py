"""The scorer that a plan names: the shipped weights, a file of weights, or a baseline.

`weights` is "default" (the shipped ones), the path of a .safetensors file with its card beside it, or the name of a
baseline ("orb", "embedding", ...), so that an audit can be run with a baseline. All of jobs loads models
here, so that each keeps to the CPUs and the GPU that are this process's. Torch is imported when a model is loaded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from jobs.errors import ModelChanged
from jobs.scoring.cores import cores
from jobs.scoring.memory import keep_freed_memory
from scott_core.card import check_precision, read_card
from scott_core.errors import WeightsError
from scott_core.product import ProductModel

if TYPE_CHECKING:
    from scott_core import PairScorer, Predictor


@dataclass(frozen=True)
class DescribedScorer:
    """The part of a scorer that planning records."""

    version: str
    threshold: float
    product: ProductModel | None = None  # baselines have none


def describe_scorer(weights: str) -> DescribedScorer:
    """What planning records of the scorer that `weights` names: of weights from their card, without loading them.

    Raises scott_core's WeightsError where there are no such weights, or they are not those of their card, and
    InputError where SCOTT_PRECISION names no precision.
    """
    if precision := _precision():
        check_precision(precision)
    try:
        card = read_card(weights, verify=True)
    except WeightsError:
        from scott_core.scorers import BASELINES

        if weights not in BASELINES:
            raise
        scorer = scorer_for(weights)
        return DescribedScorer(scorer.version, scorer.threshold)
    return DescribedScorer(card.version, card.threshold, card.product)


@lru_cache(maxsize=2)
def scorer_for(weights: str) -> PairScorer:
    """The scorer that `weights` names, kept for the next call. Raises scott_core's WeightsError and InputError."""
    from scott_core.scorers import BASELINES

    return load_scorer(weights) if weights in BASELINES else load_scorer("scott", weights)


def load_scorer(method: str = "scott", weights: str | None = None) -> PairScorer:
    """`scott_core.load_scorer` on this process's share: a GPU of its own and the CPUs it may use.

    Raises scott_core's InputError and WeightsError.
    """
    if method == "scott":
        return load_predictor(weights)
    _keep_to_share()
    from scott_core import load_scorer as load

    return load(method, weights)


def load_predictor(weights: str | None = None) -> Predictor:
    """The model itself, on this process's share as in `load_scorer`; by default the shipped weights.

    SCOTT_PRECISION (float32, bfloat16) overrides what the card and the hardware allow.
    """
    _keep_to_share()
    from scott_core import Predictor
    from scott_core.inference.devices import claim_device

    return Predictor.load(weights or "default", device=claim_device(), precision=_precision())


def _precision() -> str | None:
    return os.environ.get("SCOTT_PRECISION") or None


def _keep_to_share() -> None:
    """No more threads than this process has CPUs; a lower OMP_NUM_THREADS holds."""
    keep_freed_memory()
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), cores()))


def planned_product_model(weights: str, model_version: str) -> ProductModel | None:
    """The product model of a run's weights, None of a baseline's. Raises as `planned_scorer` does."""
    scorer = describe_scorer(weights)
    _check_version(weights, scorer.version, model_version)
    return scorer.product


def planned_scorer(weights: str, model_version: str) -> PairScorer:
    """`scorer_for(weights)`, or ModelChanged where it is not the version that the run was planned with."""
    scorer = scorer_for(weights)
    _check_version(weights, scorer.version, model_version)
    return scorer


def _check_version(weights: str, version: str, planned: str) -> None:
    if version != planned:
        raise ModelChanged(
            f"weights {weights!r} are version {version}, but the run was planned with {planned}: plan it again, or put "
            "the planned weights back"
        )
