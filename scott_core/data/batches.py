"""Training batches: groups of look-alikes, two pictures of each, so that every batch carries its own hard negatives.

A batch holds `n_groups` groups of `group_size` instances of one kind (cars, T-shirts of like colour, variants of one
brand). Each instance gives a matching pair (a_i, b_i); the pictures of different instances give the pairs that do
not match: as hard as their group, or easy across groups. Step k's batch depends on (seed, k) alone, so that a
training resumed after a kill sees what it would have seen.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import Dataset

from scott_core.data import augment
from scott_core.data.augment import Mask, Picture
from scott_core.data.cartons import VARIANTS, render_carton
from scott_core.data.instances import Instance, View, by_group

_BEND = {"garment": 0.07, "apparel": 0.03, "toy": 0.02, "package": 0.01}
_CLOTHES = ("garment", "apparel")
CARTON_BRANDS = 4000
SCENES = 4  # photographs that the pictures of one group are put before


@dataclass
class Batch:
    """n matching pairs; pair (i, j) of the grid matches exactly where i == j. Not frozen: Fabric would refuse it."""

    images_a: Tensor  # uint8 [n, 3, S, S]
    images_b: Tensor
    mask_a: Tensor  # float32 [n, 1, S, S]
    mask_b: Tensor
    has_mask_a: Tensor  # float32 [n], 1 where the mask is known
    has_mask_b: Tensor
    group: Tensor  # int64 [n], equal for instances that are each other's hard negatives
    number: int  # of this batch in the training

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on `device`."""
        tensors: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **tensors)


