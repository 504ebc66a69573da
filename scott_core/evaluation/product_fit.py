"""The fit of a product model, and its risk-coverage curve.

    python -m scott_core.evaluation.product_fit WEIGHTS DATA

fits it on products of val (scott_core.evaluation.products) and writes it into the card of WEIGHTS, a name or a file;
`scott release` does the same. DATA is a folder with manifest.csv.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from scott_core.card import read_card, resolve, write_card
from scott_core.evaluation.products import draw_products, score_products
from scott_core.predictor import Predictor
from scott_core.product import SIGNS, CurvePoint, ProductModel
from scott_core.progress import Progress
from scott_core.scorers import PairScorer

FOLDS = 5  # of the instances
RIDGE = 0.01  # on the squared weights, halved, of the mean loss
CONFIDENCES = tuple(round(0.5 + 0.01 * n, 2) for n in range(50))

Floats = NDArray[np.float64]


def product_fields(scorer: PairScorer, data: Path, progress: Progress | None = None) -> dict[str, Any]:
    """The `product` of a card: the model of `scorer` on products of val. Raises as `draw_products` does."""
    products = draw_products(data)
    found = score_products(scorer, products, progress)
    return fit_product_model(found, [p.is_shown for p in products], [p.instance for p in products]).to_json()


def fit_product_model(
    found: Sequence[Sequence[float]], is_shown: Sequence[bool], instance: Sequence[Hashable]
) -> ProductModel:
    """The model of n products with the features `found`, and its curve by cross-validation over instances."""
    values, label = np.array(found, float), np.array(is_shown, float)
    fold_of = {each: n % FOLDS for n, each in enumerate(dict.fromkeys(instance))}
    fold = np.array([fold_of[each] for each in instance])
    probability = np.empty(len(label))
    for held_out in (fold == n for n in range(FOLDS)):
        *weights, bias = _fit(values[~held_out], label[~held_out])
        probability[held_out] = 1 / (1 + np.exp(-(values[held_out] @ np.array(weights) + bias)))
    *weights, bias = (round(float(value), 4) for value in _fit(values, label))
    return ProductModel(tuple(weights), bias, risk_coverage(label, probability))


def risk_coverage(label: Floats, probability: Floats) -> tuple[CurvePoint, ...]:
    """The risk-coverage curve (El-Yaniv and Wiener 2010) at CONFIDENCES, as far as any product is decided.

    The risk of w wrong of n is (w + 1) / (n + 2), Laplace's rule of succession: a few right ones promise little.
    """
    confidence = np.maximum(probability, 1 - probability)
    wrong = (probability >= 0.5) != (label > 0.5)
    points = []
    for least in CONFIDENCES:
        decided = confidence >= least
        if decided.any():
            risk = (wrong[decided].sum() + 1) / (decided.sum() + 2)
            points.append(CurvePoint(least, round(float(decided.mean()), 4), round(float(risk), 4)))
    return tuple(points)


def _fit(values: Floats, label: Floats) -> Floats:
    """Weights and bias of the logistic regression of `label` [n] on `values` [n, k]; each weight has its sign."""

    def loss(x: Floats) -> tuple[float, Floats]:
        logit = values @ x[:-1] + x[-1]
        off = (1 / (1 + np.exp(-logit.clip(-500, 500))) - label) / len(label)
        ridge = RIDGE * np.append(x[:-1], 0)
        mean = float(np.mean(np.logaddexp(0, logit) - label * logit) + x @ ridge / 2)
        return mean, np.append(values.T @ off, off.sum()) + ridge

    bounds = [(0, None) if sign > 0 else (None, 0) for sign in SIGNS]
    found = minimize(loss, np.zeros(len(SIGNS) + 1), jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)])
    return np.asarray(found.x, float)


def main(weights: str, data: str) -> None:
    """Fits the product model of `weights` and writes it into their card."""
    with tqdm(desc="pairs of products", unit="pair") as bar:
        fields = product_fields(Predictor.load(weights), Path(data), bar.update)
    write_card({**read_card(weights).raw, "product": fields}, resolve(weights))


if __name__ == "__main__":
    main(*sys.argv[1:])
