"""The base class of the baselines: one descriptor per image, one value per pair, one logistic curve.

The paper's protocol (section 5.1): the value of a keypoint matcher is its number of matches, and the threshold that
turns values into verdicts is chosen on validation pairs, as `python -m scott_core.evaluation.fit_baselines VAL.csv
[METHOD ...]` does. Each of the N + M images is described once; only the comparison is per pair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from scott_core.match import Match
from scott_core.predictor import PairScores
from scott_core.progress import Progress

Array = NDArray[Any]
D = TypeVar("D")


@dataclass(frozen=True)
class Calibration:
    """A logistic curve, probability = sigmoid(slope * value + bias) (Platt 1999); at or over `threshold` is a match."""

    slope: float
    bias: float
    threshold: float

    def probability(self, values: Array) -> Array:
        """Probabilities of raw values [n], float32 [n]."""
        return (1 / (1 + np.exp(-(self.slope * values + self.bias)))).astype(np.float32)


class Baseline(ABC, Generic[D]):
    """A PairScorer that describes each image alone, as a D, and compares the descriptors of a pair."""

    version: str
    calibration: Calibration
    finds_regions = False
    images_at_once = 64  # decoded images, of several MB each
    pairs_at_once = 1

    @property
    def threshold(self) -> float:
        return self.calibration.threshold

    @abstractmethod
    def describe(self, images: Sequence[Image]) -> list[D]:
        """One descriptor for each image."""

    @abstractmethod
    def compare(self, a: D, b: D) -> float:
        """The raw value of a pair; larger is more alike."""

    def prepare(self, image: Image) -> Image:
        """The image itself, because a baseline describes the whole of it."""
        return image

    def likeness(self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Sequence[tuple[int, int]]) -> Array:
        """Zeros, float32 [n]: a baseline has no estimate that is cheaper than its comparison."""
        return np.zeros(len(pairs), np.float32)

    def score_pairs(
        self,
        images_a: Sequence[Image],
        images_b: Sequence[Image],
        pairs: Sequence[tuple[int, int]],
        *,
        progress: Progress | None = None,
    ) -> PairScores:
        """As `PairScorer.score_pairs`; a baseline compares whole images, so its regions are 1."""
        described_a, described_b = (
            dict(zip(used, self.describe([images[n] for n in used]), strict=True))
            for images, used in ((images_a, {i for i, _ in pairs}), (images_b, {j for _, j in pairs}))
        )
        values = np.zeros(len(pairs))
        for n, (i, j) in enumerate(pairs):
            values[n] = self.compare(described_a[i], described_b[j])
            if progress:
                progress(1)
        whole = np.ones(len(pairs), np.float32)
        return PairScores(self.calibration.probability(values), whole, whole)

    def matches(
        self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[Match]:
        """As `PairScorer.matches`; a baseline compares whole images and finds no region, so its masks are zeros."""
        scores = self.score_pairs(images_a, images_b, pairs).score
        for (i, j), score in zip(pairs, scores.tolist(), strict=True):
            yield Match.without_regions(score, score >= self.threshold, images_a[i], images_b[j])
