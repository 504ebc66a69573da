"""Scorers by name: what each prefers, and what is said of a name that is unknown."""

import numpy as np
import pytest
from PIL import Image

from scott_core.data.synthetic.cartons import carton_on_white
from scott_core.errors import InputError
from scott_core.scorers import BASELINES, METHODS, load_scorer


def test_every_method_has_a_name() -> None:
    assert METHODS == ("scott", "orb", "embedding", "lightglue", "superglue", "saliency")
    assert "scott" not in BASELINES


@pytest.mark.parametrize("method", ["orb", "embedding"])
def test_a_baseline_prefers_the_same_carton(method: str) -> None:
    scorer = load_scorer(method)
    scores = scorer.score_pairs(
        [carton_on_white(40, 0, size=256)],
        [carton_on_white(40, 0, size=256), carton_on_white(81, 3, size=256)],
        [(0, 0), (0, 1)],
    )
    assert scores.score[0] > scores.score[1]
    assert scores.score.min() >= 0
    assert scores.score.max() <= 1
    with pytest.raises(InputError, match="no weights"):
        load_scorer(method, "default")


def test_a_blank_image_is_legal_everywhere() -> None:
    blank = Image.new("RGB", (40, 40), "white")
    for method in ("orb", "embedding"):
        assert np.isfinite(load_scorer(method).score_pairs([blank], [blank], [(0, 0)]).score).all()
    with pytest.raises(InputError, match="unknown method"):
        load_scorer("sift")
