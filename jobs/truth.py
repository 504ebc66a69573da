"""Measures an audit, by default the newest, against known verdicts.

    python -m jobs.truth ROOT TRUTH.csv [--audit-date D]

TRUTH.csv has the columns product_id and verdict. Prints, for each verdict, how often it was right when it was said
(precision) and how often it was said when it was right (recall). Of the products that can be decided, it prints how
many were, how many of these wrongly (El-Yaniv and Wiener 2010: coverage and risk), and how many the paper's rule gets
right.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from jobs.audit.report import read_verdicts
from jobs.audit.verdicts import VERDICT_NAMES
from jobs.errors import BadArgument, JobError
from jobs.storage import open_storage
from jobs.tables.plan import latest_audit, read_plan
from jobs.tables.schemas import Verdict


class Decisions(TypedDict):
    """What became of the products that can be decided."""

    decidable: int
    decided: int
    wrong: int
    coverage: float  # share of the decidable products that are decided
    risk: float  # share of the decided ones that are wrong
    accuracy_of_has_match: float  # of the paper's rule, on all decidable products


def measure_audit(
    root: str, truth: Path, audit_date: str | None = None
) -> tuple[dict[str, dict[str, float]], Decisions]:
    """For each verdict: said, true, right (counts), precision and recall (0 where there is nothing to divide by).

    Raises BadArgument where the truth cannot be read or names other products than the verdicts, UnknownAudit, and the
    errors of storage.
    """
    try:
        with truth.open(newline="", encoding="utf-8") as file:
            known = {row["product_id"]: row["verdict"] for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise BadArgument(f"{truth} is no table of product_id and verdict: {error}") from error
    storage = open_storage(root)
    day = latest_audit(storage) if audit_date is None else read_plan(storage, audit_date).audit_date
    _, rows = read_verdicts(storage, day)
    said: dict[str, str] = {row["product_id"]: row["verdict"] for row in rows}
    if said.keys() != known.keys():
        differ = sorted(said.keys() ^ known.keys())
        raise BadArgument(
            f"{len(differ)} products have a verdict in only one of {truth} and the audit of {day}, first {differ[0]}"
        )
    pairs = Counter((said[product_id], known[product_id]) for product_id in said)
    return {verdict: _measures(verdict, pairs) for verdict in VERDICT_NAMES}, _decisions(rows, known)


def _decisions(rows: Sequence[Verdict], known: Mapping[str, str]) -> Decisions:
    decidable = [row for row in rows if known[row["product_id"]] != "undecided"]
    decided = [row for row in decidable if row["verdict"] != "undecided"]
    wrong = sum(row["verdict"] != known[row["product_id"]] for row in decided)
    right_by_rule = sum(row["has_match"] == (known[row["product_id"]] == "match") for row in decidable)
    return {
        "decidable": len(decidable),
        "decided": len(decided),
        "wrong": wrong,
        "coverage": len(decided) / max(len(decidable), 1),
        "risk": wrong / max(len(decided), 1),
        "accuracy_of_has_match": right_by_rule / max(len(decidable), 1),
    }


def _measures(verdict: str, pairs: Counter[tuple[str, str]]) -> dict[str, float]:
    right = pairs[verdict, verdict]
    said = sum(n for (s, _), n in pairs.items() if s == verdict)
    true = sum(n for (_, t), n in pairs.items() if t == verdict)
    return {
        "said": said,
        "true": true,
        "right": right,
        "precision": right / said if said else 0.0,
        "recall": right / true if true else 0.0,
    }


def main() -> int:
    """Prints the measures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs.truth", description="Measure an audit by known verdicts.")
    parser.add_argument("root", metavar="ROOT")
    parser.add_argument("truth", type=Path, metavar="TRUTH.csv", help="with the columns product_id and verdict")
    parser.add_argument("--audit-date", metavar="D", help="YYYY-MM-DD (default: the newest audit)")
    arguments = parser.parse_args()
    try:
        by_verdict, decisions = measure_audit(arguments.root, arguments.truth, arguments.audit_date)
    except JobError as error:
        sys.stderr.write(f"jobs.truth: {error}\n")
        return 2
    for name, measured in [*by_verdict.items(), ("decisions", decisions)]:
        values = "  ".join(f"{key} {value:.3g}" for key, value in measured.items())
        sys.stdout.write(f"{name:10} {values}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
