"""The ORB baseline: matches of ORB keypoints (Rublee et al. 2011) that pass the ratio test (paper, section 5.1).

A pair's value is log(1 + the number of matches). Images are letterboxed to SIDE pixels, in grey.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL.Image import Image

from scott_core.baselines.base import Array, Baseline, Calibration
from scott_core.images import Letterbox

# Fitted by `python -m scott_core.evaluation.fit_baselines ../shared/data/pairs/val.csv orb`.
ORB = Calibration(slope=0.9152, bias=-2.7707, threshold=0.2145)


class OrbScorer(Baseline[Array]):
    """log(1 + the number of ORB matches whose distance is under RATIO times that of the second best)."""

    version = "orb-1"
    calibration = ORB
    SIDE = 320  # pixels
    FEATURES = 1000  # the most keypoints of one image
    RATIO = 0.8  # Lowe 2004

    def describe(self, images: Sequence[Image]) -> list[Array]:
        """ORB descriptors, uint8 [n, 32] for each image; n may be 0."""
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
