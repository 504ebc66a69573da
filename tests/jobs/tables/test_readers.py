"""The tables as analysts' readers of Parquet see them: whole, one night, one file, and two schema versions together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dask
import dask.dataframe
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from jobs.tables.readers import READERS
from jobs.tables.rows import encode_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS, Table, data_dictionary
from tests import ROOT

OLD, NEW, NEWEST = "2026-01-01", "2026-01-02", "2026-01-03"
BUCKETS, ROWS = 2, 3  # of each night; of each file
ONE_NIGHT = BUCKETS * ROWS
TABLES = (VERDICTS, PAIR_SCORES, DOCUMENT_IMAGES)
DICTIONARY = pa.dictionary(pa.int32(), pa.string())
EVERY_TABLE = pytest.mark.parametrize("table", [table.name for table in TABLES])


@pytest.fixture(autouse=True)
def _in_this_thread() -> Iterator[None]:
    """Have dask compute in this thread: its own pool, beside Arrow's and polars', once did not come to an end."""
    with dask.config.set(scheduler="synchronous"):
        yield


def made_rows(table: Table[Any], bucket: int) -> list[dict[str, Any]]:
    """Rows with a value in each column; the product ids say the bucket."""
    by_type: dict[pa.DataType, Any] = {
        pa.int32(): 7,
        pa.float32(): 0.5,
        pa.float64(): 0.5,
        pa.bool_(): True,
        pa.binary(): b"\xff",
        pa.list_(pa.float64()): [1.0, 2.0, 3.0, 4.0],
        pa.timestamp("us", tz="UTC"): datetime(2026, 1, 1, 3, tzinfo=UTC),
    }
    row = {field.name: by_type.get(field.type, "text") for field in table.schema}
    return [{**row, "product_id": f"P{bucket}-{n}"} for n in range(ROWS)]


def write_night(root: Path, date: str, change: Callable[[pa.Table], pa.Table] = lambda table: table) -> None:
    """One night of each table; `change` makes another schema version of it."""
    for table in TABLES:
        folder = root / table.name / f"audit_date={date}"
        folder.mkdir(parents=True)
        for bucket in range(BUCKETS):
            data = encode_rows(table, made_rows(table, bucket))
            pq.write_table(
                change(pq.ParquetFile(pa.BufferReader(data)).read()), folder / f"bucket={bucket:04d}.parquet"
            )


def with_date(date: str) -> Callable[[pa.Table], pa.Table]:
    """Schema version 1: the date is a column, too."""
    return lambda table: table.add_column(0, "audit_date", pa.array([date] * len(table)).cast(DICTIONARY))


def with_more(table: pa.Table) -> pa.Table:
    """A version to come, which has one column more."""
    return table.append_column("added", pa.array(["more"] * len(table)))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with two nights of today's version."""
    root = tmp_path_factory.mktemp("written")
    write_night(root, NEW)
    write_night(root, NEWEST)
    return root


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a night of version 1, one of today's and one of a version to come."""
    root = tmp_path_factory.mktemp("mixed")
    write_night(root, OLD, with_date(OLD))
    write_night(root, NEW)
    write_night(root, NEWEST, with_more)
    return root


def paths(root: Path, table: str) -> tuple[str, str, str]:
    """The whole table, its last night, one file of it."""
    whole = root / table
    return str(whole), str(whole / f"audit_date={NEWEST}"), str(whole / f"audit_date={NEWEST}" / "bucket=0000.parquet")


READ = {
    "duckdb": lambda path: duckdb.sql(f"select * from '{path}{globbed(path)}'").df(),
    "pandas": pd.read_parquet,
    "pyarrow.parquet": lambda path: pq.read_table(path).to_pandas(),
    "pyarrow.dataset": lambda path: ds.dataset(path, partitioning="hive").to_table().to_pandas(),
    "polars": lambda path: pl.read_parquet(path).to_pandas(),
    "polars hive": lambda path: pl.scan_parquet(path, hive_partitioning=True).collect().to_pandas(),
    "dask": lambda path: dask.dataframe.read_parquet(path).compute(),
}


def globbed(path: str) -> str:
    return "" if path.endswith(".parquet") else "/*.parquet" if "audit_date=" in path else "/*/*.parquet"


@EVERY_TABLE
@pytest.mark.parametrize("reader", READ)
def test_every_reader_reads_all_of_a_table_one_night_and_one_file(written: Path, table: str, reader: str) -> None:
    one_file = [f"P0-{n}" for n in range(ROWS)]
    night = [f"P{bucket}-{n}" for bucket in range(BUCKETS) for n in range(ROWS)]
    for path, ids in zip(paths(written, table), (2 * night, night, one_file), strict=True):
        assert sorted(READ[reader](path)["product_id"]) == sorted(ids)
    whole = READ[reader](paths(written, table)[0])
    assert {str(day)[:10] for day in whole["audit_date"]} == {NEW, NEWEST}
    columns = {each.name: list(each.columns) for each in TABLES}[table]
    assert sorted(whole.columns) == sorted(columns)


def test_the_files_hold_no_column_that_their_folder_names(written: Path) -> None:
    for path in written.glob("*/*/*.parquet"):
        assert "audit_date" not in pq.read_schema(path).names


