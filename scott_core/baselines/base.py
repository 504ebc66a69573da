"""What every baseline shares, and the two that need nothing more: ORB keypoints and an ImageNet embedding.

The paper's protocol (section 5.1): a keypoint matcher's value is its number of matches, and what turns a value into a
verdict is chosen on validation pairs. `python -m scott_core.evaluation.fit_baselines VAL.csv [METHOD ...]` fits and prints that.
Each picture is described once (N + M), each pair only compared. Learned keypoints are in `keypoints`, the salient
object's embedding in `saliency`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from scott_core.predictor import Match, PairScores, Progress

Array = NDArray[Any]
D = TypeVar("D")


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(slope * value + bias); a match at or over `threshold`."""

    slope: float
    bias: float
    threshold: float

    def probability(self, values: Array) -> Array:
        """Of raw values [n], float32."""
        return (1 / (1 + np.exp(-(self.slope * values + self.bias)))).astype(np.float32)


class Baseline(ABC, Generic[D]):
    """A baseline: one descriptor a picture, one value a pair."""

    version: str
    calibration: Calibration
    finds_regions = False
    images_at_once = 64  # whole ones
    pairs_at_once = 1

    @property
    def threshold(self) -> float:
        return self.calibration.threshold

    @abstractmethod
    def describe(self, images: Sequence[Image]) -> list[D]:
        """What is compared, one for each picture."""

    @abstractmethod
    def compare(self, a: D, b: D) -> float:
        """The raw value of a pair; larger is more alike."""

    def prepare(self, image: Image) -> Image:
        """The picture as it is: what a baseline describes."""
        return image

    def likeness(self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Sequence[tuple[int, int]]) -> Array:
        """Zeros: to compare a pair is all there is to do."""
        return np.zeros(len(pairs), np.float32)

    def score_pairs(
        self,
        images_a: Sequence[Image],
        images_b: Sequence[Image],
        pairs: Sequence[tuple[int, int]],
        *,
        progress: Progress | None = None,
    ) -> PairScores:
        """As `Predictor.score_pairs`; a baseline looks at whole pictures, so its regions are 1."""
        described_a, described_b = (
            dict(zip(used, self.describe([images[n] for n in used]), strict=True))
            for images, used in ((images_a, {i for i, _ in pairs}), (images_b, {j for _, j in pairs}))
        )
        values = np.zeros(len(pairs))
        for n, (i, j) in enumerate(pairs):
            values[n] = self.compare(described_a[i], described_b[j])
            if progress:
                progress(1)
        return PairScores(self.calibration.probability(values), *(np.ones(len(pairs), np.float32) for _ in range(2)))

    def matches(
        self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[Match]:
        """As `Predictor.matches`; a baseline compares whole images and marks nothing in them: its masks are empty."""
        scores = self.score_pairs(images_a, images_b, pairs).score
        for (i, j), score in zip(pairs, scores.tolist(), strict=True):
            mask_a, mask_b = (np.zeros((each.height, each.width), np.float32) for each in (images_a[i], images_b[j]))
            yield Match(score, score >= self.threshold, mask_a, mask_b, alpha=0.5)
