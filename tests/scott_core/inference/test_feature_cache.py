"""The feature cache: a row for each image, and no score that depends on its size."""

from typing import Any

import numpy as np
import pytest
import torch

from scott_core.checkpoint import Checkpoint
from scott_core.inference.engine import BatchSizes
from scott_core.inference.feature_cache import FeatureCache
from scott_core.predictor import Predictor
from tests.scott_core.inference.small import ENCODERS, IMAGES_A, IMAGES_B, PAIRS, small_checkpoint


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    return small_checkpoint(ENCODERS[3])


def test_an_image_put_twice_takes_one_row() -> None:
    cache = FeatureCache()
    cache.put([b"x", b"y"], (torch.tensor([1.0, 2.0]),), 3)
    cache.put([b"y", b"z"], (torch.tensor([3.0, 4.0]),), 3)
    assert cache.take([b"x", b"y", b"z"])[0].tolist() == [1, 3, 4]
    cache.touch(b"x")
    cache.put([b"w"], (torch.tensor([5.0]),), 3)
    assert b"y" not in cache
    assert cache.take([b"x", b"z", b"w"])[0].tolist() == [1, 4, 5]


@pytest.mark.parametrize(
    "sizes", [BatchSizes(1, 1, 0), BatchSizes(2, 5, 0), BatchSizes(3, 4, 1), BatchSizes(64, 64, 1 << 30)]
)
@pytest.mark.parametrize("encoder", [ENCODERS[0], ENCODERS[3]], ids=["roles", "no roles"])
def test_room_for_few_images_changes_no_score(encoder: dict[str, Any], sizes: BatchSizes) -> None:
    made = small_checkpoint(encoder)
    images = [*IMAGES_A, *IMAGES_B]
    pairs = [(i, (i + 1 + turn) % 7) for turn in range(6) for i in range(0, 7, 2)]  # neighbours share no image
    wanted = Predictor(made, device="cpu").score_pairs(images, images, pairs)
    predictor = Predictor(made, device="cpu")
    predictor.engine.batch_sizes = sizes
    found = predictor.score_pairs(images, images, pairs[::-1])
    np.testing.assert_allclose(found.score[::-1], wanted.score, atol=1e-5)
    np.testing.assert_allclose(found.region_b[::-1], wanted.region_b, atol=1e-5)


def test_forgotten_features_leave_their_memory(small: Checkpoint) -> None:
    """New pages of memory would cost a twentieth of a product's time."""
    predictor = Predictor(small, device="cpu")
    wanted = predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score
    places = [part.data_ptr() for part in predictor.engine._caches["a"]._parts]
    predictor.engine.forget()
    np.testing.assert_array_equal(predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score, wanted)
    assert [part.data_ptr() for part in predictor.engine._caches["a"]._parts] == places
