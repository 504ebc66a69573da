"""The drawn views of a batch: instances of one group, two views of each, by the shares of their families."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from scott_core.data.chance import Chance
from scott_core.data.draw import Drawn, draw, shares_of
from scott_core.data.store import NEAREST, Store

CPU = torch.device("cpu")


def store_of(groups: Mapping[str, list[int]], nearest: Tensor | None = None) -> Store:
    """A store of such groups as {"toy/car": [3, 1]}: two cars, with three views and one. Its pixels are not looked at.

    Unless they are given, an instance's nearest are the ones that follow it in its group, round and round.
    """
    views = np.array([n for counts in groups.values() for n in counts])
    sizes = np.array([len(counts) for counts in groups.values()])
    starts = np.cumsum(sizes) - sizes
    round_and_round = [
        [start + (place + 1 + k % (size - 1)) % size for k in range(NEAREST)]
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
        for place in range(size)
    ]
    n = int(views.sum())
    return Store(
        families=tuple(name.partition("/")[0] for name in groups),
        largest_category=int(sizes.max()),
        rgba=torch.zeros(n, 4, 2, 2, dtype=torch.uint8),
        content=torch.tensor([[0.0, 0.0, 2.0, 2.0]]).repeat(n, 1),
        box=torch.tensor([[0.0, 0.0, 2.0, 2.0]]).repeat(n, 1),
        has_mask=torch.ones(n, dtype=torch.bool),
        may_cut=torch.ones(n, dtype=torch.bool),
        has_ground=torch.ones(n, dtype=torch.bool),
        category=torch.from_numpy(np.repeat(np.repeat(np.arange(len(sizes)), sizes), views)),
        first_view=torch.from_numpy(np.cumsum(views) - views),
        n_views=torch.from_numpy(views),
        first_instance=torch.from_numpy(starts),
        n_instances=torch.from_numpy(sizes),
        nearest=torch.tensor(round_and_round) if nearest is None else nearest,
        cutouts=torch.arange(n),
        scenes=torch.arange(n),
    )


MIXED = {"toy/car": [3, 1, 2, 5, 1, 4], "toy/cow": [1, 1, 2, 2], "photo/": [2] * 30, "scan/shoe": [7, 1, 1, 3, 2]}
EVENLY = {"toy": 1.0, "photo": 1.0, "scan": 1.0}


def drawn(store: Store, step: int, *, groups: int = 3, group_size: int = 4, look_alikes: float = 0.5) -> Drawn:
    shares = shares_of(store, dict.fromkeys(store.families, 1.0))
    chance = Chance(1, step, CPU)
    return draw(store, shares, groups=groups, group_size=group_size, look_alikes=look_alikes, chance=chance)


def instances(store: Store, views: Tensor) -> list[int]:
    """The instance that each view shows."""
    owner = [i for i, n in enumerate(store.n_views.tolist()) for _ in range(n)]
    return [owner[view] for view in views.tolist()]


def categories(store: Store, of_instances: list[int]) -> list[int]:
    """The store's category that each instance is of."""
    owner = [g for g, n in enumerate(store.n_instances.tolist()) for _ in range(n)]
    return [owner[instance] for instance in of_instances]


def equal(a: Drawn, b: Drawn) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in Drawn.__dataclass_fields__)


@pytest.mark.parametrize("look_alikes", [0.0, 0.5, 1.0])
def test_a_group_is_distinct_instances_of_one_group_of_the_store(look_alikes: float) -> None:
    store = store_of(MIXED)
    for step in range(40):
        found = drawn(store, step, look_alikes=look_alikes)
        of_view = instances(store, found.view_a)
        assert of_view == found.instance.tolist()
        assert found.group.tolist() == [group for group in range(3) for _ in range(4)]
        for group in range(3):
            members = of_view[4 * group : 4 * group + 4]
            assert len(set(members)) == 4
            assert len(set(categories(store, members))) == 1


def test_two_views_show_one_instance_and_differ_where_it_has_two() -> None:
    store = store_of(MIXED)
    seen: Counter[tuple[int, int]] = Counter()
    for step in range(400):
        found = drawn(store, step)
        assert instances(store, found.view_a) == instances(store, found.view_b)
        seen.update(zip(found.view_a.tolist(), found.view_b.tolist(), strict=True))
    of_one = {
        view for view, owner in enumerate(instances(store, torch.arange(len(store.rgba)))) if store.n_views[owner] == 1
    }
    assert of_one
    assert all((a == b) == (a in of_one) for a, b in seen)
    # Every ordered pair of the first scan's seven views comes up, none much more often than another.
    first = int(store.first_view[store.first_instance[3]])
    counts = [seen[a, b] for a in range(first, first + 7) for b in range(first, first + 7) if a != b]
    assert min(counts) > 0
    assert max(counts) < 5 * sum(counts) / len(counts)


