"""Rows of a table: reading the object of one bucket, and encoding rows as such an object. The same rows give the same
bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.schemas import FOLDER_KEY, Row, Table


def read_rows(
    storage: Storage, table: Table[Row], audit_date: str, bucket: int, columns: Sequence[str] | None = None
) -> list[Row]:
    """The rows of one bucket of `table`, in file order; none where it was never written.

    With `columns`, the rows hold those alone, and FOLDER_KEY.
    """
    blob = storage.read_or_none(keys.table_key(table.name, audit_date, bucket))
    return decode_rows(table, audit_date, blob.data, columns) if blob else []


def by_product(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each product, in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["product_id"], []).append(row)
    return groups


def decode_rows(table: Table[Row], audit_date: str, data: bytes, columns: Sequence[str] | None = None) -> list[Row]:
    """The rows of an object of `table` in the folder of `audit_date`, of this schema version or an older one."""
    # In this thread: pq.read_table scans with Arrow's own, and one that lets go of `data` while the interpreter
    # shuts down aborts the process after its work is done.
    names = None if columns is None else list(columns)
    found = pq.ParquetFile(pa.BufferReader(data)).read(names, use_threads=False)
    empty = {FOLDER_KEY: audit_date} | dict.fromkeys(names or table.schema.names)  # an older version has fewer columns
    rows: list[Row] = [empty | row for row in found.to_pylist()]
    return rows


def encode_rows(table: Table[Row], rows: Sequence[Row]) -> bytes:
    """The object that holds `rows`; FOLDER_KEY is left to the name of its folder."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=table.schema), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
