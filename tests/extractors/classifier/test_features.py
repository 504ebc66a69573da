"""Features are named, bounded and what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.classifier.features import FEATURES, Origin, measure, vector
from extractors.classifier.training import codes
from extractors.classifier.training.samples import GRAPHICS
from tests.extractors import pdfs


def test_values_are_placed_by_name() -> None:
    values = {name: place / len(FEATURES) for place, name in enumerate(FEATURES)}
    backwards = dict(reversed(values.items()))
    assert vector(backwards).tolist() == list(values.values())


@pytest.mark.parametrize("name", ["a new one", FEATURES[0]], ids=["unknown", "twice"])
def test_a_feature_without_a_place_of_its_own_is_refused(name: str) -> None:
    values = dict.fromkeys(FEATURES, 0.5)
    with pytest.raises(ValueError, match=name):
        vector(values, {name: 0.5})
    with pytest.raises(ValueError, match=FEATURES[3]):
        vector({name: value for name, value in values.items() if name != FEATURES[3]})


@pytest.mark.parametrize("origin", ["embedded", "scanned"])
def test_features_are_shares(origin: Origin) -> None:
    one_colour = [np.full((40, 40, 3), level, np.uint8) for level in (0, 128, 255)]
    for pixels in (pdfs.photograph(1), pdfs.logo(), *one_colour, np.zeros((1, 60, 3), np.uint8)):
        features = measure(pixels, origin)
        assert features.shape == (len(FEATURES),)
        assert ((features >= 0) & (features <= 1)).all()


def test_a_margin_changes_no_feature_but_by_its_resampling() -> None:
    photo = pdfs.photograph(3, 200, 240)
    framed = np.pad(photo, ((40, 40), (30, 30), (0, 0)), constant_values=255)
    assert np.abs(measure(photo, "embedded") - measure(framed, "embedded")).max() < 1e-9


def test_features_of_an_image_whose_measures_are_known() -> None:
    """Four black bars of six pixels, ten of white between them, over the whole height."""
    row = np.tile(np.repeat(np.array([0, 255], np.uint8), (6, 10)), 4)[:-10]
    pixels = np.repeat(np.repeat(row[None, :, None], 48, axis=0), 3, axis=2)
    value = dict(zip(FEATURES, measure(pixels, "embedded").tolist(), strict=True))
    assert value["saturation"] == value["soft_steps"] == value["diagonal"] == 0
    assert value["two_tone"] == value["upright"] == 1
    assert value["bars"] == pytest.approx(1)
    assert value["bar_changes"] == pytest.approx(6 / 128)
    assert value["row_runs"] == pytest.approx(6 / 64)
    assert value["column_runs"] == 0
    assert value["wide"] == pytest.approx(54 / (54 + 48))


def test_finder_patterns_are_counted_in_qr_codes_alone() -> None:
    place, rng = FEATURES.index("finders"), np.random.default_rng(1)
    found = [measure(codes.qr_code(rng), "embedded")[place] for _ in range(10)]
    others = [
        measure(make(rng), "embedded")[place] for make in (*GRAPHICS["text"], *GRAPHICS["table"]) for _ in range(10)
    ]
    assert np.median(found) > 2 * max(np.median(others), 0.02)
