"""Figure 9: against counting by hand and scikit-learn's F1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score

from scott_core.evaluation.figure9 import draw_figure9, f1_by_region


def test_figure_9_counts_what_each_bin_holds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label, said = rng.integers(0, 2, 500), rng.random(500) < 0.5
    a, b = np.round(rng.random((2, 500)), 2)
    a[0], b[0], a[1] = 1.0, 1.0, np.nan
    f1, pairs = f1_by_region(label, said, a, b, bins=4)
    assert pairs.sum() == 499
    chosen = (a >= 0.25) & (a < 0.5) & (b >= 0.75)
    assert pairs[1, 3] == chosen.sum()
    assert f1[1, 3] == pytest.approx(f1_score(label[chosen], said[chosen]))
    f1, pairs = f1_by_region([0, 0], [False, True], [0.1, 0.9], [0.1, 0.9], bins=2)
    assert np.isnan(f1[0, 0]), "nothing to find, nothing said"
    assert f1[1, 1] == 0
    for name in ("1.png", "2.png"):
        draw_figure9(label, said, a, b, tmp_path / name, title="title")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    assert Image.open(tmp_path / "1.png").format == "PNG"
