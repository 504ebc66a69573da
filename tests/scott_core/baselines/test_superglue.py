"""SuperGlue, whose licence keeps it out of here: a stand-in folder of the same interface takes its place."""

from pathlib import Path

import numpy as np
import pytest

from scott_core.baselines.superglue import SUPERGLUE_FILES, SuperGlueScorer
from scott_core.errors import WeightsError
from scott_core.scorers import load_scorer
from tests.scott_core.baselines.samples import OTHER, SAME, THIN, TOY

STAND_IN = {
    "models/superpoint.py": """
import torch

class SuperPoint(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config["max_keypoints"] > 0
        self.calls = 0

    def forward(self, data):
        self.calls += 1
        image = data["image"]
        assert image.shape == (1, 1, 320, 320)
        brightness = image[0, 0, ::64, ::64].flatten()  # 25 "keypoints"
        keypoints = torch.stack([torch.arange(25.0), torch.arange(25.0)], 1)
        return {"keypoints": [keypoints], "scores": (brightness,), "descriptors": [brightness[None]]}
""",
    "models/superglue.py": """
import torch

class SuperGlue(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config["weights"] == "outdoor"
        print("Loaded SuperGlue model")

    def forward(self, data):
        assert data["image0"].shape == data["image1"].shape
        same = (data["descriptors0"] - data["descriptors1"])[:, 0].abs() < 0.02
        return {"matches0": torch.where(same, torch.arange(25, device=same.device), -1)}
""",
    "models/matching.py": """
import torch
from .superpoint import SuperPoint
from .superglue import SuperGlue

class Matching(torch.nn.Module):
    def __init__(self, config={}):
        super().__init__()
        self.superpoint = SuperPoint(config.get("superpoint", {}))
        self.superglue = SuperGlue(config.get("superglue", {}))

    def forward(self, data):
        assert "keypoints0" in data and "keypoints1" in data
        return self.superglue({k: torch.stack(list(v)) if isinstance(v, (list, tuple)) else v for k, v in data.items()})
""",
}


def stand_in(folder: Path) -> Path:
    for name in SUPERGLUE_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(STAND_IN.get(name, ""))
    return folder


def test_superglue_runs_the_users_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCOTT_SUPERGLUE", str(stand_in(tmp_path / "SuperGluePretrainedNetwork")))
    scorer = load_scorer("superglue")
    assert isinstance(scorer, SuperGlueScorer)
    assert capsys.readouterr().out == ""
    scores = scorer.score_pairs([TOY, OTHER], [TOY, SAME, THIN], [(i, j) for i in range(2) for j in range(3)]).score
    assert scorer.matching.superpoint.calls == 2 + 3
    assert scores[0] == scores.max() > scores[3]
    described = scorer.describe([TOY])[0]
    assert scorer.compare(described, described) == pytest.approx(np.log(1 + 25))


def test_superglue_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCOTT_SUPERGLUE", raising=False)
    with pytest.raises(WeightsError, match="SCOTT_SUPERGLUE=/path/to/SuperGluePretrainedNetwork"):
        load_scorer("superglue")
    folder = stand_in(tmp_path)
    (folder / "models/weights/superglue_outdoor.pth").unlink()
    monkeypatch.setenv("SCOTT_SUPERGLUE", str(folder))
    with pytest.raises(WeightsError, match=r"it lacks models/weights/superglue_outdoor\.pth$"):
        load_scorer("superglue")
