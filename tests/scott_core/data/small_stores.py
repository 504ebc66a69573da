"""Small stores of drawn shapes, and training images of them, for the tests of composition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from scott_core.data.chance import Chance
from scott_core.data.compose import Composer, Shown
from scott_core.data.recipe import Recipe
from scott_core.data.store import NEAREST, Store

CPU = torch.device("cpu")
SIDE = 64  # of the store's square
SIZE = 48  # of a training image
# Nothing but geometry: the object's own colours, before its ground.
BARE = Recipe(light=0, low_resolution=0, blur=0, grey=0, jpeg=0, occluder=0, distractor=0, plain=1, as_photographed=0)
WARPED = replace(BARE, bend=0.08, fold=1.0)


@dataclass(frozen=True)
class Source:
    """One image of a store, an instance of its own."""

    rgba: NDArray[np.uint8]  # [SIDE, SIDE, 4]
    content: tuple[int, int, int, int] = (0, 0, SIDE, SIDE)
    may_cut: bool = True
    has_ground: bool = False


def store_of(objects: Sequence[Source], scenes: Sequence[Source] = (), family: str = "garment") -> Store:
    """A store of one group; the scenes show no object."""
    sources = [*objects, *scenes]
    n, total = len(objects), len(sources)
    boxes, has_mask = [], []
    for source in sources:
        rows, columns = (np.flatnonzero((source.rgba[..., 3] > 127).any(axis)) for axis in (1, 0))
        has_mask.append(len(rows) > 0)
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if len(rows) else source.content)
    return Store(
        families=(family,),
        largest_category=n,
        rgba=torch.from_numpy(np.stack([source.rgba for source in sources]).transpose(0, 3, 1, 2).copy()),
        content=torch.tensor([source.content for source in sources], dtype=torch.float32),
        box=torch.tensor(np.array(boxes), dtype=torch.float32),
        has_mask=torch.tensor(has_mask),
        may_cut=torch.tensor([source.may_cut for source in sources]),
        has_ground=torch.tensor([source.has_ground for source in sources]),
        category=torch.zeros(total, dtype=torch.int64),
        first_view=torch.arange(n),
        n_views=torch.ones(n, dtype=torch.int64),
        first_instance=torch.tensor([0]),
        n_instances=torch.tensor([n]),
        nearest=torch.arange(NEAREST).repeat(n, 1) % n,
        cutouts=torch.tensor([k for k in range(n) if objects[k].may_cut], dtype=torch.int64),
        scenes=torch.arange(n, total),
    )


def shape(k: int) -> NDArray[np.uint8]:
    """The mask of a triangle, an L, a ring or a slanted bar, 255 inside, [SIDE, SIDE]."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if k % 4 == 0:
        cv2.fillPoly(mask, [np.array([(8, 50), (30, 6), (55, 44)], np.int32)], 255)
    elif k % 4 == 1:
        mask[10:60, 20:30] = mask[50:60, 20:50] = 255
    elif k % 4 == 2:
        cv2.circle(mask, (31, 33), 26, 255, thickness=9)
    else:
        cv2.fillPoly(mask, [np.array([(4, 40), (50, 10), (58, 22), (12, 52)], np.int32)], 255)
    return mask


def cutout(k: int, colour: tuple[int, int, int] = (255, 255, 255)) -> Source:
    """Shape k in one colour; what lies beside it is noise that must not be seen."""
    mask = shape(k)
    rgb = np.random.default_rng(k).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    rgb[mask > 0] = colour
    return Source(np.dstack([rgb, mask]))


def photograph(mask: NDArray[np.uint8], content: tuple[int, int, int, int]) -> Source:
    """A photograph whose red is its mask and nothing else; white around its content, as letterboxed."""
    x0, y0, x1, y1 = content
    rgba = np.full((SIDE, SIDE, 4), 255, np.uint8)
    rgba[y0:y1, x0:x1, :3] = 0
    rgba[..., 3] = 0
    rgba[y0:y1, x0:x1, 0] = rgba[y0:y1, x0:x1, 3] = mask[y0:y1, x0:x1]
    return Source(rgba, content, may_cut=False, has_ground=True)


def plain_photograph(colour: tuple[int, int, int]) -> Source:
    """A photograph of one colour that fills its square, without a mask."""
    rgba = np.full((SIDE, SIDE, 4), (*colour, 0), np.uint8)
    return Source(rgba, may_cut=False, has_ground=True)


CUTOUTS = [cutout(k) for k in range(4)]


def show(store: Store, recipe: Recipe, seed: int, view: Sequence[int], group: Sequence[int] | None = None) -> Shown:
    """Training images of views of the only group; all are of one group of the batch unless `group` says otherwise."""
    views = torch.tensor(view)
    groups = torch.zeros_like(views) if group is None else torch.tensor(group)
    return Composer(store, recipe, SIZE).show(views, groups, Chance(seed, 0, CPU))
