"""The predictor over a real network: batching, order and masks do not change what a pair scores."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scott_core.card import Card
from scott_core.checkpoint import Checkpoint
from scott_core.data.synthetic.cartons import carton_on_white
from scott_core.inference.engine import BatchSizes
from scott_core.model.registry import build
from scott_core.overlay import draw_match
from scott_core.predictor import Predictor

ARCHITECTURE = {
    "encoder": {"name": "twin_lite0", "d": 16, "exchange": "attention"},
    "merge": {"name": "matcher+region_embedding", "k": 4},
    "alpha": 0.5,
}
CARD: dict[str, Any] = {
    "name": "small", "sha256": "0" * 64, "architecture": ARCHITECTURE,
    "image_size": 64, "threshold": 0.5, "slope": 1.0, "bias": 0.0,
}  # fmt: skip


def carton(seed: int, view: int, size: int = 96) -> Image.Image:
    return carton_on_white(seed, view, size=size)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    torch.manual_seed(0)
    return Predictor(Checkpoint(build(ARCHITECTURE).eval(), Card.of(CARD)), device="cpu")


IMAGES_A = [carton(seed, 0) for seed in range(3)]
IMAGES_B = [carton(seed, 1, 64 + 32 * seed) for seed in range(4)]
PAIRS = [(i, j) for i in range(3) for j in range(4)]


def test_a_cartesian_product_scores_as_its_pairs_do(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor.engine, "batch_sizes", BatchSizes(2, 5, 0))
    scores = predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS)
    assert scores.score.dtype == scores.region_a.dtype == np.float32
    for n, (i, j) in enumerate(PAIRS):
        alone = predictor.match(IMAGES_A[i], IMAGES_B[j])
        assert scores.score[n] == pytest.approx(alone.score, abs=1e-5)
    backwards = predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS[::-1])
    np.testing.assert_allclose(backwards.score[::-1], scores.score, atol=1e-5)


def test_logits_at_alphas_are_those_of_models_with_these_alphas(predictor: Predictor) -> None:
    alphas = (0.0, 0.49, 0.51)
    found = predictor.logits_at(alphas, IMAGES_A, IMAGES_B, PAIRS)
    assert found.shape == (len(PAIRS), len(alphas))
    for alpha, logits in zip(alphas, found.T, strict=True):
        torch.manual_seed(0)
        alone = Predictor(Checkpoint(build({**ARCHITECTURE, "alpha": alpha}).eval(), Card.of(CARD)), device="cpu")
        np.testing.assert_allclose(
            1 / (1 + np.exp(-logits)), alone.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score, atol=1e-5
        )
    assert len(np.unique(found.round(4), axis=1).T) == len(alphas)


def test_progress_counts_every_pair_and_no_pairs_is_no_error(predictor: Predictor) -> None:
    done: list[int] = []
    predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS, progress=done.append)
    assert sum(done) == len(PAIRS)
    assert predictor.score_pairs(IMAGES_A, IMAGES_B, []).score.shape == (0,)
    assert predictor.score_pairs([], [], []).score.shape == (0,)


def test_masks_have_the_images_own_sizes_and_are_drawn(predictor: Predictor) -> None:
    a, b = carton(1, 0).crop((0, 0, 90, 50)), carton(1, 1)
    match = predictor.match(a, b)
    assert match.mask_a.shape == (50, 90)
    assert match.mask_b.shape == (96, 96)
    assert 0 <= match.mask_a.min() <= match.mask_a.max() <= 1
    assert draw_match(a, b, match).size[1] == 348
