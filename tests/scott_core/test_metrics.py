"""Measures against counting by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import fbeta_score

from scott_core.errors import InputError
from scott_core.metrics import best_f_threshold, evaluate_scores, iou, mask_iou


def count(label: np.ndarray, score: np.ndarray, threshold: float) -> tuple[float, float, float]:
    tp = sum(1 for y, s in zip(label, score, strict=True) if s >= threshold and y)
    fp = sum(1 for y, s in zip(label, score, strict=True) if s >= threshold and not y)
    fn = sum(1 for y, s in zip(label, score, strict=True) if s < threshold and y)
    return tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)


def test_measures_are_what_counting_gives() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 200)
    score = np.round(np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1), 2)
    found = evaluate_scores(label, score, 0.5)
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx(count(label, score, 0.5))
    better = [(p > n) + 0.5 * (p == n) for p in score[label == 1] for n in score[label == 0]]
    assert found["roc_auc"] == pytest.approx(np.mean(better))
    best = max(count(label, score, t)[2] for t in np.unique(score))
    assert best_f_threshold(label, score)[1] == pytest.approx(best)
    assert count(label, score, found["best_threshold"])[2] == pytest.approx(best)
    careful, reached = best_f_threshold(label, score, beta=0.5)
    everywhere = [fbeta_score(label, score >= t, beta=0.5) for t in np.unique(score)]
    assert reached == pytest.approx(max(everywhere)) == fbeta_score(label, score >= careful, beta=0.5)


def test_an_unscored_pair_is_never_a_match() -> None:
    found = evaluate_scores([1, 1, 0, 0], [0.9, np.nan, 0.2, 0.1], 0.0)
    assert found["recall"] == 0.5


def test_what_cannot_be_measured_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both classes"):
        evaluate_scores([1, 1], [0.5, 0.6], 0.5)
    with pytest.raises(InputError, match="2 labels for 3"):
        evaluate_scores([1, 0], [0.5, 0.6, 0.7], 0.5)
    (tmp_path / "truth").mkdir()
    (tmp_path / "found").mkdir()
    with pytest.raises(InputError, match="no masks"):
        mask_iou(tmp_path / "found", tmp_path / "truth")
    Image.new("L", (4, 4)).save(tmp_path / "truth" / "a.png")
    with pytest.raises(InputError, match=r"a\.png"):
        mask_iou(tmp_path / "found", tmp_path / "truth")


def test_iou_of_halves() -> None:
    left, top = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], top[:2] = True, True
    assert iou(left, top) == pytest.approx(4 / 12)
    assert iou(left & False, top & False) == 1.0
