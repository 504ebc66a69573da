"""The order of products in a report, what needs a person first, and their way there.

Cards come bucket by bucket and wait in a temporary file, packed to a tenth: the first is the dictionary of the others.
Of each product 40 bytes and its id stay in memory, as Arrow and NumPy arrays.
"""

from __future__ import annotations

import tempfile
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.audit.verdicts import CLOSE_CALL
from jobs.errors import WorkFolderUnusable
from jobs.tables.schemas import Verdict

IN_MEMORY = 16 * 2**20  # bytes of cards that need no file
_AT_ONCE = 1 << 16  # ids that wait as Python objects

Group = Literal["close_call", "no_match", "undecided", "match"]
GROUPS: tuple[Group, ...] = get_args(Group)  # in the order of the report


def group_of(row: Verdict) -> Group:
    """The part of the report that a product belongs to."""
    return "close_call" if row["reason"] == CLOSE_CALL else row["verdict"]


class Cards:
    """The cards of an audit: in the order in which they were added, then by their place in the report."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._dictionary = b""
        self._groups, self._ranks, self._ends = array("B"), array("d"), array("Q", [0])
        self._ids: list[str] = []
        self._packed: list[pa.Array] = []
        self._order = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, row: Verdict, card: bytes) -> None:
        """Adds the card of a product. Raises WorkFolderUnusable where the temporary folder cannot hold it."""
        group = group_of(row)
        self._dictionary = self._dictionary or card
        packer = zlib.compressobj(level=1, zdict=self._dictionary)
        with _on_disk():
            size = self._file.write(packer.compress(card)) + self._file.write(packer.flush())
        self._ends.append(self._ends[-1] + size)
        self._groups.append(GROUPS.index(group))
        self._ranks.append(-(row["probability"] or 0.0) if group == "close_call" else 0.0)
        self._ids.append(row["product_id"])
        if len(self._ids) >= _AT_ONCE:
            self._pack()

    def sort(self) -> None:
        """Gives each card its place: close calls, the likeliest first; then the others by verdict and id."""
        with _on_disk():
            self._file.flush()
        self._pack()
        columns = {
            "group": np.frombuffer(self._groups, np.uint8),
            "rank": np.frombuffer(self._ranks, np.float64),
            "id": pa.chunked_array(self._packed, pa.string()),
        }
        by = [(name, "ascending") for name in columns]
        self._order = pc.sort_indices(pa.table(columns), sort_keys=by).to_numpy().astype(np.int64)

    def at(self, start: int, stop: int) -> Iterator[bytes]:
        """The cards at the places from `start` to `stop`."""
        for number in self._order[start:stop].tolist():
            self._file.seek(self._ends[number])
            packed = self._file.read(self._ends[number + 1] - self._ends[number])
            yield zlib.decompressobj(zdict=self._dictionary).decompress(packed)

    def first_of(self, group: Group) -> tuple[int, str] | None:
        """The place and the product id of a group's first card; None where it has none."""
        groups = np.frombuffer(self._groups, np.uint8)[self._order]
        place = int(np.searchsorted(groups, GROUPS.index(group)))
        if place == len(groups) or groups[place] != GROUPS.index(group):
            return None
        return place, str(pa.chunked_array(self._packed, pa.string())[int(self._order[place])])

    def by_id(self) -> pa.Table:
        """The columns id, place and group (its number), by id in small letters."""
        places = np.empty(len(self), np.int64)
        places[self._order] = np.arange(len(self))
        ids = pa.chunked_array(self._packed, pa.string())
        found = pa.table({"id": ids, "place": places, "group": np.frombuffer(self._groups, np.uint8)})
        order = pc.sort_indices(
            pa.table({"small": pc.ascii_lower(ids), "id": ids}), [("small", "ascending"), ("id", "ascending")]
        )
        return found.take(order)

    def _pack(self) -> None:
        self._packed.append(pa.array(self._ids, pa.string()))
        self._ids = []


@contextmanager
def spooled_cards() -> Iterator[Cards]:
    """No cards yet, in a temporary file that goes with the context."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        yield Cards(file)


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkFolderUnusable(f"{tempfile.gettempdir()}: {error}: a report is sorted there") from error
