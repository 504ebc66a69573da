"""Products drawn from val, and the model that is fitted on them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression

from scott_core.errors import InputError
from scott_core.evaluation.product_fit import RIDGE, fit_product_model, risk_coverage
from scott_core.evaluation.products import as_in_documents, draw_products, score_products
from scott_core.predictor import PairScores
from scott_core.product import FEATURES, MOST_CATALOGUE_IMAGES, MOST_DOCUMENT_IMAGES

VIEWS = 6


def write_data(folder: Path, categories: int = 3, instances: int = 3) -> Path:
    """A manifest of flat images: the shade of an image is its instance, and each file name tells the two."""
    folder.mkdir(exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "instance", "category", "split", "dataset", "family"])
        for n in range(categories * instances):
            for view in range(VIEWS):
                name = f"{n}-{view}.png"
                Image.new("RGB", (64, 48), (20 * n, 100, 200 - 20 * n)).save(folder / name)
                split = "train" if n == 0 and view == 0 else "val"
                table.writerow([name, f"i{n}", f"c{n // instances}", split, "ours", "object"])
        table.writerow([name, "seen", "c0", "train", "ours", "object"])
    return folder


def instance(path: Path) -> str:
    return path.stem.split("-")[0]


def test_products_show_themselves_another_of_their_category_or_anything(tmp_path: Path) -> None:
    data = write_data(tmp_path)
    products = draw_products(data, n=400)
    assert products == draw_products(data, n=400)
    assert products != draw_products(data, n=400, seed=1)
    for product in products:
        (own,) = {instance(path) for path in product.catalogue}
        shown = [instance(path) for path in product.documents]
        assert product.instance == ("ours", f"i{own}")
        assert (shown[0] == own) == product.is_shown
        assert len({*product.catalogue, *product.documents}) == len(product.catalogue) + len(product.documents)
        assert len(product.catalogue) <= MOST_CATALOGUE_IMAGES
        assert len(product.documents) <= MOST_DOCUMENT_IMAGES
        beside = {name for name in shown if name != shown[0]}
        assert all(int(name) // 3 != int(own) // 3 for name in beside)
    others = [p for p in products if not p.is_shown]
    alike = [int(instance(p.documents[0])) // 3 == int(instance(p.catalogue[0])) // 3 for p in others]
    assert 0.4 < len(others) / len(products) < 0.6
    assert 0.7 < np.mean(alike) < 0.9


def test_val_without_two_categories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two categories"):
        draw_products(write_data(tmp_path, categories=1))


class OfShades:
    """A scorer that compares the shades of two images, as far as documents leave them."""

    finds_regions = False

    def score_pairs(
        self, images_a: Sequence[Any], images_b: Sequence[Any], index: Sequence[tuple[int, int]], progress: Any = None
    ) -> PairScores:
        a, b = ([np.asarray(image).mean((0, 1))[0] for image in images] for images in (images_a, images_b))
        score = np.array([0.95 if abs(a[i] - b[j]) < 10 else 0.1 for i, j in index], np.float32)
        return PairScores(score, score, score)


def test_a_product_is_scored_with_its_own_images(tmp_path: Path) -> None:
    """With a scorer that is right about colours, the best pair tells the products but those that a grey scan hides."""
    products = draw_products(write_data(tmp_path), n=60)
    found = score_products(OfShades(), products)  # type: ignore[arg-type]
    assert np.allclose([np.exp(each[4]) for each in found], [len(p.catalogue) for p in products])
    assert np.allclose([np.exp(each[5]) for each in found], [len(p.documents) for p in products])
    right = [(each[0] > 0) == product.is_shown for each, product in zip(found, products, strict=True)]
    assert np.mean(right) > 0.75


def test_documents_degrade_images_and_keep_their_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (400, 640, 3), np.uint8)).save(tmp_path / "x.png")
    images = list(as_in_documents([tmp_path / "x.png"] * 50))
    assert {image.size for image in images} == {(320, 200)}
    pixels = np.array([np.asarray(image) for image in images], float)
    grey = (np.ptp(pixels, axis=3) < 1).mean((1, 2)) > 0.99
    assert 5 <= grey.sum() <= 15
    assert len({image.tobytes() for image in images}) > 25


def made_features(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evidence of n products whose labels follow known weights, and the labels."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 2, (n, len(FEATURES)))
    logit = values @ np.array([0.9, 0.4, 0.3, 0.2, -1.0, -0.6]) + 0.5
    return values, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float)


def test_the_fit_is_scikit_learns_where_every_weight_has_its_sign() -> None:
    values, label = made_features(3000, 0)
    model = fit_product_model(values.tolist(), label.astype(bool).tolist(), list(range(3000)))
    theirs = LogisticRegression(C=1 / (RIDGE * len(label)), tol=1e-8, max_iter=1000).fit(values, label)
    assert model.weights == pytest.approx(theirs.coef_[0], abs=2e-3)
    assert model.bias == pytest.approx(theirs.intercept_[0], abs=2e-3)


def test_a_weight_of_the_other_sign_is_zero() -> None:
    values, label = made_features(3000, 1)
    values[:, 0] *= -1
    values[:, 4] *= -1
    model = fit_product_model(values.tolist(), label.astype(bool).tolist(), list(range(3000)))
    assert (model.weights[0], model.weights[4]) == (0, 0)


def test_the_curve_is_of_instances_that_were_not_fitted_on() -> None:
    """Two of five instances are shown, and a feature names each of them: no other fold can learn what it means."""
    instance = np.repeat(np.arange(5), 50)
    values = np.zeros((250, len(FEATURES)))
    values[np.arange(250), instance] = np.where(instance < 2, 9.0, 0.0)
    model = fit_product_model(values.tolist(), (instance < 2).tolist(), instance.tolist())
    assert model.curve[0].coverage == 1
    assert model.curve[0].risk == round((100 + 1) / (250 + 2), 4)


def test_risk_and_coverage_are_counted() -> None:
    label, probability = np.array([1, 1, 0, 0, 1.0]), np.array([0.9, 0.4, 0.2, 0.7, 0.51])
    points = {point.confidence: (point.coverage, point.risk) for point in risk_coverage(label, probability)}
    assert points[0.5] == (1.0, round(3 / 7, 4))  # 2 of 5 are wrong
    assert points[0.52] == (0.8, round(3 / 6, 4))
    assert points[0.75] == (0.4, round(1 / 4, 4))
    assert points[0.9] == (0.2, round(1 / 3, 4))
    assert max(points) == 0.9
