"""Calibration on validation pairs: the choice of alpha, and from logits to probabilities (Platt 1999).

The paper validates alpha (section 4.1). Scores are calibrated probabilities, so that the threshold is even odds
(decision 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from scott_core.checkpoint import probability
from scott_core.evaluation.metrics import evaluate_scores
from scott_core.evaluation.validation import ValidationSet
from scott_core.model.matcher import EMPTY_LOGIT
from scott_core.model.scott import Scott

ALPHAS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)  # foreground thresholds to choose from at the end of a training run
THRESHOLD = 0.5  # of the calibrated probability: even odds (decision 10)
RIDGE = 1e-4  # on the squared slope, halved: so weak that it only keeps the slope of separable labels finite
MOST_STEPS = 100  # of Newton's method
CONVERGED = 1e-10  # longest component of a step at which it ends


def calibrate(
    model: Scott, card: dict[str, Any], on: ValidationSet, *, alphas: Sequence[float] | None = None
) -> dict[str, Any]:
    """`card` with alpha, slope, bias, THRESHOLD, and the measures on `on` as `validation`.

    Alpha is the one of `alphas` with the highest ROC AUC, or the model's where none are given. Slope and bias are the
    logistic regression of the label on the logit (Platt 1999), fitted on pairs with a region: EMPTY_LOGIT is no
    evidence of the matching head, and many such pairs would flatten the slope for all others.
    """
    candidates = (model.alpha,) if alphas is None else tuple(alphas)
    columns = on.predictor(model, card).logits_at(candidates, on.images_a, on.images_b, on.index).T.astype(np.float64)
    best = int(np.argmax([evaluate_scores(on.label, column, 0.0)["roc_auc"] for column in columns]))
    logit = columns[best]
    seen = logit > EMPTY_LOGIT  # matching heads that are summed give a multiple of EMPTY_LOGIT
    slope, bias = fit_platt(logit[seen], on.label[seen])
    calibrated = {
        **card,
        "architecture": {**card["architecture"], "alpha": candidates[best]},
        "slope": slope,
        "bias": bias,
        "threshold": THRESHOLD,
    }
    score = probability(torch.from_numpy(logit), slope, bias).numpy()
    return {**calibrated, "validation": evaluate_scores(on.label, score, THRESHOLD)}


def fit_platt(value: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Slope and bias of the logistic regression of `label` [n] on `value` [n]; 0 and 0 where a class is missing.

    It is Platt's (1999) calibration, with a ridge of RIDGE / 2 on the squared slope, solved by Newton's method.
    """
    if len(np.unique(label)) < 2:
        return 0.0, 0.0
    ridge = np.array([RIDGE, 0.0])
    x = np.stack([value, np.ones_like(value)], 1).astype(np.float64)

    def loss(weights: np.ndarray) -> float:
        logit = x @ weights
        return float(np.logaddexp(0, logit).sum() - label @ logit + ridge @ weights**2 / 2)

    found = np.zeros(2)
    for _ in range(MOST_STEPS):
        likely = 1 / (1 + np.exp(-(x @ found).clip(-500, 500)))
        slope = x.T @ (likely - label) + ridge * found
        curvature = (x * (likely * (1 - likely))[:, None]).T @ x + np.diag(ridge + 1e-12)
        step = np.linalg.solve(curvature, slope)
        while loss(found - step) > loss(found) and np.abs(step).max() > 1e-12:
            step = step / 2
        found = found - step
        if np.abs(step).max() < CONVERGED:
            break
    return float(found[0]), float(found[1])
