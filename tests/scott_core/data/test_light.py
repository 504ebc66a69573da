"""The photometry of augmentation, held against Pillow's JPEG and OpenCV's blur, and its shares and ranges."""

import io

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scott_core.data import light
from scott_core.data.chance import Chance
from scott_core.data.light import degrade_, jpeg, relight
from scott_core.data.recipe import Recipe

CPU = torch.device("cpu")
SHARES = ("low_resolution", "blur", "grey", "jpeg")  # of the recipe, that `degrade_` follows
NO_DEGRADE = dict.fromkeys(SHARES, 0.0)
LIGHTS = ("gamma", "exposure", "temperature", "saturation", "gradient")


def natural(seed: int, side: int = 96) -> NDArray[np.uint8]:
    """Soft colours, shapes with sharp edges and some grain, [side, side, 3]."""
    rng = np.random.default_rng(seed)
    image = cv2.GaussianBlur(rng.normal(size=(side, side, 3)), (0, 0), 8)
    image = (image - image.min()) / (image.max() - image.min())
    for _ in range(4):
        corners = cv2.convexHull(rng.integers(0, side, (4, 2)).astype(np.int32))
        cv2.fillConvexPoly(image, corners, rng.uniform(0, 1, 3).tolist(), lineType=cv2.LINE_AA)
    return ((image + rng.normal(0, 0.02, image.shape)).clip(0, 1) * 255).round().astype(np.uint8)


def batch(*images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255)


def pixels(images: Tensor) -> NDArray[np.float32]:
    """[n, 3, S, S] in [0, 1] -> [n, S, S, 3] in [0, 255]."""
    return images.permute(0, 2, 3, 1).numpy() * 255


def pillows_jpeg(image: NDArray[np.uint8], quality: int) -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(file)


def changed(before: Tensor, after: Tensor) -> int:
    """The number of images that are no longer what they were."""
    return int((before != after).flatten(1).any(1).sum())


# Pillow's library rounds the chroma, and what is decoded, to integers before it goes on; `jpeg` does not. It is
# measured to make a mean difference of 0.8 to 1.3 of 255, and of 0.07 to 0.3 where there is no chroma.
@pytest.mark.parametrize(("grey", "bound"), [(False, 1.5), (True, 0.5)])
def test_jpeg_is_pillows(grey: bool, bound: float) -> None:
    qualities = (35, 60, 90)
    images = [natural(seed) for seed in range(3)]
    if grey:
        images = [image.mean(2, keepdims=True).astype(np.uint8).repeat(3, 2) for image in images]
    found = pixels(jpeg(batch(*images), torch.tensor(qualities, dtype=torch.float32)))
    for image, quality, ours in zip(images, qualities, found, strict=True):
        theirs = np.asarray(pillows_jpeg(image, quality).convert("RGB"), float)
        lost = np.abs(image - theirs).mean()
        apart = np.abs(ours - theirs).mean()
        assert apart < bound
        assert apart < lost / 4
        assert np.abs((ours - theirs).mean((0, 1))).max() < 0.2  # no colour is shifted


