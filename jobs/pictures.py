"""Pictures on their way to a scorer: each decoded once, and read while the ones before them are scored."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

B = TypeVar("B")
S = TypeVar("S")
R = TypeVar("R")


class Pictures:
    """Pictures as `scorer` takes them, the last ones kept: a key is decoded once. Safe to use from several threads."""

    def __init__(self, scorer: Any):
        self._prepare = scorer.prepare
        self._keep = 2 * scorer.pictures_at_once
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, source: Path | bytes) -> Any:
        """The prepared picture that `source` (a file or its bytes) holds, or in a str why it cannot be read."""
        from scott_core import UnreadableImage, read_image

        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        try:
            found = self._prepare(read_image(source))
        except UnreadableImage as error:
            found = str(error)
        with self._lock:
            self._found[key] = found
            if len(self._found) > self._keep:
                self._found.popitem(last=False)
        return found


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
