"""How programs read the tables: the part of the data dictionary that is about readers and not about columns."""

from __future__ import annotations

# Tried with the versions of constraints.txt; tests/jobs/tables/test_readers.py reads every line of it.
READERS = """\
## audit_date

`audit_date` is the name of the folder and no column of the files. Readers make a column of it, each of its own type
(`D` is ROOT/verdicts, ROOT/pair_scores, ROOT/document_images, ROOT/input_versions or ROOT/reviews):

| reader | type of audit_date |
|---|---|
| DuckDB, `read_parquet('D/*/*.parquet', union_by_name=true)` | DATE |
| pandas, `pd.read_parquet(D)`; pyarrow, `pq.read_table(D)` | category (dictionary of strings) |
| pyarrow, `ds.dataset(D, partitioning="hive")` | string |
| polars, `pl.read_parquet(D)`, or a glob with `hive_partitioning=True` | Date |
| dask, `dd.read_parquet(D)` | category |

One night's folder, or one file, has no such column in pandas and in polars; DuckDB takes it from the path.

Files of schema version 1 have the column, too, as a dictionary of strings. Beside later files, DuckDB and pandas read
them as above; the others are told the type:

    hive = ds.HivePartitioning.discover(infer_dictionary=True)
    ds.dataset(D, partitioning=hive)
    dd.read_parquet(D, dataset={"partitioning": hive})
    pl.scan_parquet(D, hive_schema={"audit_date": pl.String}, missing_columns="insert", extra_columns="ignore")

Versions 3 and 5 added columns to `verdicts`, version 4 to `pair_scores` and `document_images`. Beside older files,
readers other than DuckDB take the columns of the first file, which is the oldest, and lose what came later. Name the
columns of the newest file (`FILE`), or give polars the newest file of all (`FILES`) first; dask reads nights of one
version at a time:

    schema = pq.read_schema(FILE).append(pa.field("audit_date", pa.string()))
    ds.dataset(D, schema=schema, partitioning="hive")
    pd.read_parquet(D, schema=schema)
    pl.scan_parquet(sorted(FILES, reverse=True), hive_partitioning=True, missing_columns="insert")

pandas with `engine="fastparquet"` reads files of one version at a time.
"""
