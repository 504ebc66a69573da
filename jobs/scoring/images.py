"""Reads images for a scorer: each is decoded once, and read while the ones before it are scored.

`read_shown` is where every job turns the bytes of an image that is to be compared into RGB.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jobs.errors import BlankImage
from jobs.tables.failed import Failed

if TYPE_CHECKING:
    from PIL.Image import Image

    from scott_core import PairScorer

Prepared = Any  # what a scorer's `prepare` makes of an image
B = TypeVar("B")
S = TypeVar("S")
R = TypeVar("R")


def read_shown(source: Path | bytes) -> Image:
    """The image in a file or its bytes, as RGB.

    Raises scott_core's UnreadableImage, and BlankImage where it shows nothing by the check that document images pass.
    """
    import numpy as np

    from extractors.blank import shows_nothing
    from scott_core import read_image

    image = read_image(source)
    nothing = shows_nothing(np.asarray(image))
    if nothing is not None:
        name = "image" if isinstance(source, bytes) else str(source)
        raise BlankImage(f"{name} of {image.width}x{image.height} px shows nothing: {nothing}")
    return image


class PreparedImages:
    """Images as `scorer` takes them; a key is decoded once, by whichever thread asks first, and the last are kept."""

    def __init__(self, scorer: PairScorer):
        self._prepare = scorer.prepare
        self._keep = 2 * scorer.images_at_once
        self._found: OrderedDict[Hashable, Future[Prepared | Failed]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, source: Path | bytes, *, is_extracted: bool = False) -> Prepared | Failed:
        """The prepared image that `source` (a file or its bytes) holds.

        Failed where it holds none (`unreadable`) or one that shows nothing (`blank`); `is_extracted` says that the
        extractor has looked at what it shows.
        """
        with self._lock:
            is_first = key not in self._found
            found = self._found.setdefault(key, Future())
            self._found.move_to_end(key)
            if len(self._found) > self._keep:
                self._found.popitem(last=False)
        if is_first:
            try:
                found.set_result(self._read(source, is_extracted))
            except BaseException as error:
                found.set_exception(error)  # else those who wait for it would wait for ever
                raise
        return found.result()

    def _read(self, source: Path | bytes, is_extracted: bool) -> Prepared | Failed:
        from scott_core import UnreadableImage, read_image

        try:
            return self._prepare(read_image(source) if is_extracted else read_shown(source))
        except UnreadableImage as error:
            return Failed("unreadable", str(error))
        except BlankImage as error:
            return Failed("blank", str(error))


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
