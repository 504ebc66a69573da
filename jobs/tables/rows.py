"""Rows of the tables: reading an object, and replacing the rows of some products in it.

`replace_rows` is the only writer. It reads the object, then asks the plan who owns each product, then
writes on the condition that the object has not changed. A newer run plans before it writes, so an
attempt that comes late either sees the new owner and leaves its rows alone, or loses the race and
looks again. Rows of every other product stay as they are, in their order. The same rows give the
same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.plan import read_bucket
from jobs.tables.schemas import SCHEMAS

Row = dict[str, Any]


def read_rows(
    storage: Storage, table: str, audit_date: str, bucket: int, columns: list[str] | None = None
) -> list[Row]:
    """The rows of one bucket of `table`, in file order; none where it was never written."""
    blob = storage.read_or_none(keys.table_key(table, audit_date, bucket))
    return _decode(blob.data, columns) if blob else []


def by_product(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each product, in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["product_id"], []).append(row)
    return groups


def replace_rows(
    storage: Storage, table: str, audit_date: str, bucket: int, run_id: str, rows: dict[str, list[Row]]
) -> list[str]:
    """Put `rows` (by product id) in place of those of the products that `run_id` still owns.

    Products that have left the plan lose their rows. Returns the ids of the products whose rows are
    now those of this run.
    """
    taken: list[str] = []

    def change(data: bytes | None) -> bytes:
        found = by_product(_decode(data)) if data is not None else {}
        products = read_bucket(storage, audit_date, bucket)
        taken[:] = [p.product_id for p in products if p.run_id == run_id and p.product_id in rows]
        found.update({name: rows[name] for name in taken})
        return _encode(table, [row for p in products for row in found.get(p.product_id, [])])

    storage.update(keys.table_key(table, audit_date, bucket), change)
    return taken


def _decode(data: bytes, columns: list[str] | None = None) -> list[Row]:
    # In this thread: pq.read_table scans with Arrow's own, and one that lets go of `data` while the interpreter
    # shuts down aborts the process after its work is done.
    rows: list[Row] = pq.ParquetFile(pa.BufferReader(data)).read(columns, use_threads=False).to_pylist()
    return rows


def _encode(table: str, rows: list[Row]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[table]), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
