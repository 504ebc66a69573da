"""Reconcile: does what lies in storage add up with what was planned? The audit's last word.

Task states can lie (a skipped mapped task, a result left out), so this counts rows in storage: each
product that the run owns has exactly one verdict, written by this run, whose numbers add up, whose
evidence exists. Anything else is IncompleteAudit, and the run is red.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from jobs.audit.verdicts import STOPPED, VERDICTS
from jobs.errors import IncompleteAudit
from jobs.storage import Storage, open_storage
from jobs.tables.keys import check_date
from jobs.tables.plan import Planned, Run, planned_buckets, read_bucket, read_run
from jobs.tables.rows import Row, read_rows

NAMED = 5  # problems named in the message; the rest are counted


def reconcile_audit(root: str, audit_date: str, run_id: str) -> dict[str, Any]:
    """Check the run's products against storage. Raises IncompleteAudit naming what does not add up.

    Products that a newer run has taken are that run's to answer for: they count as `n_superseded`.
    Returns run_id, n_products (of the run), n_superseded, the number of each verdict and `reasons`.
    """
    storage = open_storage(root)
    run = read_run(storage, check_date(audit_date), run_id)
    evidence = set(storage.keys(f"evidence/audit_date={audit_date}"))
    problems: list[str] = []
    newer: list[str] = []
    ours: list[Row] = []
    for bucket in planned_buckets(storage, audit_date):
        rows = read_rows(storage, "verdicts", audit_date, bucket)
        products = read_bucket(storage, audit_date, bucket)
        newer += [product.product_id for product in products if product.run_id > run_id]
        owned = [product for product in products if product.run_id == run_id]
        found, wrong = _check_bucket(storage, bucket, products, owned, rows, evidence)
        ours += found
        problems += wrong
    problems += _check_scope(run, [row["product_id"] for row in ours], newer, bool(problems))
    if problems:
        more = f" (and {len(problems) - NAMED} more)" if len(problems) > NAMED else ""
        raise IncompleteAudit(f"audit of {audit_date}, run {run_id}: {'; '.join(problems[:NAMED])}{more}")
    verdicts = Counter(row["verdict"] for row in ours)
    return {
        "run_id": run_id,
        "n_products": len(ours),
        "n_superseded": run.n_products - len(ours),
        **{verdict: verdicts[verdict] for verdict in VERDICTS},
        "reasons": dict(sorted(Counter(row["reason"] for row in ours if row["reason"]).items())),
    }


def _check_bucket(
    storage: Storage,
    bucket: int,
    products: list[Planned],
    owned: list[Planned],
    rows: list[Row],
    evidence: set[str],
) -> tuple[list[Row], list[str]]:
    """The rows of the owned products that add up, and what is wrong in the bucket."""
    planned = {product.product_id for product in products}
    names = Counter(row["product_id"] for row in rows)
    wrong = [f"{name} has {count} verdicts" for name, count in names.items() if count > 1]
    wrong += [
        f"{name} has a verdict in bucket {bucket} but no place in its plan" for name in names if name not in planned
    ]
    by_name = {row["product_id"]: row for row in rows}
    good = []
    for product in owned:
        row = by_name.get(product.product_id)
        problem = _problem(storage, product, row, evidence)
        if problem:
            wrong.append(f"{product.product_id} {problem}")
        elif row is not None:
            good.append(row)
    return good, wrong


def _problem(storage: Storage, product: Planned, row: Row | None, evidence: set[str]) -> str | None:
    """What is wrong with an owned product's verdict, None when nothing is."""
    if row is None:
        return "has no verdict"
    if row["run_id"] != product.run_id:
        return f"has only the verdict of run {row['run_id']}"
    if row["n_pairs"] != row["n_pairs_scored"] + row["n_pairs_failed"]:
        return f"has {row['n_pairs']} pairs: {row['n_pairs_scored']} scored and {row['n_pairs_failed']} failed"
    stopped = row["verdict"] == "match" and row["reason"] == STOPPED
    if row["has_match"] != (row["verdict"] == "match") or (row["verdict"] == "undecided" or stopped) != (
        row["reason"] is not None
    ):
        return f"has the verdict {row['verdict']} with has_match {row['has_match']} and reason {row['reason']}"
    if (row["evidence_uri"] is None) != (row["best_score"] is None):
        return f"has the best score {row['best_score']} and the evidence {row['evidence_uri']}"
    if row["evidence_uri"] and row["evidence_uri"].removeprefix(f"{storage.root}/") not in evidence:
        return f"points to evidence that does not exist: {row['evidence_uri']}"
    return None


def _check_scope(run: Run, ours: list[str], newer: list[str], failed: bool) -> list[str]:
    """Whether the plan holds every product that the run was asked for, under it or a newer run."""
    if run.product_ids is not None:
        lost = sorted(set(run.product_ids) - set(ours) - set(newer))
        return [] if failed else [f"{name} was asked for and is not in the plan" for name in lost]
    if not failed and len(ours) + len(newer) < run.n_products:
        return [f"{run.n_products} products were asked for, and the plan holds {len(ours) + len(newer)}"]
    return []
