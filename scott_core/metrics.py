"""Measures of scores and masks (paper, section 5): precision, recall and F1 of the matching class, AP, ROC AUC, IoU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from scott_core.errors import InputError


def evaluate_scores(label: ArrayLike, score: ArrayLike, threshold: float) -> dict[str, float]:
    """Measures of the matching class at `threshold` (a score at or over it is a match), and over all thresholds.

    A null (NaN) score is an unscored pair: it never counts as a match, and ranks below every score. Raises InputError
    where the labels hold only one class or the lengths differ.
    """
    truth, scores = np.asarray(label, float), np.asarray(score, float)
    if truth.shape != scores.shape:
        raise InputError(f"{truth.size} labels for {scores.size} scores")
    if set(np.unique(truth)) != {0.0, 1.0}:
        raise InputError("labels of both classes, 0 and 1, are needed to measure scores")
    scores = np.where(np.isnan(scores), -1.0, scores)
    said = scores >= threshold
    hits = float((said & (truth == 1)).sum())
    precision = hits / said.sum() if said.any() else 0.0
    recall = hits / truth.sum()
    best_threshold, best_f1 = best_f_threshold(truth, scores)
    return {
        "n": float(truth.size),
        "n_positive": float(truth.sum()),
        "threshold": float(threshold),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * hits / (said.sum() + truth.sum())),
        "average_precision": float(average_precision_score(truth, scores)),
        "roc_auc": float(roc_auc_score(truth, scores)),
        "best_f1": best_f1,
        "best_threshold": best_threshold,
    }


def best_f_threshold(label: ArrayLike, score: ArrayLike, *, beta: float = 1.0) -> tuple[float, float]:
    """The threshold with the highest F_beta, and that F_beta. Choose on validation only.

    beta < 1 weighs precision over recall (0.5: twice as much).
    """
    precision, recall, thresholds = precision_recall_curve(label, score)
    p, r, b2 = precision[:-1], recall[:-1], beta**2
    f = (1 + b2) * p * r / np.maximum(b2 * p + r, 1e-12)
    best = int(np.argmax(f))
    return float(thresholds[best]), float(f[best])


def iou(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two boolean masks of one shape; 1 where both are empty."""
    union = np.logical_or(predicted, truth).sum()
    return float(np.logical_and(predicted, truth).sum() / union) if union else 1.0


def mask_iou(predicted: Path, truth: Path) -> dict[str, float]:
    """Mean IoU over the pictures of folder `truth`; each mask is a grey picture, object above mid-grey.

    Predictions carry the truth's file names and are resized to it where they differ. Raises InputError naming the
    first missing file.
    """
    names = sorted(path.name for path in truth.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    if not names:
        raise InputError(f"{truth} holds no masks")
    values: Sequence[float] = [_file_iou(predicted / name, truth / name) for name in names]
    return {"n": float(len(values)), "iou": float(np.mean(values))}


def _file_iou(predicted: Path, truth: Path) -> float:
    if not predicted.is_file():
        raise InputError(f"{predicted} does not exist")
    with Image.open(truth) as file:
        wanted = file.convert("L")
    with Image.open(predicted) as file:
        found = file.convert("L").resize(wanted.size, Image.Resampling.BILINEAR)
    return iou(np.asarray(found) > 127, np.asarray(wanted) > 127)
