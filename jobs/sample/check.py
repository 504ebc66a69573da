"""Compares the audit of the sample that ran last with the expected verdicts: python -m jobs.sample.check ROOT

It prints a line for each product and where the report is, and exits with 1 where a verdict is not the expected one. Of
products that people reviewed, the machine's own verdict is compared.
"""

from __future__ import annotations

import csv
import sys

from jobs.audit.report import read_verdicts
from jobs.audit.verdicts import of_machine
from jobs.sample import SAMPLE
from jobs.storage import open_storage
from jobs.tables.keys import report_key
from jobs.tables.plan import audit_dates, find_plan, no_audit


def read_expected() -> dict[str, tuple[str, str | None]]:
    """The expected verdict and reason of each product of the sample."""
    with (SAMPLE / "expected.csv").open(newline="") as stream:
        return {row["product_id"]: (row["verdict"], row["reason"] or None) for row in csv.DictReader(stream)}


def compare(root: str) -> tuple[str, bool]:
    """The table of the audit in `root` that ran last and whether it is as expected, product by product."""
    storage = open_storage(root)
    plans = [plan for day in audit_dates(storage) if (plan := find_plan(storage, day))]
    if not plans:
        raise no_audit(storage)
    audit_date = max(plans, key=lambda plan: plan.runs[-1].requested_at).audit_date
    titles, rows = read_verdicts(storage, audit_date)
    expected = read_expected()
    said = {row["product_id"]: of_machine(row) for row in rows}
    lines = [f"{'product':10} {'verdict':10} {'probability':>11}  {'best score':>10}  {'reason':30} as expected"]
    for row in rows:
        product_id, verdict, reason = row["product_id"], row["verdict"], row["reason"] or "-"
        probability, score = (_number(row[name]) for name in ("probability", "best_score"))
        good = "yes"
        if expected.get(product_id) != said[product_id]:
            good = f"NO: {' '.join(filter(None, expected.get(product_id, ('unknown', None))))}"
        lines.append(f"{product_id:10} {verdict:10} {probability:>11}  {score:>10}  {reason:30} {good}")
    right = sum(said.get(product_id) == verdict for product_id, verdict in expected.items())
    lines.append(f"\naudit of {audit_date}: {len(rows)} of {len(titles)} products have a verdict, {right} as expected")
    lines.append(f"report: {storage.uri(report_key(audit_date))}")
    return "\n".join(lines), said == expected


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    table, as_expected = compare(sys.argv[1])
    sys.stdout.write(table + "\n")
    sys.exit(not as_expected)