@pytest.mark.parametrize("quality", [10, 35, 50, 60, 90, 100])
def test_jpeg_quantises_by_the_tables_that_pillow_writes(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    quantised = light._quantised
    monkeypatch.setattr(light, "_quantised", lambda planes, *how: seen.append(how) or quantised(planes, *how))
    image = natural(0, 16)
    jpeg(batch(image), torch.tensor([float(quality)]))
    chroma, luma = seen
    tables = pillows_jpeg(image, quality).quantization
    for how, table in ((luma, tables[0]), (chroma, tables[1])):
        step = np.array(table, np.float64).reshape(8, 8)
        # 0.7 of a step becomes one step, of the size that was used; by no other size does it become Pillow's.
        block = torch.tensor(cv2.idct(0.7 * step), dtype=torch.float32)
        left = quantised(block[None, None], *how)[0, 0].double().numpy()
        np.testing.assert_allclose(cv2.dct(left), step, atol=0.01)


@pytest.mark.parametrize("largest", [0.8, 1.3])
def test_blur_is_opencvs(largest: float) -> None:
    images = [natural(seed, 48) for seed in range(4)]
    found = light._blur(batch(*images), Recipe(blur_sigma=largest), Chance(5, 0, CPU))
    drawn = Chance(5, 0, CPU).uniform(4, low=0.4, high=largest)
    assert drawn.max() - drawn.min() > 0.1
    for image, sigma, ours in zip(images, drawn.tolist(), found, strict=True):
        taps = (light.BLUR_TAPS, light.BLUR_TAPS)
        theirs = cv2.GaussianBlur(np.float32(image) / 255, taps, sigma, borderType=cv2.BORDER_REPLICATE)
        np.testing.assert_allclose(ours.permute(1, 2, 0).numpy(), theirs, atol=1e-4)


def test_relight_keeps_hues_and_the_range() -> None:
    pure = [(0.7, 0.3, 0.15), (0.15, 0.7, 0.3), (0.3, 0.15, 0.7), (0.6, 0.15, 0.3)]
    images = torch.tensor(pure).repeat(16, 1)[:, :, None, None].repeat(1, 1, 16, 16)
    for step in range(10):
        found = relight(images.clone(), Recipe(), Chance(0, step, CPU))
        assert (found.argmax(1) == images.argmax(1)).all()
        assert (found.argmin(1) == images.argmin(1)).all()
        assert found.min() >= 0
        assert found.max() <= 1
        assert (found - images).abs().amax((1, 2, 3)).min() > 0.005  # none is left as it was
    loud = relight(torch.rand(32, 3, 16, 16), Recipe(light=5.0), Chance(0, 0, CPU))
    assert loud.isfinite().all()
    assert (loud.min(), loud.max()) == (0, 1)


def test_without_light_an_image_is_as_it_was() -> None:
    images = batch(*(natural(seed, 32) for seed in range(3)))
    np.testing.assert_allclose(relight(images.clone(), Recipe(light=0.0), Chance(1, 2, CPU)), images, atol=1.1e-4)


def test_each_change_of_light_is_what_its_field_says() -> None:
    """One at a time, of 4000 dim images; what is drawn is read back from their pixels."""
    n, side = 4000, 8
    dim = torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0)) * 0.15 + 0.1

    def ratio(field: str, value: float) -> Tensor:
        recipe = Recipe(**{**dict.fromkeys(LIGHTS, 0.0), field: value})
        return torch.log(relight(dim.clone(), recipe, Chance(3, 1, CPU)) / dim)

    exposure = ratio("exposure", 0.12)
    assert exposure.flatten(1).std(1).max() < 1e-4
    assert exposure[:, 0, 0, 0].std() == pytest.approx(0.12, rel=0.05)
    temperature = ratio("temperature", 0.05)
    np.testing.assert_allclose(temperature[:, 0], -temperature[:, 2], atol=1e-4)
    np.testing.assert_allclose(temperature[:, 1], 0, atol=1e-4)
    assert temperature[:, 0, 0, 0].std() == pytest.approx(0.05, rel=0.05)
    gradient = ratio("gradient", 0.3)
    np.testing.assert_allclose(gradient + gradient.flip(2, 3), 0, atol=1e-4)  # straight, and 0 in the middle
    across = gradient[:, 0, 0, -1] - gradient[:, 0, 0, 0]  # from the first pixel's centre to the last one's
    assert across.std() == pytest.approx(0.3 * (side - 1) / side, rel=0.05)
    gamma = 1 + ratio("gamma", 0.18) / torch.log(dim)
    assert gamma.flatten(1).std(1).max() < 1e-3
    assert torch.log(gamma[:, 0, 0, 0]).std() == pytest.approx(0.18, rel=0.05)


def test_degrade_with_no_shares_changes_nothing() -> None:
    images = batch(*(natural(seed, 32) for seed in range(8)))
    assert torch.equal(degrade_(images.clone(), Recipe(**NO_DEGRADE), Chance(0, 0, CPU)), images)


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize(("share", "expected"), [(0.25, 12), (1.0, 48)])
def test_degrade_changes_the_share_that_the_recipe_says(name: str, share: float, expected: int) -> None:
    images = torch.rand(48, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    recipe = Recipe(**{**NO_DEGRADE, name: share})
    assert {changed(images, degrade_(images.clone(), recipe, Chance(0, step, CPU))) for step in range(5)} == {expected}


def test_grey_scans_are_luma_with_another_contrast_and_grain() -> None:
    images = [(natural(seed, 48) * 0.35 + 83).astype(np.uint8) for seed in range(8)]  # so that nothing is clipped
    found = degrade_(batch(*images), Recipe(**{**NO_DEGRADE, "grey": 1.0}), Chance(0, 0, CPU))
    assert (found == found[:, :1]).all()
    contrasts = []
    for image, ours in zip(images, found[:, 0].numpy(), strict=True):
        luma = np.asarray(Image.fromarray(image).convert("L"), float) / 255
        contrast, brightness = np.polyfit(luma.flatten() - 0.5, ours.flatten(), 1)
        contrasts.append(contrast)
        assert brightness == pytest.approx(0.5, abs=0.01)
        assert (ours - (luma - 0.5) * contrast - brightness).std() == pytest.approx(0.03, rel=0.1)
    assert np.std(np.log(contrasts)) == pytest.approx(0.3, rel=0.6)


def test_grey_scans_stay_grey_through_jpeg() -> None:
    images = batch(*(natural(seed, 48) for seed in range(8)))
    found = degrade_(images, Recipe(grey=1.0, jpeg=1.0), Chance(0, 0, CPU))
    assert (found == found[:, :1]).all()
