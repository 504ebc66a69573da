"""Pictures on their way to a scorer: each decoded once, and read while the ones before them are scored."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

B = TypeVar("B")
S = TypeVar("S")
R = TypeVar("R")


class Pictures:
    """Pictures as `scorer` takes them, the last ones kept: a key is decoded once, by whichever thread asks first."""

    def __init__(self, scorer: Any):
        self._prepare = scorer.prepare
        self._keep = 2 * scorer.images_at_once
        self._found: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, source: Path | bytes) -> Any:
        """The prepared picture that `source` (a file or its bytes) holds, or in a str why it cannot be read."""
        with self._lock:
            is_first = key not in self._found
            found = self._found.setdefault(key, Future())
            self._found.move_to_end(key)
            if len(self._found) > self._keep:
                self._found.popitem(last=False)
        if is_first:
            try:
                found.set_result(self._read(source))
            except BaseException as error:
                found.set_exception(error)  # else those who wait for it would wait for ever
                raise
        return found.result()

    def _read(self, source: Path | bytes) -> Any:
        from scott_core import UnreadableImage, read_image

        try:
            return self._prepare(read_image(source))
        except UnreadableImage as error:
            return str(error)


def read_ahead(
    read: Callable[[S], R], blocks: Iterable[tuple[B, Sequence[S]]], threads: int
) -> Iterator[tuple[B, list[R]]]:
    """Each block with what `read` made of its sources; those of the next block are read while it is used."""
    pool = ThreadPoolExecutor(threads)
    try:
        waiting: tuple[B, list[Future[R]]] | None = None
        for block, sources in blocks:
            started = block, [pool.submit(read, source) for source in sources]
            if waiting:
                yield waiting[0], [future.result() for future in waiting[1]]
            waiting = started
        if waiting:
            yield waiting[0], [future.result() for future in waiting[1]]
    finally:
        pool.shutdown(cancel_futures=True)


def side_by_side(needs: Sequence[Sequence[Hashable]]) -> list[int]:
    """An order of items by the sources that each needs (one or more): those that share some are close, so few are kept.

    Sources are ranked as Cuthill and McKee (1969) rank the nodes of a graph, to bring its edges near the diagonal; an
    item's sources are joined to its first.
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
