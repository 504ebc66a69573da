"""Sampling of pairs: matching ones, hard negatives (another instance of the group) and easy ones (another group).

Half of the pairs match. `suits` decides which two images may be paired (of two cameras, say), for matching and other
pairs alike, and an instance is side a of as many matches as negatives, so that only the object tells them apart.
Matches are taken from the instances in turn until one has no more. An instance with a single image can only be side b
of a negative. No pair occurs twice, in either order.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from scott_core.data.instances import Instance, View
from scott_core.errors import PairsError
from scott_core.pairs import Pair

Suits = Callable[[View, View], bool]
_Places = Iterator[tuple[int, int]]  # of images a and b in a line-up


def sample_pairs(
    instances: Sequence[Instance],
    *,
    size: int,
    seed: int,
    hard: float = 0.5,
    suits: Suits = lambda a, b: True,
) -> list[Pair]:
    """`size` pairs in random order, or as many as there are; equal arguments give equal pairs.

    A share `hard` of the negatives is hard; where an instance has none of one kind left, it gives one of the other.
    There are no more negatives than matches. Raises PairsError where no two images of one instance suit.
    """
    rng = random.Random(seed)
    line_up = _LineUp(instances)
    anchors = [i for i, own in enumerate(line_up.own) if len(own) > 1]
    rng.shuffle(anchors)
    seen: set[frozenset[int]] = set()

    def draws(within: Sequence[range], without: Sequence[range]) -> dict[int, _Places]:
        return {i: _candidates(line_up, i, within[i], without[i], suits, rng) for i in anchors}

    def unseen(source: _Places) -> tuple[int, int] | None:
        places = next((places for places in source if frozenset(places) not in seen), None)
        if places is not None:
            seen.add(frozenset(places))
        return places

    own, group = line_up.own, line_up.group
    matching = draws(own, [range(views.stop, views.stop) for views in own])
    negative = {"hard": draws(group, own), "easy": draws([range(len(line_up.views))] * len(own), group)}

    pairs: list[Pair] = []
    owners: list[int] = []  # instance of side a of each match
    turns = deque(anchors)
    while turns and len(pairs) < size - size // 2:
        anchor = turns.popleft()
        if places := unseen(matching[anchor]):
            pairs.append(line_up.pair(places, 1, "match"))
            owners.append(anchor)
            turns.append(anchor)
    if not pairs:
        raise PairsError("no instance has two pictures that may be paired")
    rng.shuffle(owners)
    owners = owners[: size // 2]
    for number, anchor in enumerate(owners):
        for kind in ("hard", "easy") if number < round(hard * len(owners)) else ("easy", "hard"):
            if places := unseen(negative[kind][anchor]):
                pairs.append(line_up.pair(places, 0, kind))
                break
    rng.shuffle(pairs)
    return pairs


class _LineUp:
    """All views in one row, so that each instance and each group is a range of places in it."""

    def __init__(self, instances: Sequence[Instance]):
        ordered = sorted(instances, key=lambda instance: (instance.group, instance.name))
        self.views = [view for instance in ordered for view in instance.views]
        self.shown = [instance for instance in ordered for _ in instance.views]
        ends = list(accumulate(len(instance.views) for instance in ordered))
        self.own = [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        bounds: dict[str, range] = {}
        for instance, own in zip(ordered, self.own, strict=True):
            bounds[instance.group] = range(bounds.get(instance.group, own).start, own.stop)
        self.group = [bounds[instance.group] for instance in ordered]

    def pair(self, places: tuple[int, int], label: int, kind: str) -> Pair:
        a, b = (self.views[place] for place in places)
        of_a, of_b = (self.shown[place] for place in places)
        return Pair(
            image_a=a.image.as_posix(),
            image_b=b.image.as_posix(),
            label=label,
            kind=kind,
            family=of_a.family,
            path_a=a.image,
            path_b=b.image,
            mask_a=a.mask,
            mask_b=b.mask,
            instance_a=of_a.name,
            instance_b=of_b.name,
        )


def _candidates(
    line_up: _LineUp, anchor: int, within: range, without: range, suits: Suits, rng: random.Random
) -> _Places:
    """Places (a, b) that suit, in random order: a is of the anchor, b in `within` but not in its part `without`."""
    own, others = line_up.own[anchor], len(within) - len(without)
    for index in _shuffled(len(own) * others, rng):
        a, b = own.start + index // others, within.start + index % others
        if b >= without.start:
            b += len(without)
        if a != b and suits(line_up.views[a], line_up.views[b]):
            yield a, b


def _shuffled(n: int, rng: random.Random) -> Iterator[int]:
    """The numbers below n in random order (Fisher-Yates); memory is needed for the drawn ones only."""
    moved: dict[int, int] = {}
    for last in range(n - 1, -1, -1):
        at = rng.randrange(last + 1)
        yield moved.get(at, at)
        moved[at] = moved.pop(last, last)
