"""Grounds, scenes, distractors and occluders: before and behind the object, and never in its mask."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from scott_core.data import warps
from scott_core.data.chance import Chance
from scott_core.data.compose import Composer
from tests.scott_core.data.small_stores import (
    BARE,
    CUTOUTS,
    SIZE,
    WARPED,
    cutout,
    plain_photograph,
    show,
    store_of,
)


def test_what_an_occluder_hides_is_taken_out_of_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 8
    level = torch.arange(1, n + 1) / (n + 1)

    def blue(self: Composer, group: Tensor, chance: Chance) -> Tensor:
        return torch.stack([torch.zeros(n), torch.zeros(n), level], 1)[:, :, None, None].repeat(1, 1, SIZE, SIZE)

    monkeypatch.setattr(Composer, "_ground", blue)
    monkeypatch.setattr(warps, "FOLD_SHADE", 0.0)
    store = store_of(CUTOUTS)
    hidden_share = []
    for seed in range(40):
        free = show(store, WARPED, seed, [0, 1, 2, 3] * 2)
        occluded = show(store, replace(WARPED, occluder=1.0, occluder_side=0.9), seed, [0, 1, 2, 3] * 2)
        hidden = occluded.masks != free.masks
        assert (occluded.masks[hidden] == 0).all()
        share = 1 - occluded.masks.sum((1, 2, 3)) / free.masks.sum((1, 2, 3))
        assert share.max() <= 0.5 + 1e-6
        hidden_share.append(share)
        red, blues = occluded.images[:, :1], occluded.images[:, 2:]
        np.testing.assert_allclose(red, occluded.masks, atol=1e-3)
        own = level.view(n, 1, 1, 1).expand_as(blues)
        assert ((blues - own).abs()[hidden] > 0.1).all()  # another image's ground is seen there
        assert (torch.isclose(blues[hidden][:, None], level, atol=1e-5)).any(1).all()
    every = torch.stack(hidden_share)
    assert (every > 0.02).float().mean() > 0.3
    assert every.max() > 0.3


def test_no_more_than_the_share_is_occluded() -> None:
    store = store_of(CUTOUTS)
    counts = []
    for seed in range(30):
        free, occluded = (show(store, replace(WARPED, occluder=share), seed, [0, 1, 2, 3] * 2) for share in (0, 0.25))
        counts.append(int((free.images != occluded.images).flatten(1).any(1).sum()))
    assert max(counts) == 2  # of 8


@pytest.mark.parametrize("change", [{"plain": 0.0}, {"distractor": 1.0}, {"plain": 0.0, "distractor": 1.0}])
def test_scenes_and_distractors_stay_behind_the_object(change: dict[str, float]) -> None:
    store = store_of([cutout(k, (220, 10 + 60 * k, 10)) for k in range(4)], [plain_photograph((90, 90, 90))])
    n_moved = []
    for seed in range(15):
        before, after = (show(store, recipe, seed, [0, 1, 2, 3]) for recipe in (WARPED, replace(WARPED, **change)))
        assert torch.equal(before.masks, after.masks)
        solid = (before.masks > 0.9999).expand(-1, 3, -1, -1)
        np.testing.assert_allclose(after.images[solid], before.images[solid], atol=1e-3)
        moved = (before.images - after.images).abs().amax(1, keepdim=True) > 0.02
        n_moved.append((moved & (before.masks < 1e-3)).sum((1, 2, 3)))
    assert (torch.stack(n_moved) > 20).float().mean() > 0.8  # beside the object there is another ground


def test_a_distractor_stands_on_the_ground_and_does_not_replace_it(monkeypatch: pytest.MonkeyPatch) -> None:
    blue = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(-1, -1, SIZE, SIZE)
    monkeypatch.setattr(Composer, "_plain", lambda self, n, chance: blue.expand(n, -1, -1, -1))
    monkeypatch.setattr(warps, "FOLD_SHADE", 0.0)
    store = store_of([cutout(k, (255, 0, 0)) for k in range(4)])
    for seed in range(10):
        shown = show(store, replace(WARPED, distractor=1.0), seed, [0, 1, 2, 3] * 2)
        red, green, blues = shown.images.unbind(1)
        np.testing.assert_allclose(red + blues, 1, atol=2e-3)  # any pixel is a blend of ground and objects
        assert green.max() < 2e-3
        assert (red + 2e-3 >= shown.masks[:, 0]).all()


def test_a_group_shares_its_scenes() -> None:
    colours = [(250 - 12 * k, 20, 10 + 12 * k) for k in range(20)]
    store = store_of(CUTOUTS, [plain_photograph(colour) for colour in colours])
    recipe = replace(BARE, plain=0.0, scenes=2, smallest=0.1, largest=0.15, close_up=0.0)
    group = [0] * 12 + [1] * 12
    several = 0
    for seed in range(10):
        shown = show(store, recipe, seed, [0, 1, 2, 3] * 6, group)
        middle = shown.images.flatten(2).median(2).values.mul(255).round().int()  # the ground, about a small object
        seen = [{tuple(colour) for colour in middle[12 * g : 12 * g + 12].tolist()} for g in range(2)]
        assert all(each <= set(colours) for each in seen)
        assert max(map(len, seen)) <= 2
        several += seen[0] != seen[1]
    assert several >= 8


def test_the_share_before_a_plain_ground_is_kept() -> None:
    store = store_of(CUTOUTS, [plain_photograph((250, 0, 250))])
    recipe = replace(BARE, smallest=0.1, largest=0.15, close_up=0.0)
    for plain, expected in ((0.0, 0), (0.25, 3), (1.0, 12)):
        middle = show(store, replace(recipe, plain=plain), 1, [0, 1, 2, 3] * 3).images.flatten(2).median(2).values
        assert int((middle[:, 1] > 0.05).sum()) == expected
    without_scenes = show(store_of(CUTOUTS), replace(recipe, plain=0.0), 1, [0, 1, 2, 3]).images
    assert (without_scenes.flatten(2).median(2).values[:, 1] > 0.05).all()
