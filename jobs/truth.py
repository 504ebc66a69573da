"""Measures the newest audit against known verdicts.

    python -m jobs.truth ROOT TRUTH.csv

TRUTH.csv has the columns product_id and verdict. Prints, for each verdict, how often it was right when it was said
(precision) and how often it was said when it was right (recall).
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from jobs.audit.report import read_verdicts
from jobs.audit.verdicts import VERDICT_NAMES
from jobs.errors import BadArgument
from jobs.storage import open_storage
from jobs.tables.plan import latest_audit


def measure_verdicts(root: str, truth: Path) -> dict[str, dict[str, float]]:
    """For each verdict: said, true, right (counts), precision and recall (0 where there is nothing to divide by).

    Raises BadArgument where the truth cannot be read or names other products than the audit.
    """
    try:
        with truth.open(newline="", encoding="utf-8") as file:
            known = {row["product_id"]: row["verdict"] for row in csv.DictReader(file)}
    except (OSError, KeyError) as error:
        raise BadArgument(f"{truth} is no table of product_id and verdict: {error}") from error
    storage = open_storage(root)
    _, rows = read_verdicts(storage, latest_audit(storage))
    said: dict[str, str] = {row["product_id"]: row["verdict"] for row in rows}
    if said.keys() != known.keys():
        differ = sorted(said.keys() ^ known.keys())
        raise BadArgument(f"{len(differ)} products are in only one of {truth} and the audit, first {differ[0]}")
    pairs = Counter((said[product_id], known[product_id]) for product_id in said)
    return {verdict: _measures(verdict, pairs) for verdict in VERDICT_NAMES}


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


if __name__ == "__main__":
    for name, measured in measure_verdicts(sys.argv[1], Path(sys.argv[2])).items():
        values = "  ".join(f"{key} {value:.3g}" for key, value in measured.items())
        sys.stdout.write(f"{name:10} {values}\n")
