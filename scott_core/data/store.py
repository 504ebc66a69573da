"""A pack in memory: every image decoded once, where the training runs, and what is drawn from it as index tables.

Images of one instance lie side by side, and so do the instances of one group (a family's category, whose instances are
each other's hard negatives); so a group is a range of instances and an instance a range of views. Groups with fewer
instances than a batch takes from one are joined within their family.
"""

from __future__ import annotations

import io
import os
from collections import defaultdict
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

NEAREST = 16  # instances of its group that an instance is said to look like
SKIP = 4  # of an image's pixels, one in so many on each axis says what its colours are
BUSY = 0.08  # standard deviation of the pixels, of 1, beside the object from which an image may be a background: white
# studios and paper have 0.00 to 0.05, floors and shelves 0.10 and more


@dataclass(frozen=True)
class Store:
    """N views of I instances in G groups, and their backgrounds. Boxes are x0, y0, x1, y1 in pixels of the square."""

    names: tuple[str, ...]  # of the groups, "family/category"
    largest_group: int
    rgba: Tensor  # uint8 [N, 4, S, S]; alpha is the mask, 0 where none is known
    content: Tensor  # float32 [N, 4]: where the image lies in its square
    box: Tensor  # float32 [N, 4]: around the mask, or the content where none is known
    has_mask: Tensor  # bool [N]
    may_cut: Tensor  # bool [N]: the object may be cut out by its mask
    has_ground: Tensor  # bool [N]: what lies beside the mask is the photograph, and not nothing
    first_view: Tensor  # int64 [I]
    n_views: Tensor  # int64 [I]
    first_instance: Tensor  # int64 [G]
    n_instances: Tensor  # int64 [G]
    nearest: Tensor  # int64 [I, NEAREST]: instances of the group nearest in colour, repeated where there are fewer
    cutouts: Tensor  # int64 [C]: views that may stand before any background
    scenes: Tensor  # int64 [M]: views that may stand behind any object

    def to(self, device: torch.device) -> Store:
        """The same store with its tensors on `device`."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **moved)

    @property
    def size(self) -> int:
        """Pixels of a side of the square."""
        return self.rgba.shape[3]


def load_store(pack: Path, *, group_size: int, split: str = "train") -> Store:
    """Decode the images of `split`, in threads.

    Raises PairsError for a file that is no pack, and InputError where it has no objects of `split` or a family has
    fewer than `group_size`.
    """
    size, rows = read_rows(pack)
    rows = [row for row in rows if row.split == split]
    groups = _groups([row for row in rows if row.is_object], group_size)
    ordered = [row for group in groups.values() for views in group for row in views]
    if not ordered:
        raise InputError(f"{pack} holds no objects of split {split}")
    ordered += [row for row in rows if not row.is_object]
    pixels = np.zeros((len(ordered), 4, size, size), np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = list(pool.map(_decode, read_images(pack, ordered), pixels))
    has_mask = np.array([look.has_mask for look in looks])
    may_cut = has_mask & np.array([row.may_cut for row in ordered])
    has_ground = np.array([row.role != CUTOUT for row in ordered])
    is_scene = has_ground & np.array([look.ground > BUSY for look in looks])
    n_views = np.array([len(views) for group in groups.values() for views in group])
    n_instances = np.array([len(group) for group in groups.values()])
    first_view, first_instance = _starts(n_views), _starts(n_instances)
    colours = np.stack([looks[n].colour for n in first_view])
    ranges = zip(first_instance, n_instances, strict=True)
    nearest = np.concatenate([_nearest(colours[start : start + n]) + start for start, n in ranges])
    return Store(
        names=tuple(groups),
        largest_group=int(n_instances.max()),
        rgba=torch.from_numpy(pixels),
        content=torch.tensor([look.content for look in looks], dtype=torch.float32),
        box=torch.tensor([look.box for look in looks], dtype=torch.float32),
        **{
            name: torch.from_numpy(np.asarray(value))
            for name, value in {
                "has_mask": has_mask,
                "may_cut": may_cut,
                "has_ground": has_ground,
                "first_view": first_view,
                "n_views": n_views,
                "first_instance": first_instance,
                "n_instances": n_instances,
                "nearest": nearest,
                "cutouts": np.flatnonzero(may_cut),
                "scenes": np.flatnonzero(is_scene),
            }.items()
        },
    )


def _groups(rows: list[Row], group_size: int) -> dict[str, list[list[Row]]]:
    """Views by instance by group; the instances of small groups are together in `family/`, or in a large one."""
    families: defaultdict[str, defaultdict[str, dict[str, list[Row]]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        families[row.family][row.category].setdefault(row.instance, []).append(row)
    found: dict[str, list[list[Row]]] = {}
    for family, categories in families.items():
        n = sum(map(len, categories.values()))
        if n < group_size:
            raise InputError(f"family {family} has {n} objects; groups of {group_size} need as many: lower group_size")
        rest: list[list[Row]] = []
        for category, instances in categories.items():
            if len(instances) < group_size:
                rest += instances.values()
            else:
                found[f"{family}/{category}"] = list(instances.values())
        if len(rest) >= group_size:
            found[f"{family}/"] = rest
        elif rest:
            largest = max((name for name in found if name.startswith(f"{family}/")), key=lambda name: len(found[name]))
            found[largest] += rest
    return found


@dataclass(frozen=True)
class _Look:
    """What one decoded image shows."""

    content: tuple[int, int, int, int]
    box: tuple[int, int, int, int]
    has_mask: bool
    colour: NDArray[np.float64]  # mean CIELAB inside the mask
    ground: float  # standard deviation of what lies beside the mask


def _decode(data: bytes, out: NDArray[np.uint8]) -> _Look:
    """Decode into out [4, S, S], letterboxed as for inference, white around the image."""
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
        _lab((rgb[:, within] if within.any() else rgb.reshape(3, -1)).mean(1)),
        float(beside.std(1).mean()) if beside.size else 0.0,
    )


def _lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB [3] in [0, 1] to CIELAB (D65), as in CIE 15."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0178, 0.1095, 0.8727]]) @ linear
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.cumsum(counts) - counts


def _nearest(colours: NDArray[np.float64]) -> NDArray[np.int64]:
    """[n, 3] -> the NEAREST others of each, nearest first, [n, NEAREST]; repeated where there are fewer."""
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, 1, kind="stable")[:, : max(len(colours) - 1, 1)]
    return order[:, np.arange(NEAREST) % order.shape[1]]
