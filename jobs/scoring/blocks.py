"""Orders items so that those which share images are close, and cuts them into blocks of bounded size."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

B = TypeVar("B")
S = TypeVar("S")


def side_by_side(needs: Sequence[Sequence[Hashable]]) -> list[int]:
    """An order of items in which those that share sources are close; each item needs one source or more.

    Few images are then in memory at a time. Sources are ranked as Cuthill and McKee (1969) rank the nodes of a graph,
    to bring its edges near the diagonal; an item's sources are joined to its first.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    places: dict[Hashable, int] = {}
    items = [[places.setdefault(source, len(places)) for source in each] for each in needs]
    edges = [(each[0], place) for each in items for place in each]
    graph = coo_array((np.ones(len(edges)), np.array(edges).reshape(-1, 2).T), (len(places),) * 2).tocsr()
    order = reverse_cuthill_mckee(graph + graph.T, symmetric_mode=True) if places else []
    rank = {int(place): n for n, place in enumerate(order)}
    return sorted(range(len(items)), key=lambda n: sorted(rank[place] for place in items[n]))


def in_blocks(items: Iterable[tuple[B, Sequence[S]]], at_once: int) -> Iterator[tuple[list[B], list[S]]]:
    """Items that come each with its sources, joined while they have `at_once` different sources or fewer together."""
    block: list[B] = []
    sources: dict[S, None] = {}
    for item, needs in items:
        more = dict.fromkeys(source for source in needs if source not in sources)
        if block and more and len(sources) + len(more) > at_once:
            yield block, list(sources)
            block, sources, more = [], {}, dict.fromkeys(needs)
        block.append(item)
        sources |= more
    if block:
        yield block, list(sources)
