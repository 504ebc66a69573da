"""Rows of a table: reading the object of one bucket, and encoding rows as such an object. The same rows give the same
bytes.

Many rows are held as Arrow columns, since a row that is a dict takes ten times as much memory; an object is read and
written in parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Generic

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.damage import decoding
from jobs.tables.schemas import FOLDER_KEY, Row, Table

ROWS_AT_ONCE = 512  # as dictionaries: 1 MB
ROW_GROUP = 4096  # rows of a table's object


def rows_of_each(rows: Iterable[Row], product_ids: Iterable[str]) -> Iterator[list[Row]]:
    """The rows of each of `product_ids`, maybe none; both come by product id, and the rows of others are left out."""
    groups = groupby(rows, key=lambda row: row["product_id"])
    group = next(groups, None)
    for product_id in product_ids:
        while group is not None and group[0] < product_id:
            group = next(groups, None)
        yield list(group[1]) if group is not None and group[0] == product_id else []


class NewRows(Generic[Row]):
    """Rows on their way into a table, with the products that they are all the rows of; a product may have none."""

    def __init__(self, table: Table[Row]) -> None:
        self.table: Table[Row] = table
        self.product_ids: set[str] = set()
        self._waiting: list[Row] = []
        self._parts: list[pa.Table] = [table.schema.empty_table()]

    @classmethod
    def of(cls, table: Table[Row], rows: Mapping[str, Iterable[Row]]) -> NewRows[Row]:
        """The rows of each product, by its id."""
        found = cls(table)
        for product_id, each in rows.items():
            found.add(product_id, each)
        return found

    def add(self, product_id: str, rows: Iterable[Row]) -> None:
        """Adds the rows of one more product, in the order that they are to have."""
        self.product_ids.add(product_id)
        self._waiting += rows
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._pack()

    def add_table(self, product_ids: Iterable[str], rows: pa.Table) -> None:
        """Adds the rows of more products."""
        self.product_ids.update(product_ids)
        self._pack()
        self._parts.append(rows.cast(self.table.schema))

    def to_arrow(self) -> pa.Table:
        """All rows, in the order in which they were added, without FOLDER_KEY."""
        self._pack()
        return pa.concat_tables(self._parts)

    def _pack(self) -> None:
        self._parts.append(pa.Table.from_pylist(self._waiting, schema=self.table.schema))
        self._waiting = []


def read_rows(
    storage: Storage,
    table: Table[Row],
    audit_date: str,
    bucket: int,
    columns: Sequence[str] | None = None,
    product_ids: Collection[str] | None = None,
) -> list[Row]:
    """The rows of one bucket of `table`, or of `product_ids` alone, in file order; none where it was never written.

    With `columns`, the rows hold those alone, and FOLDER_KEY.
    """
    return list(stream_rows(storage, table, audit_date, bucket, columns, product_ids))


def stream_rows(
    storage: Storage,
    table: Table[Row],
    audit_date: str,
    bucket: int,
    columns: Sequence[str] | None = None,
    product_ids: Collection[str] | None = None,
) -> Iterator[Row]:
    """As `read_rows`, with ROWS_AT_ONCE of them in memory, beside the object's bytes."""
    for part in stream_tables(storage, table, audit_date, bucket, columns, product_ids):
        for row in part.to_pylist():
            yield _with_folder(audit_date, row)


def stream_tables(
    storage: Storage,
    table: Table[Row],
    audit_date: str,
    bucket: int,
    columns: Sequence[str] | None = None,
    product_ids: Collection[str] | None = None,
) -> Iterator[pa.Table]:
    """As `stream_rows`, in Arrow tables without FOLDER_KEY: for who looks at few of many rows."""
    key = keys.table_key(table.name, audit_date, bucket)
    blob = storage.read_or_none(key)
    if blob is None:
        return
    names: list[str] = list(table.schema.names if columns is None else columns)
    wanted = names if "product_id" in names else [*names, "product_id"]
    for part in _parts(table, blob.data, wanted, storage.uri(key)):
        chosen = part if product_ids is None else of_products(part, product_ids)
        yield chosen.select(names)


def decode_rows(table: Table[Row], audit_date: str, data: bytes, uri: str) -> list[Row]:
    """The rows of the object of `table` at `uri` in the folder of `audit_date`, of this schema version or an older one.

    Raises DamagedObject.
    """
    return [_with_folder(audit_date, row) for row in decode_table(table, data, uri).to_pylist()]


def decode_table(table: Table[Row], data: bytes, uri: str) -> pa.Table:
    """The rows of the object of `table` at `uri` as Arrow, with nulls where an older version has no column.

    Raises DamagedObject.
    """
    return pa.concat_tables([table.schema.empty_table(), *_parts(table, data, table.schema.names, uri)])


def encode_rows(table: Table[Row], rows: Sequence[Row]) -> bytes:
    """The object that holds `rows`; FOLDER_KEY is left to the name of its folder."""
    return encode_table(pa.Table.from_pylist(list(rows), schema=table.schema))


def encode_table(rows: pa.Table) -> bytes:
    """The object that holds these rows of a table, in row groups of ROW_GROUP."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", row_group_size=ROW_GROUP)
    return bytes(sink.getvalue())


def of_products(rows: pa.Table, product_ids: Collection[str]) -> pa.Table:
    """Those of `rows` that belong to the products."""
    return rows.filter(pc.is_in(rows["product_id"], value_set=pa.array(sorted(product_ids), pa.string())))


def _parts(table: Table[Row], data: bytes, columns: Sequence[str], uri: str) -> Iterator[pa.Table]:
    """The `columns` of the object at `uri`, ROWS_AT_ONCE rows at a time. Raises DamagedObject."""
    schema = pa.schema([table.schema.field(name) for name in columns], metadata=table.schema.metadata)
    with decoding(uri):
        # In this thread: pq.read_table scans with Arrow's own, and one that lets go of `data` while the interpreter
        # shuts down aborts the process after its work is done.
        file = pq.ParquetFile(pa.BufferReader(data))
        stored = set(file.schema_arrow.names)
        known = [name for name in schema.names if name in stored]
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=known, use_threads=False):
            new = (name for name in schema.names if name not in known)
            found = {name: pa.nulls(batch.num_rows, schema.field(name).type) for name in new}
            found |= {name: batch.column(name) for name in known}
            yield pa.table([found[name] for name in schema.names], names=schema.names).cast(schema)


def _with_folder(audit_date: str, row: Any) -> Any:
    """A row of a file with the column that the name of its folder holds."""
    return {FOLDER_KEY: audit_date, **row}
