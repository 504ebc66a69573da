"""Composition of training images: views are placed, warped and lit before a ground, partly occluded, and degraded.

A view is cut out by its mask, or shown as it was photographed and only cropped. Both are sampled alike: a box of the
source is placed in the image and gives RGB, mask and opacity. The opacity of a cut-out is its mask, that of a
photograph its frame. Image and mask are sampled through the same grid, so that they stay aligned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from scott_core.data import light
from scott_core.data.chance import Chance
from scott_core.data.recipe import Recipe
from scott_core.data.store import Store
from scott_core.data.warps import GRID, Placement, longer_side, plane, points, sample, shade

AVERAGED_BELOW = 0.6  # scale (pixels of the image by pixels of the store) under which 2 x 2 averages are read
DISTRACTOR_LARGEST = 0.7  # of the image's side; by eye on docs/augmentation.jpg, as are the following
WHITE_SHARE = 0.6  # of plain grounds: studio white, the others are a soft gradient


@dataclass(frozen=True)
class Shown:
    """n augmented images of side S."""

    images: Tensor  # float32 [n, 3, S, S] in [0, 1]
    masks: Tensor  # float32 [n, 1, S, S] in [0, 1], 0 where none is known
    has_mask: Tensor  # bool [n]


@dataclass(frozen=True)
class Composer:
    """Makes training images of `size` from the views of a store."""

    store: Store
    recipe: Recipe
    size: int

    def show(self, view: Tensor, group: Tensor, chance: Chance) -> Shown:
        """Augmented images of views [n], int64; images of one `group` [n] share their scenes."""
        store, recipe, n = self.store, self.recipe, len(view)
        keeps_ground = store.has_ground[view] & (chance.uniform(n) < recipe.as_photographed)
        photographed = keeps_ground | ~store.may_cut[view]
        scale = torch.where(photographed, 1.0, self._scales(n, chance))
        placement = _choose(photographed, _whole(n, chance.device), self._placement(view, scale, chance))
        box = torch.where(photographed[:, None], self._crop(view, chance), store.box[view])
        images, mask, opacity = self._read(view, box, placement, scale, photographed)
        images = light.relight(images, recipe, chance).mul_(opacity)
        ground = self._ground(group, chance)
        hidden = chance.some(n, recipe.occluder)
        occluder = ground[(hidden + 1) % n]  # another image's ground
        ground.masked_fill_(photographed.view(n, 1, 1, 1), 1.0)
        images.addcmul_(ground, opacity.neg_().add_(1))
        images[hidden], mask[hidden] = self._occluded(images[hidden], mask[hidden], occluder, chance)
        return Shown(light.degrade_(images, recipe, chance), mask, store.has_mask[view])

    def _scales(self, n: int, chance: Chance) -> Tensor:
        """Random longer sides of n objects, [n], as shares of the image's side."""
        recipe = self.recipe
        usual = torch.exp(chance.uniform(n, low=math.log(recipe.smallest), high=math.log(recipe.largest)))
        close = chance.uniform(n, low=1.0, high=recipe.close_up_largest)
        return torch.where(chance.uniform(n) < recipe.close_up, close, usual)

    def _placement(self, view: Tensor, scale: Tensor, chance: Chance) -> Placement:
        """Random placements of the objects of views [n], with the longer sides `scale` [n]."""
        recipe, n = self.recipe, len(scale)
        category = self.store.category[view]
        rigid, printed = self._rigid[category], self._printed[category]
        any_angle = chance.uniform(n, low=-math.pi, high=math.pi)
        angle = torch.where(chance.uniform(n) < recipe.upright, recipe.turn * chance.normal(n), any_angle)
        cos, sin = torch.cos(angle), torch.sin(angle)
        turn = torch.stack([cos, sin, -sin, cos], 1).view(n, 2, 2)  # from image to object, by -angle
        stretch = torch.exp(recipe.stretch * chance.normal(n, 2))
        stretch[:, 0] *= torch.where((chance.uniform(n) < recipe.flip) & ~printed, -1.0, 1.0)
        shear = torch.eye(2, device=chance.device).repeat(n, 1, 1)
        shear[:, 0, 1] = recipe.shear * chance.normal(n)
        room = ((1 - scale).clamp(min=0) / 2 + recipe.off_centre)[:, None]
        direction = chance.uniform(n, high=2 * math.pi)
        is_folded = (chance.uniform(n) < recipe.fold) & ~rigid
        return Placement(
            matrix=(stretch[:, :, None] * shear) @ turn / scale[:, None, None],
            centre=room * chance.uniform(n, 2, low=-1.0),
            bend=torch.where(rigid, recipe.bend_rigid, recipe.bend)[:, None, None] * chance.normal(n, GRID**2, 2),
            fold_normal=torch.stack([torch.cos(direction), torch.sin(direction)], 1),
            fold_offset=chance.uniform(n, low=-0.25, high=0.25),
            fold_depth=chance.uniform(n, low=0.3, high=1.0) * recipe.fold_depth * is_folded,
        )

    @cached_property
    def _rigid(self) -> Tensor:
        return self._families(self.recipe.rigid)

    @cached_property
    def _printed(self) -> Tensor:
        return self._families(self.recipe.printed)

    def _families(self, names: tuple[str, ...]) -> Tensor:
        """Whether the family of each category of the store is one of `names`, bool [C]."""
        return torch.tensor([family in names for family in self.store.families], device=self.store.rgba.device)

    def _crop(self, view: Tensor, chance: Chance) -> Tensor:
        """Random boxes [n, 4] that keep most of the object: at most `crop_loss` of it is cut off each side."""
        content, box = self.store.content[view], self.store.box[view]
        size = (box[:, 2:] - box[:, :2]) * self.recipe.crop_loss
        inner = torch.cat([box[:, :2] + size, box[:, 2:] - size], 1)
        return torch.lerp(content, inner, chance.uniform(len(view), 4))

    def _read(
        self, view: Tensor, box: Tensor, placement: Placement, scale: Tensor, photographed: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """RGB [n, 3, S, S] of the placed views, their mask and opacity [n, 1, S, S]; RGB is without the opacity."""
        q = points(placement, self.size)
        found = self._sampled(view, box, q, scale, photographed)
        rgb, mask = found[:, :3], found[:, 3:]
        as_is = photographed.view(-1, 1, 1, 1)
        inside = _within(q, box)
        opacity = torch.where(as_is, inside, mask)
        rgb *= shade(placement, q).div_(opacity.clamp(min=1e-3))  # undoes the multiplication by the mask
        return rgb, mask * torch.where(as_is, inside, 1.0), opacity

    def _sampled(self, view: Tensor, box: Tensor, q: Tensor, scale: Tensor, photographed: Tensor) -> Tensor:
        """RGB and mask [n, 4, S, S] in [0, 1] at the objects' points q; RGB of a cut-out is multiplied by its mask.

        The fixed share `_averaged` of the batch, scaled down most, is read from averages of 2 x 2 pixels.
        """
        n = len(view)
        n_averaged = round(n * self._averaged)
        order = torch.argsort(scale / longer_side(box), descending=True)
        found = torch.empty(n, 4, self.size, self.size, device=q.device)
        for index, factor in ((order[: n - n_averaged], 1), (order[n - n_averaged :], 2)):
            rgba = self.store.rgba[view[index]].float()
            rgba[:, :3] *= torch.where(photographed[index].view(-1, 1, 1, 1), 1.0, rgba[:, 3:] / 255)
            if factor > 1:
                rgba = F.avg_pool2d(rgba, factor)
            part = sample(rgba, box[index] / factor, q[index], stays_inside=photographed[index])
            found.index_copy_(0, index, part.mul_(1 / 255))
        return found

    @cached_property
    def _averaged(self) -> float:
        """The expected share of images whose scale is under AVERAGED_BELOW."""
        store, recipe = self.store, self.recipe
        cut = store.may_cut.float() * (1 - recipe.as_photographed * store.has_ground.float())
        limit = AVERAGED_BELOW * longer_side(store.box) / self.size  # as a longer side
        usual = torch.log(limit / recipe.smallest) / math.log(recipe.largest / recipe.smallest)
        return float((cut * usual.clamp(0, 1)).mean()) * (1 - recipe.close_up)

    def _ground(self, group: Tensor, chance: Chance) -> Tensor:
        """Grounds of n images, [n, 3, S, S]: plain for a share `plain`, a scene of their group for the others.

        Matching and other pairs share scenes, so that no scene tells a match. In a share `distractor` another object
        stands on the ground, which the two images of a pair do not have in common.
        """
        n, scenes = len(group), self.store.scenes
        order = chance.some(n, 1.0)
        plain = round(n * self.recipe.plain) if len(scenes) else n
        ground = torch.empty(n, 3, self.size, self.size, device=chance.device)
        ground[order[:plain]] = self._plain(plain, chance)
        if plain < n:
            index = order[plain:]
            of_group = scenes[chance.below(torch.full((n, self.recipe.scenes), len(scenes), device=chance.device))]
            which = chance.below(torch.full_like(index, self.recipe.scenes))
            ground[index] = self._scene(of_group[group[index], which], chance)
        index = chance.some(n, self.recipe.distractor)
        if len(index) and len(self.store.cutouts):
            ground[index] = self._distract(ground[index], chance)
        return ground

    def _plain(self, n: int, chance: Chance) -> Tensor:
        """Plain grounds [n, 3, S, S]: studio white for WHITE_SHARE, else a soft gradient around a dull colour."""
        white = chance.uniform(n, 1, 1, 1, low=0.94, high=1.0).expand(-1, 3, -1, -1)
        middle = chance.uniform(n, 1, 1, 1, low=0.2, high=1.0) + 0.12 * chance.normal(n, 3, 1, 1)
        slope = 0.14 * chance.normal(n, 3, 2) @ plane(self.size, chance.device).T
        gradient = (middle + slope.view(n, 3, self.size, self.size)).clamp(0, 1)
        return torch.where(chance.uniform(n, 1, 1, 1) < WHITE_SHARE, white, gradient)

    def _scene(self, view: Tensor, chance: Chance) -> Tensor:
        """A random square of each photograph, [n, 3, S, S]: half to all of its shorter side, half of them mirrored."""
        n = len(view)
        content = self.store.content[view]
        extent = content[:, 2:] - content[:, :2]
        side = extent.amin(1, keepdim=True) * chance.uniform(n, 1, low=0.5)
        corner = content[:, :2] + chance.uniform(n, 2) * (extent - side)
        mirrored = torch.where(chance.uniform(n) < 0.5, -1.0, 1.0)
        factors = torch.stack([mirrored, torch.ones_like(mirrored)], 1)[:, :, None]
        q = (factors * plane(self.size, chance.device).T).view(n, 2, self.size, self.size)
        rgb, box = self.store.rgba[view, :3].float(), torch.cat([corner, corner + side], 1)
        return sample(rgb, box, q, stays_inside=torch.ones_like(mirrored, dtype=torch.bool)).mul_(1 / 255)

    def _distract(self, ground: Tensor, chance: Chance) -> Tensor:
        """Grounds [n, 3, S, S] with a random object of the store over each."""
        n = len(ground)
        cutouts = self.store.cutouts
        view = cutouts[chance.below(torch.full((n,), len(cutouts), device=chance.device))]
        scale = self._scales(n, chance).clamp(max=DISTRACTOR_LARGEST)
        placement = self._placement(view, scale, chance)
        nothing = torch.zeros(n, dtype=torch.bool, device=chance.device)
        rgb, _, opacity = self._read(view, self.store.box[view], placement, scale, nothing)
        return rgb.mul_(opacity).addcmul_(ground, 1 - opacity)

    def _occluded(self, images: Tensor, mask: Tensor, occluder: Tensor, chance: Chance) -> tuple[Tensor, Tensor]:
        """Images and masks behind a turned rectangle of `occluder` [n, 3, S, S]; the mask is 0 where it covers.

        Images of which it would hide more than half of the object stay as they are.
        """
        n = len(images)
        centre, angle = chance.uniform(n, 1, 2, low=-0.5, high=0.5), chance.uniform(n, high=math.pi)
        half = chance.uniform(n, 1, 2, low=0.1, high=self.recipe.occluder_side) / 2
        cos, sin = torch.cos(angle), torch.sin(angle)
        turn = torch.stack([cos, -sin, sin, cos], 1).view(n, 2, 2)
        at = (plane(self.size, chance.device)[None] - centre) @ turn
        covered = (at.abs() < half).all(2).view(n, 1, self.size, self.size)
        hides_most = (mask * covered).sum((1, 2, 3)) > 0.5 * mask.sum((1, 2, 3))
        covered &= ~hides_most.view(n, 1, 1, 1)
        return torch.where(covered, occluder, images), torch.where(covered, 0.0, mask)


def _whole(n: int, device: torch.device) -> Placement:
    """Placements of n boxes as they are: the longer side as wide as the image, not turned, bent or folded."""
    nothing = torch.zeros(n, 2, device=device)
    return Placement(
        matrix=torch.eye(2, device=device).repeat(n, 1, 1),
        centre=nothing,
        bend=torch.zeros(n, GRID**2, 2, device=device),
        fold_normal=nothing,
        fold_offset=nothing[:, 0],
        fold_depth=nothing[:, 0],
    )


def _choose(first: Tensor, a: Placement, b: Placement) -> Placement:
    """The placements of a where `first` [n], else of b."""
    pairs = ((getattr(a, name), getattr(b, name)) for name in Placement.__dataclass_fields__)
    return Placement(*(torch.where(first.view(-1, *[1] * (x.dim() - 1)), x, y) for x, y in pairs))


def _within(q: Tensor, box: Tensor) -> Tensor:
    """1 where the object's points q [n, 2, S, S] lie in its box [n, 4], else 0; float32 [n, 1, S, S]."""
    extent = box[:, 2:] - box[:, :2]
    half = (extent / longer_side(box)[:, None] / 2).view(-1, 2, 1, 1)
    return (q.abs() <= half).all(1, keepdim=True).float()
