#!/usr/bin/env bash
# A Parquet folder with hive keys (day=monday/) whose files hold the key as a column, too: no type of it suits all.
#
# Seen with pyarrow 26.0.1, pandas 3.1.1, dask 2026.8.0. pq.read_table and pandas take the key for a dictionary, refuse a
# column of strings and accept a dictionary; ds.dataset(partitioning="hive") and dask take it for a string, and do the
# opposite. That they differ is meant (arrow issue 47592); issue 43574 is about the refusal. Leave the column out of
# the files, or read with partitioning=None. DuckDB 1.5.5 reads all four.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
pins="pyarrow==26.0.1 pandas==3.1.1 dask[dataframe]==2026.8.0 duckdb==1.5.5"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check $pins
PYTHONWARNINGS=ignore "$folder/env/bin/python" - "$folder" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import dask.dataframe
import duckdb
import pandas
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

TYPES = {
    "no column": None,
    "string": pa.string(),
    "large_string": pa.large_string(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}
READERS = {
    "pq.read_table": pq.read_table,
    "pandas": pandas.read_parquet,
    "ds.dataset": lambda path: ds.dataset(path, partitioning="hive").to_table(),
    "dask": lambda path: dask.dataframe.read_parquet(path).compute(),
    "duckdb": lambda path: duckdb.sql(f"from read_parquet('{path}/*/*.parquet', hive_partitioning=true)").fetchall(),
}
READ_BY = {"no column": set(READERS), "large_string": {"duckdb"}}
READ_BY |= {"string": {"ds.dataset", "dask", "duckdb"}, "dictionary": {"pq.read_table", "pandas", "duckdb"}}
changed = False
print(", ".join(f"{name} {version(name)}" for name in ("pyarrow", "pandas", "dask", "duckdb")))
for kind, column in TYPES.items():
    root, readers = Path(sys.argv[1], kind.replace(" ", "-")), set()
    for day in ("monday", "tuesday"):
        table = pa.table({"count": [1, 2]})
        if column is not None:
            table = table.append_column("day", pa.array([day, day], column))
        (root / f"day={day}").mkdir(parents=True)
        pq.write_table(table, root / f"day={day}" / "part.parquet")
    for name, read in READERS.items():
        try:
            assert len(read(str(root))) == 4
            readers.add(name)
        except pa.ArrowTypeError:
            pass
    print(f"{kind:12} read by {', '.join(sorted(readers))}; refused by: {', '.join(sorted(READERS.keys() - readers))}")
    changed |= readers != READ_BY[kind]
sys.exit(changed)
PYTHON
