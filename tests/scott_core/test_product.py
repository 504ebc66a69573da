"""A product's probability: what it must grow with, what it must not, and the confidence that a risk asks for."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from scott_core.errors import InputError, WeightsError
from scott_core.product import EVIDENCE, SIGNS, CurvePoint, ProductModel, Scored, evidence

MODEL = ProductModel(
    weights=(0.6, 0.3, 0.4, 0.2, -1.3),
    bias=1.0,
    curve=tuple(CurvePoint(*each) for each in ((0.5, 1, 0.2), (0.7, 0.8, 0.04), (0.8, 0.6, 0.06), (0.9, 0.5, 0.02))),
)


def logit(score: float) -> float:
    return math.log(score / (1 - score))


def probability(pairs: list[Scored]) -> float:
    found = MODEL.probability(pairs)
    assert found is not None
    return found


def random_product(rng: random.Random) -> list[Scored]:
    """A cartesian product of one to four images on either side."""
    return [(a, b, rng.random()) for a in range(rng.randint(1, 4)) for b in range(rng.randint(1, 4))]


def test_evidence_of_a_product_worked_out_by_hand() -> None:
    pairs = [("a1", "b1", 0.9), ("a1", "b2", 0.8), ("a2", "b1", 0.6), ("a2", "b2", 0.1)]
    best, mean, other_a, other_b, n = evidence(pairs) or ()
    assert best == pytest.approx(logit(0.9))
    assert mean == pytest.approx((logit(0.9) + logit(0.8) + logit(0.6)) / 3)
    assert other_a == pytest.approx(logit(0.6))  # the best of a2
    assert other_b == pytest.approx(logit(0.8))  # the best of b2
    assert n == pytest.approx(math.log(4))


def test_one_pair_has_no_other_image_and_a_bad_other_image_is_no_evidence_against() -> None:
    assert evidence([("a", "b", 0.7)]) == pytest.approx((logit(0.7), logit(0.7), 0, 0, 0))
    assert (evidence([("a", "b", 0.7), ("a2", "b", 0.2)]) or ())[2] == 0


def test_without_a_scored_pair_there_is_no_probability() -> None:
    assert MODEL.probability([]) is None


def test_saturated_scores_are_finite() -> None:
    assert 0 < probability([("a", "b", 0.0)]) < probability([("a", "b", 1.0)]) < 1


def test_the_order_of_pairs_and_a_pair_given_twice_change_nothing() -> None:
    rng = random.Random(1)
    for _ in range(100):
        pairs = random_product(rng)
        shuffled = rng.sample(pairs, len(pairs))
        assert probability(shuffled) == pytest.approx(probability(pairs), abs=1e-12)
        assert probability([*pairs, pairs[0]]) == pytest.approx(probability(pairs), abs=1e-12)


def test_it_grows_with_every_score() -> None:
    rng = random.Random(2)
    for _ in range(500):
        pairs = random_product(rng)
        place = rng.randrange(len(pairs))
        a, b, score = pairs[place]
        raised = [*pairs[:place], (a, b, rng.uniform(score, 1)), *pairs[place + 1 :]]
        assert probability(raised) >= probability(pairs) - 1e-12


def test_it_does_not_grow_with_hopeless_images() -> None:
    """An image more on either side, none of whose pairs is one of the best or over even odds."""
    rng = random.Random(3)
    for _ in range(500):
        pairs = random_product(rng)
        lowest = min(score for _, _, score in pairs)
        hopeless = min(lowest, 0.5) * rng.random()
        on_a = [("more", b, hopeless) for b in {b for _, b, _ in pairs}]
        on_b = [(a, "more", hopeless) for a in {a for a, _, _ in pairs}]
        assert probability([*pairs, *on_a]) < probability(pairs)
        assert probability([*pairs, *on_b]) < probability(pairs)


@pytest.mark.parametrize(("risk", "confidence"), [(0.5, 0.5), (0.2, 0.5), (0.06, 0.7), (0.05, 0.9), (0.02, 0.9)])
def test_a_risk_asks_for_the_least_confidence_from_which_on_validation_kept_it(risk: float, confidence: float) -> None:
    """0.7 kept 0.05, but 0.8, which is surer, did not: what keeps it by luck does not count."""
    assert MODEL.confidence_for(risk) == confidence


@pytest.mark.parametrize("risk", [0.0, -1.0, 0.51, 0.01, math.nan])
def test_a_risk_that_cannot_be_had_is_refused(risk: float) -> None:
    with pytest.raises(InputError, match="risk"):
        MODEL.confidence_for(risk)


def test_a_model_survives_its_card() -> None:
    assert ProductModel.of(MODEL.to_json()) == MODEL
    assert len(EVIDENCE) == len(SIGNS) == len(MODEL.weights)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        None,
        [],
        {"weights": {"best": 1}, "bias": 0, "curve": []},
        {**MODEL.to_json(), "bias": "x"},
        {**MODEL.to_json(), "curve": [{"confidence": 0.5}]},
        {**MODEL.to_json(), "curve": [5]},
    ],
    ids=str,
)
def test_a_card_whose_product_does_not_fit_is_refused(raw: Any) -> None:
    with pytest.raises(WeightsError, match="product"):
        ProductModel.of(raw)
