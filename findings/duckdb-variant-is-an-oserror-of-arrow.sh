#!/usr/bin/env bash
# DuckDB fetches a VARIANT column, and as Arrow refuses it; the refusal is no duckdb.Error, but an OSError of Python.
#
# Seen with duckdb 1.5.5 and pyarrow 26.0.1 in Python: `fetchall` gives the value. `to_arrow_reader` of the same query raises
# OSError, "Not implemented Error: Unsupported Arrow type VARIANT", which no handler of duckdb.Error catches.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5 pyarrow==26.0.1
"$folder/env/bin/python" - <<'PYTHON'
import duckdb
import pyarrow

database = duckdb.connect()
query = "SELECT 1::VARIANT AS v"
print("duckdb", duckdb.__version__, "pyarrow", pyarrow.__version__)
print("fetched:", rows := database.execute(query).fetchall())
try:
    database.execute(query).to_arrow_reader(100)
    raised = None
except Exception as error:
    raised = error
print("as Arrow:", type(raised).__mro__[:2], raised)
assert rows == [(1,)]
assert type(raised) is OSError and not isinstance(raised, duckdb.Error)
assert "Unsupported Arrow type VARIANT" in str(raised)
PYTHON
