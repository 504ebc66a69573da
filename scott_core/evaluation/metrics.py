"""Measures of scores and masks (paper, section 5): precision, recall and F1 of the matching class, AP, ROC AUC, IoU.

There are also the expected calibration error (ECE), and percentile bootstrap intervals of 95% that resample pairs.
Pairs that share an image are not independent, so that the interval for new products is wider.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from scott_core.errors import InputError
from scott_core.images import read_image

INTERVALS = ("precision", "recall", "f1", "average_precision", "roc_auc", "ece")
ECE_BINS = 15  # as in Guo et al. 2017
HALF = 127  # grey level over which a mask shows the object
RESAMPLES = 1000  # of a bootstrap
_LEVELS = (2.5, 97.5)  # percentiles
_BLOCK = 1 << 18  # resampled values at once, which fit a processor's cache

Interval = tuple[float, float]
Floats = NDArray[np.float64]


def evaluate_scores(label: ArrayLike, score: ArrayLike, threshold: float) -> dict[str, float]:
    """Measures of the matching class of n pairs at `threshold`, and over all thresholds.

    A score at or over the threshold is a match. A NaN score is an unscored pair, which is never a match and ranks below
    every score. Raises InputError where the labels are not of both classes, or the lengths differ.
    """
    truth, scores = _checked(label, score)
    once = np.ones((1, truth.size), np.int64)
    measured = {name: float(value[0]) for name, value in weighted_measures(truth, scores, threshold, once).items()}
    best_threshold, best_f1 = best_f1_threshold(truth, scores)
    return {
        "n": float(truth.size),
        "n_positive": float(truth.sum()),
        "threshold": float(threshold),
        **measured,
        "ece": expected_calibration_error(truth, scores),
        "best_f1": best_f1,
        "best_threshold": best_threshold,
    }


def expected_calibration_error(label: ArrayLike, score: ArrayLike, *, bins: int = ECE_BINS) -> float:
    """The expected calibration error, 0 to 1 (Naeini et al. 2015; Guo et al. 2017), of the probability of a match.

    It is the mean over the pairs of |share of matches - mean score| of their bin; `bins` bins have equal width over
    [0, 1], each open on its left, the first closed. Both classes count, where Guo et al. take the confidence in the
    decision. Unscored (NaN) pairs are excluded; it is NaN where no pair is scored.
    """
    truth, scores = np.asarray(label, float), np.asarray(score, float)
    n_scored = int((~np.isnan(scores)).sum())
    gaps = np.abs(_calibration_gaps(truth, scores, bins).sum(0))
    return float(gaps.sum() / n_scored) if n_scored else float("nan")


def bootstrap_intervals(
    label: ArrayLike, score: ArrayLike, threshold: float, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """95% percentile bootstrap interval (Efron 1979), low and high, of each of INTERVALS; equal seeds, equal intervals.

    Pairs are drawn with replacement `resamples` times. A draw without one of the classes has neither AUC nor AP and is
    excluded from theirs. ECE is biased upward on resamples, so that its interval may lie above it.
    Raises InputError as evaluate_scores does.
    """
    truth, scores = _checked(label, score)
    drawn = [weighted_measures(truth, scores, threshold, counts) for counts in _resample(truth.size, resamples, seed)]
    return {name: _percentiles(np.concatenate([part[name] for part in drawn])) for name in INTERVALS}


def bootstrap_mean(values: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """95% percentile bootstrap interval, low and high, of the mean of `values` [n]; NaN without values."""
    array = np.asarray(values, float)
    if not array.size:
        return float("nan"), float("nan")
    return _percentiles(np.concatenate([c @ array / array.size for c in _resample(array.size, resamples, seed)]))


def weighted_measures(truth: Floats, scores: Floats, threshold: float, weights: NDArray[np.int64]) -> dict[str, Floats]:
    """Each of INTERVALS for each of R resamples, [R]; `weights` [R, n] is how often each of n pairs was drawn.

    Scores are sorted once, with equal scores together; each resample is then cumulative sums of its weights. With every
    weight 1 these are scikit-learn's numbers.
    """
    is_scored = ~np.isnan(scores)
    ranked = np.where(is_scored, scores, scores.min(where=is_scored, initial=0.0) - 1)
    order = np.argsort(-ranked, kind="stable")
    last = np.flatnonzero(np.diff(ranked[order], append=-np.inf))  # last of each run of equal scores
    taken = np.cumsum(weights[:, order], 1)[:, last].astype(float)
    hits = np.cumsum(weights[:, order] * truth[order], 1)[:, last]
    false = taken - hits
    positives, negatives = hits[:, -1], false[:, -1]
    new_hits, new_false = np.diff(hits, axis=1, prepend=0), np.diff(false, axis=1, prepend=0)

    said = (scores >= threshold).astype(float)
    true_said, all_said = weights @ (said * truth), weights @ said
    gaps = np.abs(weights @ _calibration_gaps(truth, scores, ECE_BINS)).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": true_said / np.maximum(all_said, 1),
            "recall": true_said / positives,
            "f1": 2 * true_said / (all_said + positives),
            "average_precision": (new_hits * hits / np.maximum(taken, 1)).sum(1) / positives,
            "roc_auc": (new_false * (hits - new_hits / 2)).sum(1) / (positives * negatives),
            "ece": gaps / (weights @ is_scored.astype(float)),
        }


def best_f1_threshold(label: ArrayLike, score: ArrayLike) -> tuple[float, float]:
    """The threshold, one of the scores, with the highest F1, and that F1; to be chosen on validation pairs only.

    A pair without a score (NaN) is never a match. Both are NaN where no pair has one.
    """
    truth, scores = np.asarray(label, float), np.asarray(score, float)
    n_positive = truth.sum()
    truth, scores = (values[~np.isnan(scores)] for values in (truth, scores))
    if not scores.size:
        return float("nan"), float("nan")
    order = np.argsort(scores, kind="stable")
    first = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # first of each run of equal scores
    hits = truth.sum() - np.cumsum(truth[order])[first] + truth[order][first]
    said = truth.size - first
    f1 = 2 * hits / (said + n_positive)
    best = int(np.argmax(f1))
    return float(scores[order][first[best]]), float(f1[best])


def iou(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two boolean masks of one shape; 1 where both are empty."""
    union = np.logical_or(predicted, truth).sum()
    return float(np.logical_and(predicted, truth).sum() / union) if union else 1.0


