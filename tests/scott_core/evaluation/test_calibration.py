"""Calibration: Platt against scikit-learn, the choice of alpha, and pairs without a region."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from scott_core.evaluation.calibration import calibrate, fit_platt
from scott_core.evaluation.validation import ValidationSet
from scott_core.model.matcher import EMPTY_LOGIT


def stand_in(label: np.ndarray, *columns: np.ndarray) -> ValidationSet:
    """A validation set of which a model would say these logits, a column for each alpha."""
    predictor = SimpleNamespace(logits_at=lambda *_: np.stack(columns, 1).astype(np.float32))
    return cast(
        ValidationSet, SimpleNamespace(label=label, predictor=lambda *_: predictor, images_a=[], images_b=[], index=[])
    )


def calibrated(on: ValidationSet, alphas: tuple[float, ...]) -> dict[str, Any]:
    return calibrate(cast(Any, SimpleNamespace(alpha=0.5)), {"architecture": {"alpha": 0.5}}, on, alphas=alphas)


def test_pairs_without_a_region_do_not_flatten_the_slope() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 1.5, 8000)
    label = (rng.random(8000) < 1 / (1 + np.exp(-(2 * logit - 0.5)))).astype(float)
    logit[rng.random(8000) < 0.4] = EMPTY_LOGIT  # of both classes alike
    card = calibrated(stand_in(label, logit), (0.3,))
    assert (card["slope"], card["bias"]) == (pytest.approx(2, abs=0.15), pytest.approx(-0.5, abs=0.15))


def test_a_region_that_several_matching_heads_miss_is_no_evidence_either() -> None:
    """Their sum says EMPTY_LOGIT more than once."""
    label, logit = np.array([0.0, 1, 0, 1] * 20), np.tile([-1.0, 1.0, 1.0, -0.5], 20)
    once, twice = (np.where(np.arange(80) % 8 < 2, empty, logit) for empty in (EMPTY_LOGIT, 2 * EMPTY_LOGIT))
    assert calibrated(stand_in(label, once), (0.3,))["slope"] == calibrated(stand_in(label, twice), (0.3,))["slope"]


def test_alpha_is_the_one_that_ranks_best() -> None:
    label = np.array([0.0, 1, 0, 1] * 10)
    better, worse = label + np.linspace(0, 0.5, 40), np.linspace(0, 1, 40)
    card = calibrated(stand_in(label, worse, better), (0.1, 0.2))
    assert card["architecture"]["alpha"] == 0.2
    assert card["validation"]["roc_auc"] == 1.0


@pytest.mark.parametrize("separable", [False, True])
def test_platt_is_scikit_learns_logistic_regression(separable: bool) -> None:
    rng = np.random.default_rng(1)
    value = rng.normal(0, 2, 500)
    label = (value > 0.3).astype(float) if separable else (rng.random(500) < 1 / (1 + np.exp(1 - value))).astype(float)
    wanted = LogisticRegression(C=1e4, tol=1e-10, max_iter=10_000).fit(value[:, None], label)
    found = fit_platt(value, label)
    assert found == pytest.approx((wanted.coef_[0, 0], wanted.intercept_[0]), rel=2e-3)


@pytest.mark.parametrize("logits", [[EMPTY_LOGIT] * 4, [EMPTY_LOGIT, 1.0, EMPTY_LOGIT, 2.0]])
def test_a_young_model_that_sees_no_region_is_calibrated_to_nothing(logits: list[float]) -> None:
    card = calibrated(stand_in(np.array([0.0, 1, 0, 1]), np.array(logits)), (0.3,))
    assert (card["slope"], card["bias"]) == (0.0, 0.0)
