"""The scorers of pairs, by name: SCOTT, and the baselines that a user would pick instead.

    scott       the model, with shipped or given weights
    orb         count of ratio-tested ORB matches (Rublee 2011), the paper's protocol
    embedding   cosine of GeM-pooled ImageNet features (EfficientNet-Lite0)
    lightglue   count of LightGlue matches of ALIKED keypoints (Lindenberger 2023, Zhao 2023); a package of its own
    superglue   count of SuperGlue matches of SuperPoint keypoints (Sarlin 2020); the user's own licensed copy of it
    saliency    the embedding of the salient object that U2Netp cuts out (Qin 2020); a package of its own

A baseline's raw value becomes a probability by a logistic curve that is fitted on validation pairs, and its threshold
is that of the best F1 on them; `python -m scott_core.evaluation.fit_baselines VAL.csv [METHOD ...]` fits both.
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
from scott_core.match import Match
from scott_core.predictor import PairScores, Predictor
from scott_core.progress import Progress

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
    """The interface of SCOTT and of every baseline, for `scott score --method` and for audits.

    `version` names all that a score depends on. `finds_regions` says whether the masks of `matches` show where the
    common object is. a is the catalogue image of a pair, b its document image.
    """

    version: str
    finds_regions: bool

    @property
    def images_at_once(self) -> int:
        """Images that a caller should hold in memory: enough for several batches of pairs."""
        ...

    @property
    def threshold(self) -> float:
        """The score from which on a pair is a match."""
        ...

    @property
    def pairs_at_once(self) -> int:
        """Pairs that are scored at the same time; fewer at a time cost more each."""
        ...

    def prepare(self, image: Image) -> Any:
        """A form of the image that `score_pairs` takes in its place; it may be made earlier, in any thread."""
        ...

    def likeness(self, images_a: Sequence[Any], images_b: Sequence[Any], pairs: Sequence[tuple[int, int]]) -> Any:
        """An estimate of how likely each pair is to match, float32 [n], that costs less than its score."""
        ...

    def score_pairs(
        self,
        images_a: Sequence[Any],
        images_b: Sequence[Any],
        pairs: Sequence[tuple[int, int]],
        *,
        progress: Progress | None = None,
    ) -> PairScores:
        """Scores in 0..1 of pairs of indices into the two sequences of images (prepared or not), in their order.

        `progress` is called with the number of pairs just done.
        """
        ...

    def matches(
        self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[Match]:
        """The pairs in full, in their order, with masks of each image's own size: zeros without `finds_regions`."""
        ...


def load_scorer(
    method: str = "scott", weights: str | None = None, *, device: str | None = None, precision: str | None = None
) -> PairScorer:
    """A scorer by name. `weights`, `device` and `precision` are for scott only, as `Predictor.load` takes them.

    Raises InputError for a name that is not in METHODS and for weights of a baseline. Raises WeightsError where weights
    or a package are missing; the message says how to get them.
    """
    if method == "scott":
        return Predictor.load(weights or "default", device=device, precision=precision)
    if method not in BASELINES:
        raise InputError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    if weights is not None:
        raise InputError(f"method {method!r} takes no weights")
    return BASELINES[method]()


def installed_baselines(names: Sequence[str] = tuple(BASELINES)) -> dict[str, Baseline[Any]]:
    """The baselines of `names` whose package or folder is installed; the log says why the others are left out."""
    found = {}
    for name in names:
        try:
            found[name] = BASELINES[name]()
        except WeightsError as error:
            log.warning("%s is left out: %s", name, error)
    return found
