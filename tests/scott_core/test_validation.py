"""Calibration: what it fits, and what it leaves out."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from scott_core.matcher import EMPTY_LOGIT
from scott_core.validation import ValidationSet, calibrate


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


def test_alpha_is_the_one_that_ranks_best() -> None:
    label = np.array([0.0, 1, 0, 1] * 10)
    better, worse = label + np.linspace(0, 0.5, 40), np.linspace(0, 1, 40)
    card = calibrated(stand_in(label, worse, better), (0.1, 0.2))
    assert card["architecture"]["alpha"] == 0.2
    assert card["validation"]["roc_auc"] == 1.0


@pytest.mark.parametrize("logits", [[EMPTY_LOGIT] * 4, [EMPTY_LOGIT, 1.0, EMPTY_LOGIT, 2.0]])
def test_a_young_model_that_sees_no_region_is_calibrated_to_nothing(logits: list[float]) -> None:
    card = calibrated(stand_in(np.array([0.0, 1, 0, 1]), np.array(logits)), (0.3,))
    assert (card["slope"], card["bias"]) == (0.0, 0.0)