@EVERY_TABLE
def test_the_date_has_the_type_that_the_data_dictionary_says(written: Path, table: str) -> None:
    whole = paths(written, table)[0]
    typed = duckdb.sql(
        f"select distinct typeof(audit_date) from read_parquet('{whole}/*/*.parquet', union_by_name=true)"
    )
    assert typed.fetchall() == [("DATE",)]
    assert str(pd.read_parquet(whole)["audit_date"].dtype) == "category"
    assert pq.read_table(whole).schema.field("audit_date").type == DICTIONARY
    assert ds.dataset(whole, partitioning="hive").schema.field("audit_date").type == pa.string()
    assert pl.read_parquet(whole).schema["audit_date"] == pl.Date
    assert pl.read_parquet(f"{whole}/*/*.parquet", hive_partitioning=True).schema["audit_date"] == pl.Date
    assert str(dask.dataframe.read_parquet(whole).compute()["audit_date"].dtype) == "category"
    for path in paths(written, table)[1:]:
        assert "audit_date" not in pd.read_parquet(path).columns
        assert "audit_date" not in pl.read_parquet(path).columns
        assert duckdb.sql(f"select distinct typeof(audit_date) from '{path}{globbed(path)}'").fetchall() == [("DATE",)]


@EVERY_TABLE
def test_a_night_is_chosen_by_its_date(written: Path, table: str) -> None:
    whole = paths(written, table)[0]
    assert len(pd.read_parquet(whole, filters=[("audit_date", "==", NEW)])) == ONE_NIGHT
    assert ds.dataset(whole, partitioning="hive").count_rows(filter=ds.field("audit_date") == NEW) == ONE_NIGHT
    assert duckdb.sql(f"from '{whole}/*/*.parquet' where audit_date >= '{NEWEST}'").aggregate(
        "count(*)"
    ).fetchall() == [(ONE_NIGHT,)]
    day = datetime.fromisoformat(NEW).date()
    assert len(pl.scan_parquet(whole).filter(pl.col("audit_date") == day).collect()) == ONE_NIGHT


@EVERY_TABLE
def test_versions_side_by_side_are_read_as_the_data_dictionary_says(mixed: Path, table: str) -> None:
    """The lines of code are those of READERS, run as they stand there."""
    names = {"D": paths(mixed, table)[0], "ds": ds, "dd": dask.dataframe, "pd": pd, "pq": pq, "pl": pl}
    (define, dataset, with_dask, with_polars) = re.findall("^    (.*)$", READERS, re.MULTILINE)[:4]
    assert READERS in data_dictionary()
    exec(define, names)
    assert len(eval(dataset, names).to_table()) == 3 * ONE_NIGHT
    assert eval(dataset, names).count_rows(filter=ds.field("audit_date") == OLD) == ONE_NIGHT
    assert len(eval(with_dask, names).compute()) == 3 * ONE_NIGHT
    found = eval(with_polars, names).filter(pl.col("audit_date") >= NEW).collect()
    assert (len(found), found.schema["audit_date"]) == (2 * ONE_NIGHT, pl.String)
    for frame in (pd.read_parquet(names["D"]), pq.read_table(names["D"]).to_pandas()):
        assert len(frame) == 3 * ONE_NIGHT
        assert set(frame["audit_date"]) == {OLD, NEW, NEWEST}
    for path in sorted((mixed / table).iterdir()):
        assert len(pd.read_parquet(path)) == len(pl.read_parquet(path)) == ONE_NIGHT


def test_columns_that_came_later_are_read_beside_older_files(tmp_path: Path) -> None:
    """The lines of code are those of READERS, run as they stand there, on a night of version 2 and one of today's."""

    def version_2(table: pa.Table) -> pa.Table:
        return table.drop_columns(
            [name for name in ("probability", "risk", "confidence") if name in table.column_names]
        )

    write_night(tmp_path, OLD, version_2)
    write_night(tmp_path, NEW)
    files = [str(path) for path in tmp_path.glob("verdicts/*/*.parquet")]
    names: dict[str, Any] = {"D": str(tmp_path / "verdicts"), "FILE": max(files), "FILES": files}
    names |= {"ds": ds, "pa": pa, "pd": pd, "pq": pq, "pl": pl}
    define, dataset, with_pandas, with_polars = re.findall("^    (.*)$", READERS, re.MULTILINE)[4:]
    exec(define, names)
    frames = [eval(dataset, names).to_table(), eval(with_pandas, names), eval(with_polars, names).collect()]
    for frame in (frames[0].to_pandas(), frames[1], frames[2].to_pandas()):
        assert frame["probability"].isna().sum() == ONE_NIGHT
        assert len(frame) == 2 * ONE_NIGHT
        assert {str(day)[:10] for day in frame["audit_date"]} == {OLD, NEW}


@EVERY_TABLE
def test_the_way_of_the_readme_has_every_column_of_every_version(mixed: Path, table: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ways = re.findall(r"read_parquet\('\.audit/\w+(/\*/\*\.parquet', union_by_name=true)\)", readme)
    assert len(ways) >= 2
    assert len(set(ways)) == 1
    asked = f"read_parquet('{paths(mixed, table)[0]}{ways[0]})"
    found = duckdb.sql(f"select audit_date::text, added from {asked}").fetchall()
    assert sorted(set(found), key=str) == [(OLD, None), (NEW, None), (NEWEST, "more")]
    assert len(found) == 3 * ONE_NIGHT
    later = duckdb.sql(f"select * from {asked} where audit_date > DATE '{OLD}'")
    assert len(later.fetchall()) == 2 * ONE_NIGHT
