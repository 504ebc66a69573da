"""The code of a mask: an evidence image drawn from it shows the region that the network found."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from scott_core.match import REGION_SIDE, decode_mask, encode_mask
from scott_core.predictor import Predictor


@pytest.mark.parametrize("size", [(240, 320), (500, 90), (32, 32)])
def test_a_disc_survives_its_code(size: tuple[int, int]) -> None:
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    distance = np.hypot((y - 0.4 * size[0]) / size[0], (x - 0.6 * size[1]) / size[1])
    logits = ((0.25 - distance) * 20).astype(np.float32)
    alpha = 0.3
    region = logits > np.log(alpha / (1 - alpha))
    code = encode_mask(logits, alpha)
    assert len(code) == REGION_SIDE**2
    found = decode_mask(code, size) > 0.5
    assert (found & region).sum() / (found | region).sum() > 0.96


@pytest.mark.parametrize("size", [(320, 240), (120, 400)])
def test_the_codes_of_a_pair_are_its_masks(size: tuple[int, int]) -> None:
    """Against the masks of `matches`, which are resized by torch, in the image's own pixels."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (7, 9, 3), np.uint8)
    image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    other = image.rotate(5, fillcolor="white")
    predictor = Predictor.load("default", precision="float32", device="cpu")
    scores = predictor.score_pairs([image], [other], [(0, 0)])
    assert scores.masks is not None
    match = predictor.match(image, other)
    for code, mask in zip(scores.masks(0), (match.mask_a, match.mask_b), strict=True):
        found, expected = decode_mask(code, mask.shape) > 0.5, mask > match.alpha
        assert (found != expected).mean() < 0.02
        logit = np.log(mask / (1 - mask)) - np.log(match.alpha / (1 - match.alpha))
        coded = decode_mask(code, mask.shape)
        inner = np.abs(logit) < 4
        assert np.abs(np.log(coded / (1 - coded)) - logit)[inner].mean() < 0.2
