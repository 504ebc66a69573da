"""A product's probability: what it must grow with, what it must not, and the confidence that a risk asks for."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from scott_core.card import read_card
from scott_core.errors import InputError, WeightsError
from scott_core.product import FEATURES, MOST_DOCUMENT_IMAGES, SIGNS, CurvePoint, ProductModel, Scored, features

MODEL = ProductModel(
    weights=(0.6, 0.3, 0.4, 0.2, -0.9, -0.4),
    bias=0.1,
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
    best, document, other_a, other_b, n_a, n_b = features([*pairs, ("a1", "b3", 0.2), ("a2", "b3", 0.1)])
    assert best == pytest.approx(logit(0.9))
    assert document == pytest.approx((logit(0.9) + logit(0.6)) / 2)  # b1
    assert other_a == pytest.approx(logit(0.6))  # the best of a2
    assert other_b == pytest.approx(logit(0.8))  # the best of b2
    assert (n_a, n_b) == pytest.approx((math.log(2), math.log(3)))


def test_one_pair_has_no_other_image_and_a_bad_other_image_is_no_evidence_against() -> None:
    assert features([("a", "b", 0.7)]) == pytest.approx((logit(0.7), logit(0.7), 0, 0, 0, 0))
    assert features([("a", "b", 0.7), ("a2", "b", 0.2)])[2] == 0


def test_without_a_scored_pair_there_is_no_probability() -> None:
    assert MODEL.probability([]) is None


def test_many_images_count_as_those_that_the_model_was_fitted_on() -> None:
    most = MOST_DOCUMENT_IMAGES
    few, many = ([("a", b, 0.9 if b == 0 else 0.01) for b in range(n)] for n in (most, 10 * most))
    assert probability(many) == probability(few)


def test_weights_without_bound_give_a_probability() -> None:
    model = ProductModel(weights=(500.0, 0.0, 0.0, 0.0, 0.0, 0.0), bias=0.0, curve=())
    assert (model.probability([("a", "b", 0.001)]), model.probability([("a", "b", 0.999)])) == (0.0, 1.0)


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
    """An image more on either side, whose pairs all score lower than every other, and are under even odds."""
    rng = random.Random(3)
    for _ in range(500):
        pairs = random_product(rng)
        hopeless = min(0.5, *(score for _, _, score in pairs)) * rng.random()
        on_a = [("more", b, hopeless) for b in {b for _, b, _ in pairs}]
        on_b = [(a, "more", hopeless) for a in {a for a, _, _ in pairs}]
        assert probability([*pairs, *on_a]) <= probability(pairs)
        assert probability([*pairs, *on_b]) <= probability(pairs)


def test_the_shipped_model_does_not_drown_a_match_in_a_long_report() -> None:
    """A hundred images of other things beside the one that shows the product leave it likely."""
    model = read_card("default").product
    assert model is not None
    shown = [(a, "photo", 0.97) for a in range(3)]
    long = [*shown, *((a, b, 0.02) for a in range(3) for b in range(100))]
    alone, beside = model.probability(shown), model.probability(long)
    assert alone is not None
    assert beside is not None
    assert alone > 0.95
    assert 0.7 < beside < alone


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
    assert len(FEATURES) == len(SIGNS) == len(MODEL.weights)


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
        {**MODEL.to_json(), "bias": math.nan},
        {**MODEL.to_json(), "weights": {**MODEL.to_json()["weights"], "best": -0.1}},
        {**MODEL.to_json(), "weights": {**MODEL.to_json()["weights"], "document_images": 0.1}},
        {**MODEL.to_json(), "curve": MODEL.to_json()["curve"][::-1]},
        {**MODEL.to_json(), "curve": [{"confidence": 7, "coverage": 0.5, "risk": 0.1}]},
        {**MODEL.to_json(), "curve": [{"confidence": 0.5, "coverage": 0.5, "risk": math.nan}]},
    ],
    ids=str,
)
def test_a_card_whose_product_does_not_fit_is_refused(raw: Any) -> None:
    with pytest.raises(WeightsError, match="product"):
        ProductModel.of(raw)
