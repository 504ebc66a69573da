"""Training images and their masks: aligned to the pixel through every warp and crop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates
from scipy.special import expit
from torch import Tensor

from scott_core.data import warps
from scott_core.data.compose import AVERAGED_BELOW, Composer
from scott_core.data.recipe import Recipe
from scott_core.data.warps import GRID, Placement
from tests.scott_core.data.small_stores import (
    BARE,
    CUTOUTS,
    SIDE,
    SIZE,
    WARPED,
    Source,
    cutout,
    photograph,
    plain_photograph,
    shape,
    show,
    store_of,
)


@dataclass(frozen=True)
class Read:
    """The arguments of one call of Composer._read."""

    view: Tensor
    box: Tensor
    placement: Placement
    scale: Tensor
    photographed: Tensor


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Read]:
    """Collects the arguments of Composer._read, which still works."""
    found: list[Read] = []
    read = Composer._read

    def spy(self: Composer, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        found.append(Read(*arguments))
        return read(self, *arguments)

    monkeypatch.setattr(Composer, "_read", spy)
    return found


@pytest.fixture
def black(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object stands before black, and no fold darkens it."""
    monkeypatch.setattr(Composer, "_ground", lambda self, group, chance: torch.zeros(len(group), 3, SIZE, SIZE))
    monkeypatch.setattr(warps, "FOLD_SHADE", 0.0)


def expected_mask(alpha: NDArray[np.float64], read: Read, n: int) -> NDArray[np.float64]:
    """The mask of image n by SciPy, from alpha [h, h] in [0, 1] of the whole square: linear, 0 outside."""
    placement = Placement(*(getattr(read.placement, name)[n] for name in Placement.__dataclass_fields__))
    matrix, centre, bend, normal = (
        each.double().numpy() for each in (placement.matrix, placement.centre, placement.bend, placement.fold_normal)
    )
    line = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    p = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    knots = np.linspace(-0.5, 0.5, GRID)
    control = np.stack(np.meshgrid(knots, knots), -1).reshape(-1, 2)
    q = (p - centre) @ matrix.T + RBFInterpolator(control, bend, kernel="thin_plate_spline", degree=1)(p)
    across = q @ normal - placement.fold_offset.item()
    q += placement.fold_depth.item() * expit(warps.FOLD_SHARPNESS * across)[:, None] * normal
    x0, y0, x1, y1 = read.box[n].tolist()
    source = (q * max(x1 - x0, y1 - y0) + ((x0 + x1) / 2, (y0 + y1) / 2)) * len(alpha) / SIDE - 0.5
    return map_coordinates(alpha, source.T[::-1], order=1, mode="grid-constant").reshape(SIZE, SIZE)


@pytest.mark.usefixtures("black")
@pytest.mark.parametrize("level", [255, 100])
def test_masks_are_aligned_to_the_pixel(level: int, reads: list[Read]) -> None:
    store = store_of([cutout(k, (level, level, level)) for k in range(4)])
    for seed in range(30):
        shown = show(store, WARPED, seed, [0, 1, 2, 3] * 2)
        assert shown.has_mask.all()
        assert shown.masks.flatten(1).sum(1).min() > 20
        difference = (shown.images - shown.masks * level / 255).abs()
        # An opacity below 1/1000 is drawn a little too faint, so that no division by it gets out of hand.
        assert difference[(shown.masks >= 1e-3).expand_as(difference)].max() < 1e-5
        assert difference.max() < 1e-3
    assert all((read.placement.fold_depth > 0.04).all() for read in reads)
    assert all(read.placement.bend.std() > 0.05 for read in reads)


def test_masks_are_those_of_an_independent_warp(reads: list[Read], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Composer, "_averaged", 0.0)
    store = store_of(CUTOUTS)
    for seed in range(12):
        mask = show(store, WARPED, seed, [seed % 4]).masks[0, 0].numpy()
        expected = expected_mask(shape(seed) / 255, reads[-1], 0)
        assert expected.sum() > 20
        np.testing.assert_allclose(mask, expected, atol=2e-3)


