"""Every way this house can score pairs, by name: SCOTT and what a user would pick instead.

    scott       the model, with shipped or given weights
    orb         count of ratio-tested ORB matches (Rublee 2011), the paper's protocol
    embedding   cosine of GeM-pooled ImageNet features (EfficientNet-Lite0)
    lightglue   count of LightGlue matches of ALIKED keypoints (Lindenberger 2023, Zhao 2023); a package of its own
    superglue   count of SuperGlue matches of SuperPoint keypoints (Sarlin 2020); the user's own licensed copy
    saliency    the embedding of the salient object that U2Netp cuts out (Qin 2020); a package of its own

A baseline's raw value becomes a probability by a logistic curve fitted on validation pairs, and its threshold is the
one of best F1 there; `python -m scott_core.evaluation.fit_baselines VAL.csv [METHOD ...]` prints both again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from PIL.Image import Image

from scott_core.baselines.base import Baseline
from scott_core.baselines.embedding import EmbeddingScorer
from scott_core.baselines.lightglue import LightGlueScorer
from scott_core.baselines.orb import OrbScorer
from scott_core.baselines.saliency import SaliencyScorer
from scott_core.baselines.superglue import SuperGlueScorer
from scott_core.errors import InputError, WeightsError
from scott_core.predictor import Match, PairScores, Predictor, Progress

BASELINES: Mapping[str, Callable[[], Baseline[Any]]] = MappingProxyType(
    {
        "orb": OrbScorer,
        "embedding": EmbeddingScorer,
        "lightglue": LightGlueScorer,
        "superglue": SuperGlueScorer.from_environment,
        "saliency": SaliencyScorer,
    }
)
METHODS = ("scott", *BASELINES)
log = logging.getLogger("scott")


class PairScorer(Protocol):
    """What `scott score --method` and an audit ask of a method."""

    version: str
    finds_regions: bool  # whether the masks of `matches` say where the common object is

    @property
    def images_at_once(self) -> int:
        """Pictures that a caller does well to hold."""
        ...

    @property
    def threshold(self) -> float:
        """A score at or over it is a match."""
        ...

    @property
    def pairs_at_once(self) -> int:
        """Pairs in a batch: fewer at a time cost more each."""
        ...

    def prepare(self, image: Image) -> Any:
        """What `score_pairs` takes in place of the picture; may be made early, and in any thread."""
        ...

    def likeness(self, images_a: Sequence[Any], images_b: Sequence[Any], pairs: Sequence[tuple[int, int]]) -> Any:
        """How promising each pair is, float32 [n], for less than scoring it."""
        ...

    def score_pairs(
        self,
        images_a: Sequence[Any],
        images_b: Sequence[Any],
        pairs: Sequence[tuple[int, int]],
        *,
        progress: Progress | None = None,
    ) -> PairScores:
        """Scores in [0, 1] of pairs of indices into the two sequences, of pictures or prepared ones, in their order."""
        ...

    def matches(
        self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[Match]:
        """The pairs in full, in their order: scores with masks of each image's own size, empty without regions."""
        ...


def load_scorer(
    method: str = "scott", weights: str | None = None, *, device: str | None = None, precision: str | None = None
) -> PairScorer:
    """A scorer by name; only for scott, `weights`, and `device` and `precision` as `Predictor.load` takes them.

    Raises InputError for a name that is not in METHODS, WeightsError where what the method runs on is not there: the
    message says how to get it.
    """
    if method == "scott":
        return Predictor.load(weights or "default", device=device, precision=precision)
    if method not in BASELINES:
        raise InputError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    if weights is not None:
        raise InputError(f"method {method!r} takes no weights")
    return BASELINES[method]()


def installed_baselines(names: Sequence[str] = tuple(BASELINES)) -> dict[str, Baseline[Any]]:
    """Those of `names` whose package or folder is here; the others are left out, and the log says why."""
    found = {}
    for name in names:
        try:
            found[name] = BASELINES[name]()
        except WeightsError as error:
            log.warning("%s is left out: %s", name, error)
    return found
