#!/usr/bin/env bash
# DuckDB says which tables a query reads, but not of a join with USING, although the tables are there and the query runs.
#
# Seen with duckdb 1.5.5 in Python: `get_table_names` of a join with ON gives both tables. Of the same join with USING, which
# `execute` runs, it raises a BinderException: the column does not exist on the left side of the join.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
"$folder/env/bin/python" - <<'PYTHON'
import duckdb

database = duckdb.connect()
database.execute("CREATE TABLE a AS SELECT 1 AS id")
database.execute("CREATE TABLE b AS SELECT 1 AS id")
print("duckdb", duckdb.__version__)
names = database.get_table_names("SELECT * FROM a JOIN b ON a.id = b.id")
print("ON:", sorted(names))
using = "SELECT * FROM a JOIN b USING (id)"
print("USING, run:", rows := database.execute(using).fetchall())
try:
    told = str(database.get_table_names(using))
except duckdb.BinderException as error:
    told = str(error)
print("USING, its tables:", told)
assert names == {"a", "b"} and rows == [(1,)] and "does not exist on left side of join" in told
PYTHON
