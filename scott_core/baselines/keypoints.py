"""The base class of the learned keypoint matchers, LightGlue and SuperGlue (paper, section 5.1).

A pair's value is log(1 + the number of matches). Images are scaled to SIDE pixels, as ORB's are, but not padded,
because keypoints would be detected on the border of the padding. Keypoints are detected once for each image and
matched for each pair.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from scott_core.baselines.base import Baseline
from scott_core.images import Letterbox, to_batch
from scott_core.inference.devices import claim_device

SIDE = 320  # pixels of the longer side
KEYPOINTS = 512  # the most of one image

Features = dict[str, Any]  # the keypoints and descriptors of one image, in the format of its matcher


class KeypointScorer(Baseline[Features]):
    """log(1 + the number of matches) of a learned matcher."""

    def __init__(self) -> None:
        self.device = torch.device(claim_device())

    @abstractmethod
    def detect(self, pixels: Tensor) -> Features:
        """Keypoints and descriptors of one image [1, 3, h, w] in 0..1, its longer side SIDE."""

    @abstractmethod
    def match(self, a: Features, b: Features) -> Tensor:
        """For each keypoint of a, the index of its match in b, or -1; integers [1, n]."""

    def describe(self, images: Sequence[Image]) -> list[Features]:
        """Keypoints and descriptors of each image, on the device."""
        out: list[Features] = []
        with torch.inference_mode():
            for image in images:
                box = Letterbox.of(image, SIDE)
                pixels = box.crop(to_batch([box.apply(image)])).contiguous().to(self.device).float() / 255
                out.append(self.detect(pixels))
        return out

    def compare(self, a: Features, b: Features) -> float:
        with torch.inference_mode():
            return math.log1p(int((self.match(a, b) > -1).sum()))
