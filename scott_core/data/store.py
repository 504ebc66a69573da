"""A pack in memory, on the device that trains: every image decoded once, and index tables to draw from.

Views of one instance are adjacent, and so are the instances of one category, which are each other's hard negatives: a
category is a range of instances and an instance a range of views. Categories with fewer instances than a group has are
joined within their family.
"""

from __future__ import annotations

import io
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scott_core.data.pack import read_images, read_rows
from scott_core.data.sources import CUTOUT, Row
from scott_core.errors import InputError, PairsError
from scott_core.images import Letterbox

NEAREST = 16  # look-alikes of an instance: the nearest of its category in mean colour
SKIP = 4  # px: colours are measured on one pixel in so many on each axis
# An image may be a background from this standard deviation of the pixels (in [0, 1]) beside its object. White studios
# and paper of ../shared/data have 0.00 to 0.05, floors and shelves 0.10 and more.
BUSY = 0.08


@dataclass(frozen=True)
class Store:
    """N views, those of I instances in C categories and backgrounds, letterboxed to squares of side S.

    Boxes are x0, y0, x1, y1 in pixels of the square.
    """

    families: tuple[str, ...]  # [C], the family of each category
    largest_category: int  # number of instances in the largest category
    rgba: Tensor  # uint8 [N, 4, S, S]; alpha is the mask, 0 where none is known
    content: Tensor  # float32 [N, 4]: box of the image in its square
    box: Tensor  # float32 [N, 4]: box of the mask, or of the image where no mask is known
    has_mask: Tensor  # bool [N]
    may_cut: Tensor  # bool [N]: the object may be cut out by its mask
    has_ground: Tensor  # bool [N]: the photograph goes on beside the mask
    category: Tensor  # int64 [N]; 0 for backgrounds
    first_view: Tensor  # int64 [I]: first view of each instance
    n_views: Tensor  # int64 [I]
    first_instance: Tensor  # int64 [C]: first instance of each category
    n_instances: Tensor  # int64 [C]
    nearest: Tensor  # int64 [I, NEAREST]: the category's instances nearest in colour, repeated where there are fewer
    cutouts: Tensor  # int64 [any]: views that may be cut out, as distractors
    scenes: Tensor  # int64 [any]: views that may be the ground of any object

    def to(self, device: torch.device) -> Store:
        """The same store with its tensors on `device`."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)


def load_store(
    pack: Path,
    families: Mapping[str, float],
    *,
    group_size: int,
    split: str = "train",
    left_out: Collection[str] = (),
    least_views: int = 1,
) -> Store:
    """Decodes the images of `split` in threads.

    Objects of families whose weight in `families` is 0 are left out, those of the categories `left_out`, and those with
    fewer than `least_views`. Raises
    PairsError for a file that is no pack, and InputError where a family has no weight, where no object of `split` is
    left, or where a family has fewer than `group_size`.
    """
    size, rows = read_rows(pack)
    rows = [row for row in rows if row.split == split]
    objects = [row for row in rows if row.is_object]
    if missing := sorted({row.family for row in objects} - set(families)):
        raise InputError(f"families: no weight for {', '.join(missing)} of {pack}; 0 leaves a family out")
    views = Counter(row.key for row in objects)
    kept = [row for row in objects if families[row.family] > 0 and row.category not in left_out]
    kept = [row for row in kept if views[row.key] >= least_views]
    categories = _categories(kept, group_size)
    ordered = [row for category in categories for views in category for row in views]
    if not ordered:
        raise InputError(f"{pack} holds no objects of split {split} whose family has a weight")
    ordered += [row for row in rows if not row.is_object]
    pixels = np.zeros((len(ordered), 4, size, size), np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = list(pool.map(_decode, read_images(pack, ordered), pixels))
    has_mask = np.array([look.has_mask for look in looks])
    may_cut = has_mask & np.array([row.may_cut for row in ordered])
    has_ground = np.array([row.role != CUTOUT for row in ordered])
    is_scene = has_ground & np.array([look.ground > BUSY for look in looks])
    n_views = np.array([len(views) for category in categories for views in category])
    n_instances = np.array([len(category) for category in categories])
    first_view, first_instance = _starts(n_views), _starts(n_instances)
    of_views = np.repeat(np.repeat(np.arange(len(categories)), n_instances), n_views)
    colours = np.stack([looks[n].colour for n in first_view])
    ranges = zip(first_instance, n_instances, strict=True)
    nearest = np.concatenate([_nearest(colours[start : start + n]) + start for start, n in ranges])
    return Store(
        families=tuple(category[0][0].family for category in categories),
        largest_category=int(n_instances.max()),
        rgba=torch.from_numpy(pixels),
        content=torch.tensor([look.content for look in looks], dtype=torch.float32),
        box=torch.tensor([look.box for look in looks], dtype=torch.float32),
        has_mask=torch.from_numpy(has_mask),
        may_cut=torch.from_numpy(may_cut),
        has_ground=torch.from_numpy(has_ground),
        category=torch.from_numpy(np.pad(of_views, (0, len(ordered) - len(of_views)))),
        first_view=torch.from_numpy(first_view),
        n_views=torch.from_numpy(n_views),
        first_instance=torch.from_numpy(first_instance),
        n_instances=torch.from_numpy(n_instances),
        nearest=torch.from_numpy(nearest),
        cutouts=torch.from_numpy(np.flatnonzero(may_cut)),
        scenes=torch.from_numpy(np.flatnonzero(is_scene)),
    )


def _categories(rows: list[Row], group_size: int) -> list[list[list[Row]]]:
    """Views of each instance of each category; small categories are joined, or added to the largest of their family."""
    families: defaultdict[str, defaultdict[str, dict[tuple[str, str], list[Row]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        families[row.family][row.category].setdefault(row.key, []).append(row)
    found: list[list[list[Row]]] = []
    for family, categories in families.items():
        n = sum(map(len, categories.values()))
        if n < group_size:
            raise InputError(
                f"family {family} has {n} objects; groups of {group_size} need as many: weigh it 0 or lower group_size"
            )
        large = [list(instances.values()) for instances in categories.values() if len(instances) >= group_size]
        rest = [views for c in categories.values() if len(c) < group_size for views in c.values()]
        if len(rest) >= group_size:
            large.append(rest)
        elif rest:
            max(large, key=len).extend(rest)
        found += large
    return found


@dataclass(frozen=True)
class _Look:
    """The measures of one decoded image; boxes are as in Store."""

    content: tuple[int, int, int, int]
    box: tuple[int, int, int, int]
    has_mask: bool
    colour: NDArray[np.float64]  # [3], mean CIELAB inside the mask
    ground: float  # standard deviation of the pixels beside the mask, in [0, 1]


def _decode(data: bytes, out: NDArray[np.uint8]) -> _Look:
    """Decodes into out [4, S, S], letterboxed as for inference, white around the image; returns what it measured."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGBA") if "A" in opened.getbands() else opened.convert("RGB")
    except OSError as error:
        raise PairsError(f"an image of the pack cannot be decoded: {error}") from error
    place = Letterbox.of(image, out.shape[1])
    out[:3] = place.apply(image.convert("RGB")).transpose(2, 0, 1)
    y0, x0, y1, x1 = place.top, place.left, place.top + place.height, place.left + place.width
    if image.mode == "RGBA":
        mask = image.getchannel("A").resize((place.width, place.height), Image.Resampling.BILINEAR)
        out[3, y0:y1, x0:x1] = np.asarray(mask)
    inside = out[3] > 127
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    known = len(rows) > 0
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if known else (x0, y0, x1, y1)
    few = (slice(y0, y1, SKIP), slice(x0, x1, SKIP))
    rgb, within = out[(slice(3), *few)] / 255.0, inside[few]
    beside = rgb[:, ~within]
    return _Look(
        (x0, y0, x1, y1),
        tuple(map(int, box)),  # type: ignore[arg-type]
        known,
        srgb_to_lab((rgb[:, within] if within.any() else rgb.reshape(3, -1)).mean(1)),
        float(beside.std(1).mean()) if beside.size else 0.0,
    )


def srgb_to_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB (D65) of an sRGB colour [3] in [0, 1], as in CIE 15."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]]) @ linear
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first place of each of adjacent ranges of these lengths."""
    return np.cumsum(counts) - counts


def _nearest(colours: NDArray[np.float64]) -> NDArray[np.int64]:
    """The NEAREST others of each of `colours` [n, 3], nearest first, [n, NEAREST]; repeated where there are fewer."""
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, 1, kind="stable")[:, : max(len(colours) - 1, 1)]
    return order[:, np.arange(NEAREST) % order.shape[1]]
