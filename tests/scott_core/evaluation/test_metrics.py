"""Measures against counting by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from scott_core.errors import InputError
from scott_core.evaluation.metrics import (
    best_f1_threshold,
    bootstrap_intervals,
    bootstrap_mean,
    evaluate_scores,
    expected_calibration_error,
    iou,
    mask_iou,
    weighted_measures,
)


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
    assert best_f1_threshold(label, score)[1] == pytest.approx(best)
    assert count(label, score, found["best_threshold"])[2] == pytest.approx(best)


def test_an_unscored_pair_is_never_a_match() -> None:
    found = evaluate_scores([1, 1, 0, 0], [0.9, np.nan, 0.2, 0.1], 0.0)
    assert found["recall"] == 0.5
    found = evaluate_scores([1, 1, 1, 0], [np.nan, np.nan, np.nan, 0.2], 0.5)
    assert (found["best_f1"], found["best_threshold"]) == (0.0, 0.2)
    assert best_f1_threshold([1, 1, 0, 0], [0.9, np.nan, 0.2, 0.1]) == (0.9, 2 / 3)
    assert np.isnan(best_f1_threshold([1, 0], [np.nan, np.nan])).all()
    found = evaluate_scores([1, 0, 0], [np.nan, -5.0, -3.0], 0.0)  # logits
    assert (found["roc_auc"], found["average_precision"]) == (0.0, pytest.approx(1 / 3))


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
    (tmp_path / "found" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"a\.png"):
        mask_iou(tmp_path / "found", tmp_path / "truth")


def test_a_mask_of_zeros_and_ones_is_no_mask_of_nothing(tmp_path: Path) -> None:
    for folder, object_is in (("truth", 255), ("found", 1)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((64, 64), object_is, np.uint8)).save(tmp_path / folder / "a.png")
    with pytest.raises(InputError, match="its largest value is 1"):
        mask_iou(tmp_path / "found", tmp_path / "truth")


def test_every_mask_of_the_truth_counts_whatever_its_format(tmp_path: Path) -> None:
    half = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 32, 1).repeat(64, 0))
    for folder, other in (("truth", half), ("found", half.transpose(Image.Transpose.FLIP_LEFT_RIGHT))):
        (tmp_path / folder).mkdir()
        half.save(tmp_path / folder / "1.png")
        half.convert("1").save(tmp_path / folder / "2.webp")
        other.save(tmp_path / folder / "3.jpeg")
        (tmp_path / folder / ".DS_Store").write_bytes(b"")
    assert mask_iou(tmp_path / "found", tmp_path / "truth") == {"n": 3.0, "iou": pytest.approx(2 / 3)}


def test_iou_of_halves() -> None:
    left, top = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], top[:2] = True, True
    assert iou(left, top) == pytest.approx(4 / 12)
    assert iou(left & False, top & False) == 1.0


def test_calibration_error_by_hand() -> None:
    # Bins of a half: scores 0.1, 0.3, 0.5 (mean 0.3; one of three matches) and 0.9 (a match).
    found = expected_calibration_error([0, 1, 0, 1, 1], [0.1, 0.3, 0.5, 0.9, np.nan], bins=2)
    assert found == pytest.approx(3 / 4 * abs(1 / 3 - 0.3) + 1 / 4 * abs(1 - 0.9))
    assert expected_calibration_error([0, 1], [0.0, 1.0]) == 0
    assert expected_calibration_error([1, 0], [0.0, 1.0]) == 1
    rng = np.random.default_rng(0)
    score = rng.random(100_000)
    honest = rng.random(100_000) < score
    assert expected_calibration_error(honest, score) < 0.01
    assert expected_calibration_error(honest, score**2) == pytest.approx(np.mean(score - score**2), abs=0.01)
    assert evaluate_scores(honest, score, 0.5)["ece"] == expected_calibration_error(honest, score)


def test_measures_of_a_resample_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 120).astype(float)
    score = np.round(np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1), 1)  # many ties
    score[:5] = np.nan
    draws = rng.integers(120, size=(20, 120))
    weights = np.stack([np.bincount(draw, minlength=120) for draw in draws])
    found = weighted_measures(label, score, 0.5, weights)
    for n, draw in enumerate(draws):
        y, s = label[draw], np.nan_to_num(score[draw], nan=-1.0)
        wanted = {
            "precision": precision_score(y, s >= 0.5),
            "recall": recall_score(y, s >= 0.5),
            "f1": f1_score(y, s >= 0.5),
            "average_precision": average_precision_score(y, s),
            "roc_auc": roc_auc_score(y, s),
            "ece": expected_calibration_error(y, score[draw]),
        }
        assert {name: values[n] for name, values in found.items()} == pytest.approx(wanted)


def test_an_interval_of_recall_and_of_a_mean_is_the_textbooks() -> None:
    rng = np.random.default_rng(2)
    score = np.r_[np.repeat(0.9, 800), np.repeat(0.1, 200), rng.random(1000)]
    low, high = bootstrap_intervals(np.repeat([1, 0], 1000), score, 0.5)["recall"]
    spread = 1.96 * np.sqrt(0.8 * 0.2 / 1000)  # of a share of 0.8 in 1,000
    assert (low, high) == pytest.approx((0.8 - spread, 0.8 + spread), abs=0.005)
    values = rng.normal(5, 2, 1000)
    spread = 1.96 * values.std() / np.sqrt(1000)
    assert bootstrap_mean(values) == pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.02)
    assert bootstrap_mean(values) == bootstrap_mean(values) != bootstrap_mean(values, seed=1)
    assert np.isnan(bootstrap_mean([])).all()


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Scores of N(0, 1) and N(1, 1): an AUC of Phi(1 / sqrt 2). 95% of 200 samples, give or take three deviations."""
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = np.repeat([0, 1], 100)
        low, high = bootstrap_intervals(label, rng.normal(label, 1), 0.5, resamples=200, seed=seed)["roc_auc"]
        inside += low <= 0.76025 <= high
    assert 180 <= inside <= 199
