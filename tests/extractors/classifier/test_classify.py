"""An image that is no photograph is excluded with a reason; photographs are kept."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors import extract_document
from extractors.classifier import classify as classify_module
from extractors.classifier.classify import CLASSES, classify, load_network
from extractors.classifier.features import Origin, measure
from extractors.classifier.training.samples import GRAPHICS
from extractors.doubt import LIKELY
from tests.extractors import pdfs

Change = Callable[[pdfs.Pixels], pdfs.Pixels]


def test_a_logo_a_tiny_image_and_a_rule_are_excluded_with_a_reason(tmp_path: Path) -> None:
    rule = np.zeros((40, 500, 3), np.uint8)
    rule[:36] = 255
    tiny = pdfs.photograph(1, 20, 20)
    images = [((40.0, 20.0), pdfs.logo()), ((40.0, 200.0), tiny), ((40.0, 300.0), rule)]
    images.append(((40.0, 400.0), pdfs.photograph(6)))
    extraction = extract_document(pdfs.with_images(tmp_path / "a.pdf", images), tmp_path)
    assert extraction.status == "ok"
    logo, small, line, photo = extraction.images
    assert (logo.image_class, logo.used, logo.file is not None) == ("logo", False, True)
    assert (small.image_class, small.used, small.file) == ("too_small", False, None)
    assert (line.image_class, line.used) == ("line", False)
    assert (photo.image_class, photo.used, photo.reason) == ("photo", True, None)
    for image in (logo, small, line):
        assert image.reason is not None
        assert image.reason.startswith(f"{image.image_class}: ")
    assert re.fullmatch(r"logo: probability 0\.\d\d; photo 0\.\d\d", str(logo.reason))


@pytest.mark.parametrize("name", GRAPHICS)
@pytest.mark.parametrize("origin", ["embedded", "scanned"])
def test_drawn_graphics_are_told_from_photographs_and_from_each_other(name: str, origin: Origin) -> None:
    """Fresh drawings, of another seed than the training's, ten of each kind."""
    rng = np.random.default_rng(12345)
    judged = [classify(make(rng), origin) for make in GRAPHICS[name] for _ in range(10)]
    given = [each.image_class for each in judged]
    assert given.count("photo") <= 0.15 * len(given)
    assert sum(each.photo_probability >= LIKELY for each in judged) <= 0.03 * len(given)
    assert given.count(name) >= 0.6 * len(given), given


def test_blank_and_line_are_definitions() -> None:
    assert classify(np.full((90, 120, 3), 250, np.uint8), "embedded").image_class == "blank"
    rule = np.full((40, 500, 3), 255, np.uint8)
    rule[18:22, 20:480] = 0
    assert classify(rule, "embedded").image_class == "line"


def test_probabilities_sum_to_one_and_move_with_the_features() -> None:
    features = np.stack([measure(pixels, "embedded") for pixels in (pdfs.photograph(1), pdfs.logo())])
    probabilities = load_network("embedded").probabilities(features)
    assert probabilities.shape == (2, len(CLASSES))
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert [CLASSES[place] for place in probabilities.argmax(axis=1)] == ["photo", "logo"]


def test_weights_of_other_features_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = json.loads(classify_module.WEIGHTS.read_text())
    other = tmp_path / "classes.json"
    other.write_text(json.dumps(shipped | {"features": shipped["features"][::-1]}))
    monkeypatch.setattr(classify_module, "WEIGHTS", other)
    load_network.cache_clear()
    with pytest.raises(ValueError, match="other features than the code"):
        load_network("embedded")
    load_network.cache_clear()


def _grey(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)


def _small(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA), np.uint8)


def _pale(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return (255 - (255 - pixels.astype(np.float32)) * 0.3).astype(np.uint8)


def _dark(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return (pixels * 0.35).astype(np.uint8)


def _jpeg(pixels: pdfs.Pixels) -> pdfs.Pixels:
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 25])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("change", [np.asarray, _grey, _small, _pale, _dark, _jpeg], ids=lambda change: change.__name__)
def test_real_photographs_are_kept(shared_data: Path, change: Change) -> None:
    with (shared_data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"][::6]
    kept = []
    for row in rows:
        pixels = cv2.imread(str(shared_data / row["image"]), cv2.IMREAD_COLOR_RGB)
        assert pixels is not None
        kept.append(classify(change(np.asarray(pixels, np.uint8)), "embedded").image_class == "photo")
    assert np.mean(kept) > 0.97