def mask_iou(predicted: Path, truth: Path) -> dict[str, float]:
    """Number of masks `n` and mean IoU `iou` over the files of folder `truth`; an object is brighter than mid-grey.

    Predictions have the file names of the truth and are resized to its size. Raises InputError where `truth` holds no
    mask, and, naming the first one, where a prediction is missing or a file is no image.
    """
    names = sorted(path.name for path in truth.iterdir() if not path.name.startswith("."))
    if not names:
        raise InputError(f"{truth} holds no masks")
    values: Sequence[float] = [_file_iou(predicted / name, truth / name) for name in names]
    return {"n": float(len(values)), "iou": float(np.mean(values))}


def _file_iou(predicted: Path, truth: Path) -> float:
    if not predicted.is_file():
        raise InputError(f"{predicted} does not exist")
    wanted, found = map(read_mask, (truth, predicted))
    found = found.resize(wanted.size, Image.Resampling.BILINEAR)
    return iou(np.asarray(found) > HALF, np.asarray(wanted) > HALF)


def read_mask(path: Path) -> Image.Image:
    """A mask, mode L, brighter than HALF on the object. Raises UnreadableImage, and InputError for one of 0 and 1."""
    mask = read_image(path).convert("L")
    brightest = mask.getextrema()[1]
    if 0 < brightest <= HALF:  # type: ignore[operator]
        raise InputError(f"{path}: its largest value is {brightest}; an object has values over {HALF}")
    return mask


def _checked(label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    truth, scores = np.asarray(label, float), np.asarray(score, float)
    if truth.shape != scores.shape:
        raise InputError(f"{truth.size} labels for {scores.size} scores")
    if set(np.unique(truth)) != {0.0, 1.0}:
        raise InputError("labels of both classes, 0 and 1, are needed to measure scores")
    return truth, scores


def _calibration_gaps(truth: Floats, scores: Floats, bins: int) -> Floats:
    """Label minus score of each pair in the column of its bin, [n, bins]; 0 for unscored pairs."""
    scored = np.flatnonzero(~np.isnan(scores))
    place = np.clip(np.ceil(scores[scored] * bins) - 1, 0, bins - 1).astype(int)
    gaps = np.zeros((truth.size, bins))
    gaps[scored, place] = truth[scored] - scores[scored]
    return gaps


def _resample(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each of n items is in each of `resamples` draws of n with replacement, in blocks [r, n]."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // n)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)


def _percentiles(values: Floats) -> Interval:
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, _LEVELS)
    return float(low), float(high)
