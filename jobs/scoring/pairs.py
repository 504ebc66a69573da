"""Scores one block of pairs whose images are in memory, for `scott score` and for an audit."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypedDict, TypeVar

from jobs.scoring.images import Prepared
from jobs.tables.failed import Failed
from scott_core.progress import Progress, silent

if TYPE_CHECKING:
    from scott_core import PairScorer, PairScores
    from scott_core.match import MaskCodes

Source = TypeVar("Source", bound=Hashable)


@dataclass(frozen=True)
class ScoredPair:
    """The result of one pair that was scored."""

    score: float  # probability of a match
    region_a: float  # share of image a that is the common object
    region_b: float
    is_match: bool  # score >= threshold
    masks: Callable[[], MaskCodes] | None = field(default=None, compare=False)  # None: of a scorer without regions


Outcome = ScoredPair | Failed


class ScoreColumns(TypedDict):
    """The columns of an outcome that every table of scores has."""

    score: float | None
    region_a: float | None
    region_b: float | None
    is_match: bool | None
    error: str | None


def score_columns(outcome: Outcome) -> ScoreColumns:
    """The values of those columns: a score with a null error, or an error with null scores."""
    if isinstance(outcome, Failed):
        return {"score": None, "region_a": None, "region_b": None, "is_match": None, "error": str(outcome)}
    return {
        "score": outcome.score,
        "region_a": outcome.region_a,
        "region_b": outcome.region_b,
        "is_match": outcome.is_match,
        "error": None,
    }


def score_block(
    scorer: PairScorer,
    images: Mapping[Source, Prepared],
    pairs: Sequence[tuple[Source, Source]],
    threshold: float,
    progress: Progress = silent,
) -> list[Outcome]:
    """Score `pairs` of sources (a, b), all of which `images` holds, in their order; all share the scorer's batches."""
    place = {source: n for n, source in enumerate(images)}
    prepared = list(images.values())
    indices = [(place[a], place[b]) for a, b in pairs]
    found = scorer.score_pairs(prepared, prepared, indices, progress=progress)
    return [_outcome(found, n, threshold) for n in range(len(pairs))]


def _outcome(found: PairScores, n: int, threshold: float) -> Outcome:
    score = float(found.score[n])
    if not math.isfinite(score):
        return Failed("score_not_finite", f"the model gave {score}")
    masks = None if found.masks is None else partial(found.masks, n)
    return ScoredPair(score, float(found.region_a[n]), float(found.region_b[n]), score >= threshold, masks)
