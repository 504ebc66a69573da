"""Rows of a table that a feed is made of: Parquet, CSV or JSON Lines.

Rows are read one after another, so that a feed of a million products costs the memory of its products and of one part.
A row that unpacks without end stops at MAX_LINE. Of Parquet Arrow unpacks ROWS_AT_ONCE rows first, and MAX_URIS is the
limit of a row. A CSV has a header, commas between cells, and as many cells in each row: a row that is shorter or longer
is shifted somewhere, and refused. A line of JSON Lines ends with a line feed and with no other of Unicode's line ends,
which a title may hold.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any, AnyStr

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.errors import BadCatalogue
from jobs.tables.catalogue.product import COLUMNS, check_columns

MAX_LINE = 16 * 2**20  # characters, or bytes, of a row: 100 times the longest description met, of 140,000
MAX_URIS = 10_000  # of a cell of Parquet, where an equal one costs nothing: 100 times a product of many images
ROWS_AT_ONCE = 4096  # of Parquet
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

Source = io.BytesIO | gzip.GzipFile
Keys = dict[str, str | None]  # columns that the names of a part's folders hold
Rows = Iterator[tuple[int, Any]]  # a row with its number, from 1, the header not counted


def read_rows(
    form: str, key: str, data: bytes, keys: Keys, where: str, product_ids: Collection[str] | None = None
) -> Iterator[tuple[str, Any]]:
    """Each row of the table `data`, of one of FORMS, with its place in words; `keys` go into each row.

    With `product_ids`, rows of other products may be left out: those that can be told without reading them whole.
    Raises BadCatalogue naming `where` and the row at which it cannot be read.
    """
    number = 0
    try:
        source: Source = io.BytesIO(data)
        if key.lower().endswith(".gz"):
            source = gzip.GzipFile(fileobj=source)
        for number, row in FORMS[form](source, keys, where, product_ids):
            yield f"{where} row {number}", {**keys, **row} if keys and isinstance(row, dict) else row
    except (pa.ArrowException, OSError, EOFError, zlib.error, csv.Error, ValueError, RecursionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadCatalogue(f"{where} cannot be read at row {number + 1}: {reason}") from error


def _parquet_rows(source: Source, keys: Keys, where: str, product_ids: Collection[str] | None) -> Rows:
    # Arrow reads a Python stream with a thread of its own, which may abort the process at its end: see rows.py.
    file = pq.ParquetFile(pa.BufferReader(source.read()))
    names = file.schema_arrow.names
    _check_header([*names, *keys], where)
    number = 0
    wanted = [name for name in COLUMNS if name in names]
    groups = [file.metadata.row_group(n) for n in range(file.num_row_groups)]
    columns = [(group, group.column(n)) for group in groups for n in range(group.num_columns)]
    for group, column in columns:  # before Arrow unpacks them
        if column.path_in_schema.partition(".")[0] in wanted and column.num_values > group.num_rows * MAX_URIS:
            raise ValueError(f"{column.path_in_schema}: its rows have over {MAX_URIS} URIs")
    for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted, use_threads=False):
        places = range(batch.num_rows) if product_ids is None else _places_of(batch, product_ids)
        for place, row in zip(places, _python_rows(_rows_at(batch, places)), strict=True):
            yield number + place + 1, row
        number += batch.num_rows


def _rows_at(batch: pa.RecordBatch, places: Sequence[int]) -> pa.RecordBatch:
    return batch if len(places) == batch.num_rows else batch.take(pa.array(places, pa.int64()))


def _places_of(batch: pa.RecordBatch, product_ids: Collection[str]) -> Sequence[int]:
    """The rows that may be those of `product_ids`: all, where the column is no text and no integer."""
    ids = batch["product_id"] if "product_id" in batch.schema.names else pa.nulls(batch.num_rows)
    if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type) or pa.types.is_integer(ids.type)):
        return range(batch.num_rows)
    found = pc.is_in(ids.cast(pa.string()), value_set=pa.array(sorted(product_ids), pa.string()))
    places: list[int] = pc.indices_nonzero(found).to_pylist()
    return places


def _python_rows(batch: pa.RecordBatch) -> Iterator[Any]:
    """The rows of `batch`, one by one where they are large. ValueError at a cell of over MAX_URIS."""
    step = batch.num_rows if batch.nbytes <= MAX_LINE else 1
    for start in range(0, batch.num_rows, max(step, 1)):
        rows = batch.slice(start, step)
        for name, column in zip(rows.schema.names, rows.columns, strict=True):
            if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
                longest = pc.max(pc.list_value_length(column)).as_py() or 0
                if longest > MAX_URIS:
                    raise ValueError(f"{name}: it has {longest} URIs; at most {MAX_URIS} are expected")
        yield from rows.to_pylist()


def _csv_rows(source: Source, keys: Keys, where: str, product_ids: Collection[str] | None) -> Rows:
    csv.field_size_limit(MAX_LINE)  # of this process; 128 KiB otherwise
    text = io.TextIOWrapper(_utf8(source), "utf-8-sig", errors="surrogateescape", newline="")
    rows = csv.reader(_lines(text.readline, ""), strict=True)
    header = [name.strip().lower() for name in next(rows, [])]
    _check_header([*header, *keys], f"{where}, in its header,")
    of_id = header.index("product_id") if "product_id" in header else None
    for number, cells in enumerate(rows, 1):
        if not any(cells):
            continue  # a blank line, or commas alone
        if len(cells) != len(header):
            raise BadCatalogue(
                f"{where} row {number} has {len(cells)} cells and the header {len(header)}: expected as many, and "
                f"quotes around a cell with a comma; it begins with {cells[0]!r:.80}"
            )
        if product_ids is None or of_id is None or cells[of_id] in product_ids:
            yield number, dict(zip(header, cells, strict=True))


def _jsonl_rows(source: Source, keys: Keys, where: str, product_ids: Collection[str] | None) -> Rows:
    ids = None if product_ids is None or "product_id" in keys else [each.encode() for each in product_ids]
    decode = json.JSONDecoder(parse_constant=lambda _: None).decode  # NaN is what pandas makes of a missing cell
    for number, line in enumerate(_lines(_utf8(source).readline, b""), 1):
        if ids is not None and b"\\u" not in line and not any(each in line for each in ids):
            continue
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if text:
            yield number, decode(text)


FORMS = {"parquet": _parquet_rows, "csv": _csv_rows, "jsonl": _jsonl_rows}


def _check_header(names: list[str], where: str) -> None:
    check_columns(names, where)
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise BadCatalogue(f"{where} has the column {twice[0]} twice: expected it once")


def _utf8(source: Source) -> Source:
    """`source`. ValueError where it is UTF-16, as Excel's "Unicode Text" is."""
    if source.read(2) in _UTF16:
        raise ValueError("it is UTF-16; expected UTF-8")
    source.seek(0)
    return source


def _lines(read_line: Callable[[int], AnyStr], end: AnyStr) -> Iterator[AnyStr]:
    """The lines that `read_line` gives until it gives `end`. ValueError where one is over MAX_LINE."""
    for line in iter(partial(read_line, MAX_LINE), end):
        if len(line) == MAX_LINE:
            raise ValueError(f"a line is over {MAX_LINE} characters")
        yield line