def test_look_alikes_are_the_nearest_of_the_first() -> None:
    size, rng = 40, np.random.default_rng(0)
    nearest = torch.tensor(
        [
            [start + k for k in rng.permutation([k for k in range(size) if k != place])[:NEAREST]]
            for start in (0, size)
            for place in range(size)
        ]
    )
    store = store_of({"toy/car": [1] * size, "toy/cow": [1] * size}, nearest)
    ranks, any_of_them = set(), 0
    for step in range(180):
        for look_alikes in (1.0, 0.0):
            found = instances(store, drawn(store, step, groups=2, look_alikes=look_alikes).view_a)
            for first, *others in (found[:4], found[4:]):
                near = set(nearest[first].tolist())
                if look_alikes == 1:
                    assert set(others) <= near
                    ranks |= {(nearest[first] == other).nonzero().item() for other in others}
                else:
                    any_of_them += len(set(others) - near)
    assert ranks == set(range(NEAREST))  # any of the nearest, not the first few
    assert any_of_them / (180 * 2 * 3) == pytest.approx(1 - NEAREST / (size - 1), abs=0.06)


def test_the_share_of_groups_that_look_alike_is_kept() -> None:
    size = 200  # so large that others than look-alikes are hardly ever among the nearest
    store = store_of({"toy/car": [1] * size})
    alike = 0
    for step in range(600):
        first, *others = instances(store, drawn(store, step, groups=1, look_alikes=0.7).view_a)
        alike += set(others) <= set(store.nearest[first].tolist())
    assert alike / 600 == pytest.approx(0.7, abs=0.07)


@pytest.mark.parametrize("look_alikes", [0.0, 1.0])
def test_every_instance_of_a_small_group_is_drawn_where_all_are_needed(look_alikes: float) -> None:
    store = store_of({"toy/car": [1] * 4, "photo/": [1] * 30})
    shares = torch.tensor([1.0, 0.0])
    for step in range(30):
        chance = Chance(0, step, CPU)
        found = draw(store, shares, groups=1, group_size=4, look_alikes=look_alikes, chance=chance)
        assert sorted(found.view_a.tolist()) == [0, 1, 2, 3]


def test_groups_come_up_by_their_shares() -> None:
    store = store_of(MIXED)
    shares = torch.tensor([0.5, 0.0, 0.2, 0.3])
    counts: Counter[int] = Counter()
    for step in range(1200):
        chance = Chance(4, step, CPU)
        found = draw(store, shares, groups=1, group_size=2, look_alikes=0.5, chance=chance)
        counts.update(categories(store, found.instance[:1].tolist()))
    assert [counts[category] / 1200 for category in range(4)] == pytest.approx(shares.tolist(), abs=0.05)
    assert counts[1] == 0


def test_a_step_is_drawn_again_as_it_was_and_another_is_not() -> None:
    store = store_of(MIXED)
    assert equal(drawn(store, 3), drawn(store, 3))
    assert not equal(drawn(store, 3), drawn(store, 4))
    a, b = (
        draw(store, torch.ones(4), groups=3, group_size=4, look_alikes=0.5, chance=Chance(seed, 3, CPU))
        for seed in (1, 2)
    )
    assert not equal(a, b)


def test_a_familys_share_is_its_own_whatever_its_groups() -> None:
    store = store_of(
        {"toy/car": [1] * 9, "toy/cow": [1] * 4, "toy/cup": [1] * 2, "photo/": [1] * 400, "scan/shoe": [1] * 2}
    )
    shares = shares_of(store, {"toy": 3.0, "photo": 1.0, "scan": 0.0, "not in the pack": 7.0})
    assert shares.dtype == torch.float32
    assert shares[:3].sum() == pytest.approx(0.75)
    assert shares[3:].tolist() == pytest.approx([0.25, 0.0])
    assert (shares[:3] / shares[1]).tolist() == pytest.approx([1.5, 1.0, 0.5**0.5])  # by the square root of the size


def test_some_is_a_fixed_number_of_distinct_indices() -> None:
    seen: Counter[int] = Counter()
    for step in range(300):
        found = Chance(0, step, CPU).some(10, 0.34).tolist()
        assert len(set(found)) == len(found) == 3
        seen.update(found)
    assert set(seen) == set(range(10))
    assert max(seen.values()) < 2 * min(seen.values())
    assert Chance(0, 0, CPU).some(7, 0.0).tolist() == []
    assert sorted(Chance(0, 0, CPU).some(7, 1.0).tolist()) == list(range(7))


def test_below_is_even_and_never_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = torch.tensor([1, 2, 3, 7, 1000]).repeat(20_000, 1)
    found = Chance(2, 0, CPU).below(bounds)
    assert found.dtype == torch.int64
    assert (found >= 0).all()
    assert (found < bounds).all()
    assert (found[:, 3].bincount() / 20_000).tolist() == pytest.approx([1 / 7] * 7, abs=0.015)
    assert found[:, 4].unique().numel() == 1000
    # Neither does it where the highest number comes up, nor for bounds that float32 cannot hold.
    largest = np.nextafter(np.float32(1), np.float32(0))
    monkeypatch.setattr(Chance, "uniform", lambda self, *shape: torch.full(shape, float(largest)))
    small, large = torch.arange(1, 5000), 2**25 + torch.arange(5000)
    assert torch.equal(Chance(0, 0, CPU).below(small), small - 1)
    assert (Chance(0, 0, CPU).below(large) < large).all()
