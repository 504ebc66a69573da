"""Training batches, drawn and augmented on the device that trains.

A batch holds groups of look-alikes: instances of one family and category with two images of each, so that it carries
its own hard negatives. Batch k depends on (seed, k) alone. No shape depends on what was drawn, so that the host never
waits for a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from scott_core.data.chance import Chance
from scott_core.data.compose import Composer
from scott_core.data.draw import draw, shares_of
from scott_core.data.recipe import Recipe
from scott_core.data.store import Store


@dataclass(frozen=True)
class Batch:
    """n matching pairs of images of side S; image a of i and image b of j match where instance[i] == instance[j]."""

    images_a: Tensor  # uint8 [n, 3, S, S]
    images_b: Tensor  # uint8 [n, 3, S, S]
    mask_a: Tensor  # float32 [n, 1, S, S] in [0, 1]
    mask_b: Tensor  # float32 [n, 1, S, S] in [0, 1]
    has_mask_a: Tensor  # float32 [n], 1 where the mask is known
    has_mask_b: Tensor  # float32 [n]
    instance: Tensor  # int64 [n]; a large batch may hold one in two groups
    group: Tensor  # int64 [n], equal for instances that are each other's hard negatives
    number: int  # of this batch in the training run, from 0


class Batches:
    """The batches of a training run: `batches[k]` makes batch k.

    `families` are weights of the store's families, `look_alikes` the share of groups whose instances are nearest in
    colour, and `size` the side of an image in pixels.
    """

    def __init__(
        self,
        store: Store,
        recipe: Recipe,
        *,
        families: Mapping[str, float],
        groups: int,
        group_size: int,
        look_alikes: float,
        size: int,
        seed: int,
    ):
        self.composer = Composer(store, recipe, size)
        self.shares = shares_of(store, families)
        self.groups, self.group_size, self.look_alikes = groups, group_size, look_alikes
        self.seed = seed

    @torch.no_grad()
    def __getitem__(self, step: int) -> Batch:
        store = self.composer.store
        chance = Chance(self.seed, step, store.rgba.device)
        drawn = draw(
            store,
            self.shares,
            groups=self.groups,
            group_size=self.group_size,
            look_alikes=self.look_alikes,
            chance=chance,
        )
        views = torch.cat([drawn.view_a, drawn.view_b])
        shown = self.composer.show(views, drawn.group.repeat(2), chance)
        images = shown.images.mul(255).round_().byte().chunk(2)
        masks, has_mask = shown.masks.chunk(2), shown.has_mask.float().chunk(2)
        return Batch(
            images_a=images[0],
            images_b=images[1],
            mask_a=masks[0],
            mask_b=masks[1],
            has_mask_a=has_mask[0],
            has_mask_b=has_mask[1],
            instance=drawn.instance,
            group=drawn.group,
            number=step,
        )
