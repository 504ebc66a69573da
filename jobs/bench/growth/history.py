"""The cost of asking many past audits: CPU and wall seconds, and the largest resident set of a process.

    python -m jobs.bench.growth.history WORKDIR [PRODUCTS] [NIGHTS]

writes NIGHTS audits of PRODUCTS made products under WORKDIR, unless they are there, and asks them, each question in a
process of its own. Beside a query stands what a notebook would do with DuckDB alone, on the same files: by name, as
docs/data-dictionary.md has it, and as if all files had the columns of the first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from jobs.bench.growth.audits import measure
from jobs.bench.growth.made_audits import write_audits
from jobs.tables.keys import plan_key

FIRST = date(2026, 1, 1)
QUERIES = {
    "latest verdicts": "SELECT verdict, count(*), avg(probability) FROM latest_verdicts GROUP BY 1",
    "all columns of the latest": "FROM latest_verdicts",
    "one night": "SELECT verdict, count(*) FROM verdicts WHERE audit_date = DATE '{last}' GROUP BY 1",
    "every night": "SELECT audit_date, verdict, count(*) FROM verdicts GROUP BY 1, 2",
}
_OURS = """
from jobs.history.query import open_query
with open_query(sys.argv[1], sys.argv[2]) as rows:
    for batch in rows.batches:
        pass
"""
_DUCKDB = """
import duckdb
duckdb.execute("SET enable_progress_bar = false")
files = f"read_parquet('{sys.argv[1]}/verdicts/*/*.parquet'{sys.argv[3]})"
newest = f"SELECT product_id, max(audit_date) AS audit_date FROM {files} GROUP BY 1"
latest = f"(FROM {files} SEMI JOIN ({newest}) USING (product_id, audit_date))"
sql = sys.argv[2].replace("latest_verdicts", latest).replace("FROM verdicts", f"FROM {files}")
for batch in duckdb.execute(sql).to_arrow_reader(10_000):
    pass
"""
_DIFF = """
from pathlib import Path
from jobs.history import diff_audits
diff_audits(*sys.argv[1:4], Path(sys.argv[1]) / "diff.parquet")
"""


def main(arguments: Sequence[str]) -> None:
    """Makes the audits and prints a line for each question."""
    parser = argparse.ArgumentParser(prog="python -m jobs.bench.growth.history", description=main.__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("products", type=int, nargs="?", default=100_000)
    parser.add_argument("nights", type=int, nargs="?", default=30)
    asked = parser.parse_args(arguments)
    root = asked.workdir
    dates = [(FIRST + timedelta(day)).isoformat() for day in range(asked.nights)]
    if not (root / plan_key(dates[-1])).is_file():
        write_audits(root, asked.products, dates)
    for name, query in QUERIES.items():
        sql = query.format(last=dates[-1])
        _print(name, "scott query", measure(_OURS, root, sql))
        _print(name, "DuckDB by name", measure(_DUCKDB, root, sql, ", union_by_name = true"))
        _print(name, "DuckDB", measure(_DUCKDB, root, sql, ""))
    _print("two nights", "scott diff", measure(_DIFF, root, *dates[-2:]))


def _print(question: str, how: str, cost: dict[str, float]) -> None:
    line = "  ".join(f"{name} {value:7.2f}" for name, value in cost.items())
    sys.stdout.write(f"{question:25}  {how:15}  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
