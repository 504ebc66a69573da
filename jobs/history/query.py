"""Query: the rows of one SQL statement over past audits, in batches, and as CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, TextIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import BadQuery, StorageUnavailable
from jobs.history.database import connect, tables_of
from jobs.outputs import replacing

ROWS_AT_ONCE = 10_000
SHOWING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


@dataclass(frozen=True)
class Rows:
    """The rows of a query, read as they are iterated over, once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@contextmanager
def open_query(root: str, sql: str) -> Iterator[Rows]:
    """The rows of `sql`, one SELECT over the views of jobs/history/database.py.

    Raises BadQuery, also for what the caller's writing of a value raises, UnknownAudit and the errors of storage.
    """
    with connect(root, tables_of(sql)) as database:
        try:
            statements = database.extract_statements(sql)
            if [statement.type in SHOWING for statement in statements] != [True]:
                raise BadQuery("expected one SELECT")
            found = database.execute(sql).to_arrow_reader(ROWS_AT_ONCE)
        except (duckdb.Error, pa.ArrowException, OSError) as error:  # OSError: a type that Arrow does not have
            raise _typed(error) from error
        except (TypeError, UnicodeError) as error:
            raise BadQuery("the query is no text in UTF-8") from error
        schema = _named_apart(found.schema)
        try:
            yield Rows(schema, _batches(found, schema))
        except (pa.ArrowException, OverflowError) as error:
            raise BadQuery(f"a column has values that cannot be written: {error}; cast it to VARCHAR") from error


def _named_apart(schema: pa.Schema) -> pa.Schema:
    """The columns, those that share a name with numbers: a, a_1, as DuckDB names them in a subquery."""
    names: list[str] = []
    for field in schema:
        numbered = (f"{field.name}_{n}" for n in count(1))
        names.append(field.name if field.name not in names else next(each for each in numbered if each not in names))
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _batches(found: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        for batch in found:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
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
    """Writes an array with an object for each row, on a line of its own. Numbers that are none are null."""
    before = "[\n"
    for batch in batches:
        for row in batch.to_pylist():
            stream.write(before + _json(row))
            before = ",\n"
    stream.write("[]\n" if before == "[\n" else "\n]\n")


def write_parquet(rows: Rows, out: Path) -> None:
    """Writes the rows to a file. Raises BadArgument where it cannot be written."""
    with replacing(out) as part, pq.ParquetWriter(part, rows.schema, compression="zstd") as file:
        for batch in rows.batches:
            file.write_batch(batch)


def _cell(value: Any) -> Any:
    return _json(value) if isinstance(value, list | dict | bool) else _plain(value)


def _json(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, default=_plain, allow_nan=False)


def _finite(value: Any) -> Any:
    """The value without what JSON has no words for: NaN and infinity are null, an interval is text."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, pa.MonthDayNano):  # a tuple
        return _plain(value)
    if isinstance(value, list | tuple):  # a map is a list of pairs
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """A value that JSON has no type for, as one that it has; others as they are."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):  # of DuckDB's sums of integers, too
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, pa.MonthDayNano):  # ISO 8601
        return f"P{value.months}M{value.days}DT{Decimal(value.nanoseconds).scaleb(-9).normalize():f}S"
    return value if value is None or isinstance(value, str | int | float) else str(value)
