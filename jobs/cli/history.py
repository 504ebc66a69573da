"""The verbs that ask past audits: diff and query."""

from __future__ import annotations

import argparse
import heapq
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from jobs.cli.text import counted, progress_bar, table
from jobs.cli.verbs import AddVerb
from jobs.errors import BadArgument
from jobs.outputs import check_output, replacing

ROWS = 1000  # of a table on the terminal
FORMATS = ("table", "csv", "json", "parquet")


def add_verbs(verb: AddVerb) -> None:
    """Add diff and query."""
    v = verb("diff", diff)
    v.add_argument("before", metavar="DATE1", help="YYYY-MM-DD of an audit")
    v.add_argument("after", metavar="DATE2", help="YYYY-MM-DD of a later one")
    v.add_argument("--root", required=True, metavar="URI")
    v.add_argument("--json", action="store_true", help="print one JSON object, of all products that changed")
    v.add_argument("--out", type=Path, metavar="FILE.parquet", help="write all products that changed")

    v = verb("query", query)
    v.add_argument(
        "sql",
        metavar="SQL",
        help="of DuckDB, over the views verdicts, latest_verdicts, pair_scores, document_images, input_versions and "
        "reviews",
    )
    v.add_argument("--root", required=True, metavar="URI")
    v.add_argument("--format", choices=FORMATS, help="default: by the name of FILE, or else table")
    v.add_argument("--out", type=Path, metavar="FILE", help="default: print the rows")


def diff(arguments: argparse.Namespace) -> int:
    """Say which products changed between two audits, how, and why."""
    import pyarrow.parquet as pq

    from jobs.history.diff import diff_audits
    from jobs.history.query import write_json

    with tempfile.TemporaryDirectory(prefix="scott-diff-") as folder:
        out = arguments.out or Path(folder) / "diff.parquet"
        with progress_bar("diff", "part") as bar:
            found = diff_audits(arguments.root, arguments.before, arguments.after, out, bar.update)
        batches = pq.ParquetFile(out).iter_batches(ROWS)
        if arguments.json:
            print(f'{{"counts": {json.dumps(found, indent=1)},\n"products": ', end="")
            write_json(batches, sys.stdout)
            print("}")
            return 0
        left = f"; in one of them only: {found['n_apart']}" if found["n_apart"] else ""
        print(f"{found['before']}: {counted(found['n_before'], 'product')}, {found['after']}: {found['n_after']}{left}")
        print(f"{found['n_changed']} changed")
        for name in ("changed", "verdicts", "causes"):
            if found[name]:
                print(f"  {name}: " + ", ".join(f"{count} {what}" for what, count in found[name].items()))
        rows = (row for batch in batches for row in batch.to_pylist())
        first = heapq.nsmallest(ROWS, rows, key=lambda row: ("verdict" not in row["changed"], row["product_id"]))
        if first:
            columns = ("product_id", "verdict", "probability", "reason", "why", "of")
            print(f"\n{table(columns, [_row(each) for each in first])}")
        if found["n_changed"] > len(first):
            print(f"\n{found['n_changed'] - len(first)} more: --out FILE.parquet or --json has them all")
    return 0


def _row(row: Mapping[str, Any]) -> list[str | None]:
    """The cells of a product that changed."""
    steps = [_step(row[f"{name}_before"], row[f"{name}_after"]) for name in ("verdict", "probability", "reason")]
    return [row["product_id"], *steps, ", ".join(row["causes"]), ", ".join(row["uris"]) or None]


def _step(before: object, after: object) -> str | None:
    old, new = (f"{each:.3f}" if isinstance(each, float) else str(each or "-") for each in (before, after))
    return f"{old} -> {new}" if old != new else None if old == "-" else old


def query(arguments: argparse.Namespace) -> int:
    """Ask past audits in SQL; nothing else can be read, and nothing is written but FILE."""
    from jobs.history.query import open_query, rows_of, write_csv, write_json, write_parquet

    out: Path | None = arguments.out
    kind = arguments.format or (_format_of(out) if out else "table")
    if kind == "parquet" and out is None:
        raise BadArgument("--format parquet writes a file: name it with --out FILE.parquet")
    if out is not None:
        check_output(out)
    with open_query(arguments.root, arguments.sql) as rows:
        if kind == "parquet" and out:
            write_parquet(rows, out)
        elif kind == "csv":
            with _stream(out) as stream:
                write_csv(rows, stream)
        elif kind == "json":
            with _stream(out) as stream:
                write_json(rows.batches, stream)
        else:
            found = (row for batch in rows.batches for row in rows_of(batch))
            first = list(islice(found, ROWS))
            with _stream(out) as stream:
                stream.write(table(rows.schema.names, first) + "\n")
            if next(found, None):
                print(f"scott: these are the first {ROWS} rows; --format csv, json or parquet has all", file=sys.stderr)
    return 0


def _format_of(out: Path) -> str:
    suffix = out.suffix[1:].lower()
    if suffix in ("csv", "json", "parquet"):
        return suffix
    if suffix in ("", "txt"):
        return "table"
    raise BadArgument(f"{out}: {out.suffix!r} says no format: expected .csv, .json, .parquet, .txt, or --format")


@contextmanager
def _stream(out: Path | None) -> Iterator[TextIO]:
    """The file `out`, or stdout."""
    if out is None:
        yield sys.stdout
        return
    with replacing(out) as part, part.open("w", encoding="utf-8", newline="") as stream:
        yield stream
