"""Query: the rows of one SQL statement over past audits, in batches, and as CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import BadQuery, StorageUnavailable
from jobs.history.database import connect
from jobs.outputs import writing

ROWS_AT_ONCE = 10_000
SHOWING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


@dataclass(frozen=True)
class Rows:
    """The rows of a query, read as they are iterated over, once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@contextmanager
def open_query(root: str, sql: str) -> Iterator[Rows]:
    """The rows of `sql`, over the views of jobs/history/database.py. Raises BadQuery, and the errors of storage."""
    with connect(root) as database:
        try:
            statements = database.extract_statements(sql)
            if not statements or statements[-1].type not in SHOWING:
                raise BadQuery("the query shows nothing: expected a SELECT")
            found = database.execute(sql).to_arrow_reader(ROWS_AT_ONCE)
        except duckdb.Error as error:
            raise _typed(error) from error
        yield Rows(found.schema, _batches(found))


def _batches(found: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from found
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise _typed(error) from error


def _typed(error: Exception) -> BadQuery | StorageUnavailable:
    """The error for what DuckDB raised; what its files raised is a plain duckdb.Error."""
    said = " ".join(str(error).split("\n\nLINE ")[0].split("\n\nAt:")[0].split())
    return StorageUnavailable(said) if type(error) is duckdb.Error else BadQuery(said)


def rows_of(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows of a batch."""
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def write_csv(rows: Rows, stream: TextIO) -> None:
    """Writes the rows with a header; null is empty, a list is JSON, bytes are hexadecimal."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(rows.schema.names)
    for batch in rows.batches:
        writer.writerows(map(_cell, row) for row in rows_of(batch))


def write_json(batches: Iterable[pa.RecordBatch], stream: TextIO) -> None:
    """Writes an array with an object for each row, on a line of its own."""
    before = "[\n"
    for batch in batches:
        for row in batch.to_pylist():
            stream.write(before + json.dumps(row, ensure_ascii=False, default=_plain))
            before = ",\n"
    stream.write("[]\n" if before == "[\n" else "\n]\n")


def write_parquet(rows: Rows, out: Path) -> None:
    """Writes the rows to a file. Raises BadArgument where it cannot be written."""
    with writing(out), pq.ParquetWriter(out, rows.schema, compression="zstd") as file:
        for batch in rows.batches:
            file.write_batch(batch)


def _cell(value: Any) -> Any:
    return (
        json.dumps(value, ensure_ascii=False, default=_plain)
        if isinstance(value, list | dict | bool)
        else _plain(value)
    )


def _plain(value: Any) -> Any:
    """A value that JSON has no type for, as one that it has; others as they are."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):  # of DuckDB's sums of integers, too
        return int(value) if value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)
