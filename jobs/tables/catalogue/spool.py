"""A whole catalogue on its way into a plan: each product is a line of a temporary file, and 16 bytes of memory."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import numpy as np

from jobs.errors import WorkFolderUnusable
from jobs.storage import Storage
from jobs.tables.catalogue.product import Product, decode_product, encode_product, hash_of
from jobs.tables.catalogue.read import read_catalogue, stream_catalogue

IN_MEMORY = 16 * 2**20  # bytes of a catalogue that needs no file


class Spool:
    """The products of a catalogue, as lines (`encode_product`)."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hashes = array("Q")
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, product: Product) -> None:
        """Adds one product."""
        line = encode_product(product)
        self._file.write(line)
        self._hashes.append(hash_of(product.product_id))
        self._ends.append(self._ends[-1] + len(line))

    def lacks(self, product_ids: Iterable[str]) -> list[str]:
        """Those of `product_ids` that no product has."""
        hashes = np.frombuffer(self._hashes, np.uint64)
        return [product_id for product_id in product_ids if not (hashes == np.uint64(hash_of(product_id))).any()]

    def repeated(self) -> str | None:
        """An id that two products have; None where each is there once."""
        hashes = np.frombuffer(self._hashes, np.uint64)
        order = np.argsort(hashes, kind="stable")
        again = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
        return decode_product(self._line(int(order[again[0] + 1]))).product_id if len(again) else None

    def in_buckets(self, n_buckets: int) -> Iterator[tuple[int, list[bytes]]]:
        """Each bucket that has products, with their lines."""
        bucket_of = np.frombuffer(self._hashes, np.uint64) % np.uint64(n_buckets)
        order = np.argsort(bucket_of, kind="stable")
        buckets, starts = np.unique(bucket_of[order], return_index=True)
        for bucket, places in zip(buckets.tolist(), np.split(order, starts[1:]), strict=True):
            yield bucket, [self._line(place) for place in places.tolist()]

    def _line(self, place: int) -> bytes:
        self._file.seek(self._ends[place])
        return self._file.read(self._ends[place + 1] - self._ends[place])


@contextmanager
def spool_products(products: Iterable[Product]) -> Iterator[Spool]:
    """The products, spooled. Raises WorkFolderUnusable where the temporary folder cannot hold them."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        spool = Spool(file)
        try:
            for product in products:
                spool.add(product)
        except OSError as error:
            raise WorkFolderUnusable(f"{tempfile.gettempdir()}: {error}: a catalogue is sorted there") from error
        yield spool


@contextmanager
def spool_catalogue(storage: Storage, inputs_from: Sequence[str]) -> Iterator[Spool]:
    """The whole catalogue, spooled. Raises as `read_catalogue` does, and WorkFolderUnusable."""
    with spool_products(product for _, product in stream_catalogue(storage, inputs_from)) as spool:
        if repeated := spool.repeated():
            read_catalogue(storage, inputs_from, [repeated])  # raises, and names the row
        yield spool