def test_what_is_scaled_down_most_is_read_from_averages(reads: list[Read]) -> None:
    store = store_of(CUTOUTS)
    n_averaged = round(6 * Composer(store, WARPED, SIZE)._averaged)
    wrong = 0
    for seed in range(6):
        masks = show(store, WARPED, seed, [0, 1, 2, 3, 0, 1]).masks
        box = reads[-1].box
        zoom = reads[-1].scale * SIZE / (box[:, 2:] - box[:, :2]).amax(1)
        down_most = zoom.argsort()[:n_averaged].tolist()
        wrong += abs(int((zoom < AVERAGED_BELOW).sum()) - n_averaged)
        for n in range(6):
            alpha = shape(n % 4) / 255
            if n in down_most:
                alpha = alpha.reshape(SIDE // 2, 2, SIDE // 2, 2).mean((1, 3))
            np.testing.assert_allclose(masks[n, 0].numpy(), expected_mask(alpha, reads[-1], n), atol=2e-3)
    assert 1 < n_averaged < 5
    assert wrong < 12  # of 36, by chance


def test_photographs_are_never_read_from_averages() -> None:
    store = store_of([plain_photograph((10, 20, 30))] * 3)
    assert Composer(store, Recipe(), SIZE)._averaged == 0


RECTANGLE = np.zeros((SIDE, SIDE), np.uint8)
RECTANGLE[16:48, 14:40] = 255
CONTENTS = [(0, 8, SIDE, 56), (6, 0, 50, SIDE), (0, 0, SIDE, SIDE), (10, 12, 44, 52)]


def test_photographs_are_cropped_and_their_masks_follow(reads: list[Read]) -> None:
    store, recipe = store_of([photograph(RECTANGLE, content) for content in CONTENTS]), replace(BARE, crop_loss=0.12)
    view = [0, 1, 2, 3] * 2
    line = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    p = np.stack(np.meshgrid(line, line))
    for seed in range(20):
        shown = show(store, recipe, seed, view)
        red, green, blue = shown.images.numpy().transpose(1, 0, 2, 3)
        np.testing.assert_allclose(red - green, shown.masks[:, 0], atol=2e-4)
        np.testing.assert_allclose(blue, green, atol=1e-6)
        for n, box in enumerate(reads[-1].box.numpy()):
            content = store.content[view[n]].numpy()
            assert (box[:2] >= content[:2]).all()
            assert (box[2:] <= content[2:]).all()
            extent = box[2:] - box[:2]
            source = p * extent.max() + (box[:2] + box[2:])[:, None, None] / 2
            in_frame = (np.abs(p) < (extent / extent.max() / 2)[:, None, None]).all(0)
            assert (shown.images[n].numpy()[:, ~in_frame] == 1).all()
            # What lies around the content is at most one pixel of the source away where averages of 2 x 2 are read.
            clear = in_frame & (source >= content[:2, None, None] + 1).all(0)
            clear &= (source <= content[2:, None, None] - 1).all(0)
            assert clear.sum() > 0.8 * in_frame.sum()
            assert green[n][clear].max() < 2e-4


def test_a_crop_keeps_most_of_the_object(reads: list[Read]) -> None:
    store = store_of([photograph(RECTANGLE, content) for content in CONTENTS])
    kept = []
    for loss in (0.0, 0.12):
        for seed in range(40):
            masks = show(store, replace(BARE, crop_loss=loss), seed, [0, 1, 2, 3]).masks
            box = reads[-1].box
            longer = (box[:, 2:] - box[:, :2]).amax(1)
            share = masks.sum((1, 2, 3)) * (longer / SIZE) ** 2 / (RECTANGLE > 0).sum()
            seen = (torch.minimum(box, store.box)[:, 2:] - torch.maximum(box, store.box)[:, :2]).prod(1)
            np.testing.assert_allclose(share, seen / (RECTANGLE > 0).sum(), atol=0.05)
            assert seen.min() >= (1 - 2 * loss) ** 2 * (RECTANGLE > 0).sum() - 0.1
            kept.append(seen / (RECTANGLE > 0).sum())
    whole, cropped = torch.stack(kept).chunk(2)
    assert (whole > 0.999).all()
    assert 0.05 < (cropped < 0.999).float().mean() < 0.95  # some are cut, others whole


@pytest.mark.parametrize("loss", [0.0, 0.12])
def test_a_photograph_of_one_colour_stays_of_one_colour(loss: float) -> None:
    """No edge is darkened by what lies around the square."""
    store = store_of([plain_photograph((200, 120, 60))] * 8)
    for seed in range(20):
        images = show(store, replace(BARE, crop_loss=loss), seed, range(8)).images
        in_frame = images.amin(1) < 0.99
        for channel, value in enumerate((200, 120, 60)):
            np.testing.assert_allclose(images[:, channel][in_frame], value / 255, atol=1e-3)


def test_only_a_photograph_that_has_a_ground_keeps_it(reads: list[Read]) -> None:
    ground = replace(cutout(0), has_ground=True)
    store = store_of([cutout(0), ground, plain_photograph((90, 90, 90))] * 20)
    shown = show(store, replace(BARE, as_photographed=0.4), 0, range(60))
    cut, with_ground, photographed = reads[-1].photographed.view(20, 3).T
    assert not cut.any()
    assert 0.1 < with_ground.float().mean() < 0.7
    assert photographed.all()
    assert shown.has_mask.tolist() == [True, True, False] * 20
    assert not shown.masks[2::3].any()


@pytest.mark.parametrize(
    ("family", "may_mirror", "may_fold"), [("garment", True, True), ("toy", True, False), ("carton", False, False)]
)
def test_print_is_never_mirrored_and_what_is_rigid_never_folds(
    family: str, may_mirror: bool, may_fold: bool, reads: list[Read]
) -> None:
    show(store_of(CUTOUTS, family=family), replace(BARE, fold=0.5), 0, [0, 1, 2, 3] * 50)
    placement = reads[-1].placement
    assert (torch.linalg.det(placement.matrix) < 0).float().mean() == pytest.approx(0.5 * may_mirror, abs=0.1)
    assert (placement.fold_depth > 0).float().mean() == pytest.approx(0.5 * may_fold, abs=0.1)
    assert placement.bend.std() == pytest.approx(0.05 if may_fold else 0.01, rel=0.1)


def test_objects_are_as_large_as_the_recipe_says() -> None:
    """A square object's share of the image is its side's square; none is turned, bent or moved."""
    square = np.zeros((SIDE, SIDE), np.uint8)
    square[10:50, 10:50] = 255
    still = {"turn": 0, "shear": 0, "stretch": 0, "bend": 0, "fold": 0, "off_centre": 0, "upright": 1}
    recipe = replace(BARE, **still, smallest=0.25, largest=0.9, close_up=0)
    source = Source(np.dstack([np.full((SIDE, SIDE, 3), 255, np.uint8), square]))
    side = show(store_of([source] * 400), recipe, 0, range(400)).masks.mean((1, 2, 3)).sqrt()
    assert 0.24 < side.min() < 0.28
    assert 0.85 < side.max() < 0.91
    assert side.log().mean() == pytest.approx((np.log(0.25) + np.log(0.9)) / 2, abs=0.06)  # log-uniform


def test_a_batch_is_made_again_as_it_was() -> None:
    store = store_of([*CUTOUTS, photograph(RECTANGLE, CONTENTS[0])], [plain_photograph((90, 140, 90))])
    first, again, other = (show(store, Recipe(), seed, range(5)) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.masks, again.masks)
    assert not torch.equal(first.images, other.images)
    assert not torch.equal(first.masks, other.masks)


def test_images_and_masks_keep_their_range() -> None:
    store = store_of([*CUTOUTS, photograph(RECTANGLE, CONTENTS[0])], [plain_photograph((90, 140, 90))])
    for seed in range(20):
        shown = show(store, replace(Recipe(), light=3.0), seed, range(5))
        for values in (shown.images, shown.masks):
            assert -1e-6 < values.min() < 0.1
            assert 0.9 < values.max() < 1 + 1e-6