class Batches(Dataset[Batch]):
    """Batch k of a training; `weights` gives each family's share: carton (printed here), and those of `instances`."""

    def __init__(
        self,
        instances: list[Instance],
        backgrounds: list[Path],
        *,
        weights: dict[str, float],
        n_groups: int,
        group_size: int,
        size: int,
        seed: int,
        steps: int,
    ):
        self.backgrounds = backgrounds
        self.n_groups, self.group_size, self.size, self.seed, self.steps = (
            n_groups,
            group_size,
            size,
            seed,
            steps,
        )
        self.groups: dict[str, list[list[Instance]]] = {}
        for members in by_group(instances).values():
            self.groups.setdefault(members[0].family, []).append(members)
        self.families = [name for name in weights if name == "carton" or name in self.groups]
        share = np.array([weights[name] for name in self.families])
        self.share = share / share.sum()
        self.instances = [i for i in instances if i.family in (*_CLOTHES, "toy") and i.views[0].cutout]
        self.colours = {i.name: _mean_colour(i.views[0]) for i in self.instances}

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        pictures: list[tuple[Picture, Mask, bool]] = []
        group = []
        for number in range(self.n_groups):
            family = str(rng.choice(self.families, p=self.share))
            scenes = [self._photo(rng) for _ in range(SCENES)]
            for maker in self._carton_group(rng) if family == "carton" else self._instance_group(family, rng):
                group.append(number)
                pictures += [self._finish(maker, scenes, rng), self._finish(maker, scenes, rng)]
        images = torch.from_numpy(np.stack([p[0] for p in pictures])).permute(0, 3, 1, 2).contiguous()
        masks = torch.from_numpy(np.stack([p[1] for p in pictures]))[:, None]
        known = torch.tensor([float(p[2]) for p in pictures])
        swap = rng.random() < 0.5  # neither role is always the first drawn
        a, b = (1, 0) if swap else (0, 1)
        return Batch(
            images[a::2],
            images[b::2],
            masks[a::2],
            masks[b::2],
            known[a::2],
            known[b::2],
            torch.tensor(group),
            step,
        )

    def _carton_group(self, rng: Generator) -> list[_Maker]:
        brand = int(rng.integers(CARTON_BRANDS))
        variants = rng.permutation(VARIANTS)[: self.group_size]
        return [_Maker("carton", carton=brand * VARIANTS + int(v)) for v in variants]

    def _instance_group(self, family: str, rng: Generator) -> list[_Maker]:
        groups = self.groups[family]
        sizes = np.array([len(members) for members in groups], float) ** 0.5
        members = groups[int(rng.choice(len(groups), p=sizes / sizes.sum()))]
        first = members[int(rng.integers(len(members)))]
        others = [m for m in members if m is not first]
        if family in _CLOTHES or (family == "toy" and rng.random() < 0.6):
            # the nearest in colour, so that colour alone does not decide
            distance = [np.linalg.norm(self.colours[m.name] - self.colours[first.name]) for m in others]
            others = [others[i] for i in np.argsort(distance)[: max(8, len(others) // 8)]]
        chosen = [first] + [others[int(i)] for i in rng.permutation(len(others))[: self.group_size - 1]]
        return [_Maker(family, instance=member) for member in chosen]

    def _finish(self, maker: _Maker, scenes: list[Picture], rng: Generator) -> tuple[Picture, Mask, bool]:
        """One picture of an instance: [S, S, 3], its mask [S, S], and whether the mask is known."""
        view, image, mask = maker.draw(rng, self.size)
        cutout = view is None or view.cutout
        if cutout and mask is not None and not (maker.family in ("apparel", "package") and rng.random() < 0.4):
            image, mask = augment.crop_to_mask(image, mask)
            if maker.family in _CLOTHES and rng.random() < 0.3:
                image, mask = _detail(image, mask, rng)
            image = augment.relight(image, rng)
            image, mask = self._place(image, mask, maker.family, rng)
            image = augment.composite(image, mask, self._background(scenes, rng))
            if rng.random() < 0.25:
                image, mask = augment.occlude(image, mask, self._background(scenes, rng), rng)
        else:
            known = mask
            image, mask = augment.photograph(augment.relight(image, rng, 0.6), known, rng, size=self.size)
            cutout = known is not None
        return augment.degrade(np.ascontiguousarray(image), rng), np.ascontiguousarray(mask), cutout

    def _place(self, image: Picture, mask: Mask, family: str, rng: Generator) -> tuple[Picture, Mask]:
        scale = float(np.exp(rng.uniform(np.log(0.25), 0.0)))
        image, mask = augment.warp(image, mask, rng, size=self.size, scale=scale, bend=_BEND.get(family, 0.0))
        if family in ("garment", "toy") and rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        return image, mask

    def _photo(self, rng: Generator) -> Picture:
        if not self.backgrounds:
            return augment.plain_background(self.size, rng)
        return _read_background(self.backgrounds[int(rng.integers(len(self.backgrounds)))])

    def _background(self, scenes: list[Picture], rng: Generator) -> Picture:
        """Studio white, or one of the group's scenes: with and without a match, so that no scene gives it away.

        Now and then another object stands there, which is not what the pictures have in common.
        """
        if rng.random() < 0.3:
            return augment.plain_background(self.size, rng)
        scene = augment.photo_background(scenes[int(rng.integers(len(scenes)))], self.size, rng)
        if self.instances and rng.random() < 0.2:
            other = self.instances[int(rng.integers(len(self.instances)))]
            image, mask = read_view(other.views[int(rng.integers(len(other.views)))])
            if mask is not None:
                scene = augment.composite(*self._place(*augment.crop_to_mask(image, mask), other.family, rng), scene)
        return scene


@dataclass(frozen=True)
class _Maker:
    """Draws pictures of one instance."""

    family: str
    instance: Instance | None = None
    carton: int = 0

    def draw(self, rng: Generator, size: int) -> tuple[View | None, Picture, Mask | None]:
        if self.instance is None:
            rgba = render_carton(self.carton, int(rng.integers(1 << 30)), size=size)
            return None, rgba[..., :3], (rgba[..., 3] / 255).astype(np.float32)
        view = self.instance.views[int(rng.integers(len(self.instance.views)))]
        image, mask = read_view(view)
        return view, image, mask


def read_view(view: View) -> tuple[Picture, Mask | None]:
    """A view's picture and, where known, its mask; from the alpha channel of an RGBA file."""
    if view.mask is None and view.image.suffix == ".png":
        rgba = np.asarray(cv2.imread(str(view.image), cv2.IMREAD_UNCHANGED))
        return cv2.cvtColor(rgba[..., :3], cv2.COLOR_BGR2RGB), rgba[..., 3].astype(np.float32) / 255  # type: ignore[return-value]
    image = _read_rgb(view.image)
    if view.mask is None:
        return image, None
    mask = np.asarray(cv2.imread(str(view.mask), cv2.IMREAD_GRAYSCALE))
    return image, (mask > 127).astype(np.float32)


@functools.lru_cache(maxsize=2048)
def _read_background(path: Path) -> Picture:
    return _read_rgb(path)


def _read_rgb(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def _detail(image: Picture, mask: Mask, rng: Generator) -> tuple[Picture, Mask]:
    """A close-up: a random part of the object, as shops show a cuff or a print."""
    h, w = (max(16, int(side * rng.uniform(0.4, 0.8))) for side in mask.shape)
    y, x = int(rng.integers(0, mask.shape[0] - h + 1)), int(rng.integers(0, mask.shape[1] - w + 1))
    part = mask[y : y + h, x : x + w]
    return (image[y : y + h, x : x + w], part) if part.mean() > 0.3 else (image, mask)


def _mean_colour(view: View) -> np.ndarray:
    image, mask = read_view(view)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    inside = lab if mask is None else lab[mask.reshape(-1) > 0.5]
    return np.asarray((inside if len(inside) else lab).mean(0), np.float64)
