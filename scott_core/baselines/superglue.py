"""The SuperGlue baseline: matches of SuperPoint keypoints, from the user's own copy (paper, section 5.1, table 2).

SuperGlue (Sarlin et al. 2020) is licensed for non-commercial research only, so it is no dependency: the environment
variable SCOTT_SUPERGLUE names a folder with a copy of github.com/magicleap/SuperGluePretrainedNetwork. Nothing is
downloaded.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import types
import zlib
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from scott_core.baselines.keypoints import KEYPOINTS, SIDE, Features, KeypointScorer
from scott_core.baselines.lightglue import LIGHTGLUE
from scott_core.errors import WeightsError

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


class SuperGlueScorer(KeypointScorer):
    """log(1 + the number of SuperGlue matches), by the copy in `folder` with its outdoor weights.

    Its calibration is LightGlue's, because weights that we do not have cannot be fitted. Ranks do not depend on it, and
    `scott evaluate` prints the best threshold of labelled pairs.

    Raises WeightsError where the folder lacks a file. It was tested only with a stand-in folder of the same interface.
    """

    version = "superglue-outdoor-1"
    calibration = LIGHTGLUE

    def __init__(self, folder: Path):
        super().__init__()
        missing = [name for name in SUPERGLUE_FILES if not (folder / name).is_file()]
        if missing:
            raise WeightsError(f"{folder} is no copy of SuperGluePretrainedNetwork: it lacks {', '.join(missing)}")
        config = {"superpoint": {"max_keypoints": KEYPOINTS}, "superglue": {"weights": "outdoor"}}
        with contextlib.redirect_stdout(sys.stderr):  # its constructors print, and stdout is the command's output
            self.matching = _import_matching(folder)(config).eval().to(self.device)

    @classmethod
    def from_environment(cls) -> SuperGlueScorer:
        """The scorer of the folder that SCOTT_SUPERGLUE names. Raises WeightsError where it is not set."""
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
        square = F.pad(
            grey, (0, SIDE - width, 0, SIDE - height), value=1.0
        )  # SuperPoint drops a rest of less than 8 pixels
        return {**self.matching.superpoint({"image": square}), "image": square}

    def match(self, a: Features, b: Features) -> Tensor:
        both = {f"{key}{side}": value for side, found in enumerate((a, b)) for key, value in found.items()}
        matches: Tensor = self.matching(both)["matches0"]
        return matches


def _import_matching(folder: Path) -> Any:
    """The class Matching of models/matching.py in `folder`, in a package whose name is unique to the folder."""
    name = f"superglue_{zlib.crc32(str(folder).encode()):08x}"
    package = types.ModuleType(name)
    package.__path__ = [str(folder / "models")]
    sys.modules[name] = package
    return importlib.import_module(f"{name}.matching").Matching
