"""Drawing the views of a batch: groups of look-alikes with two views of each instance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from scott_core.data.chance import Chance
from scott_core.data.store import Store


@dataclass(frozen=True)
class Drawn:
    """Two views of each of n instances, `group_size` instances a group."""

    view_a: Tensor  # int64 [n], indices of the store's views
    view_b: Tensor  # int64 [n], another view where the instance has several
    instance: Tensor  # int64 [n], indices of the store's instances; one may be in two groups
    group: Tensor  # int64 [n], number of the drawn group; its instances are each other's hard negatives


def shares_of(store: Store, families: Mapping[str, float]) -> Tensor:
    """The probability of each category, float32 [C]: its family's weight, shared by the square roots of their sizes."""
    size = store.n_instances.cpu().double().sqrt().tolist()
    total: Counter[str] = Counter()
    for n, family in zip(size, store.families, strict=True):
        total[family] += n
    share = [families[family] * n / total[family] for n, family in zip(size, store.families, strict=True)]
    return torch.tensor([each / sum(share) for each in share], device=store.rgba.device)


def draw(store: Store, shares: Tensor, *, groups: int, group_size: int, look_alikes: float, chance: Chance) -> Drawn:
    """`groups` groups of `group_size` instances, their categories drawn by `shares` [C].

    In a share `look_alikes` of the groups all are the first one's nearest in colour, in the others any of its category.
    """
    category = chance.weighted(shares, groups)
    start, count = store.first_instance[category], store.n_instances[category]
    first = chance.below(count)  # place within the category
    near = store.nearest[start + first]  # [groups, NEAREST]
    place = torch.arange(store.largest_category, device=chance.device)[None]
    taken = (place >= count[:, None]) | (place == first[:, None])
    any_others = start[:, None] + _distinct(chance.uniform(*taken.shape), taken, group_size - 1)
    repeated = torch.arange(near.shape[1], device=chance.device)[None] >= count[:, None] - 1
    near_others = near.gather(1, _distinct(chance.uniform(*near.shape), repeated, group_size - 1))
    others = torch.where(chance.uniform(groups, 1) < look_alikes, near_others, any_others)
    chosen = torch.cat([(start + first)[:, None], others], 1).flatten()
    n_views = store.n_views[chosen]
    view = chance.below(n_views)
    other = view + 1 + chance.below(n_views - 1)
    n = groups * group_size
    return Drawn(
        view_a=store.first_view[chosen] + view,
        view_b=store.first_view[chosen] + other % n_views,
        instance=chosen,
        group=torch.arange(groups, device=chance.device).repeat_interleave(group_size, output_size=n),
    )


def _distinct(key: Tensor, excluded: Tensor, n: int) -> Tensor:
    """The n columns of the highest keys in each row of `key` [rows, columns], without the excluded ones: [rows, n]."""
    return key.masked_fill(excluded, -1.0).topk(n, 1).indices
