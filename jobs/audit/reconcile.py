"""Reconcile: compares the rows in storage with the plan, as the last word of an audit.

Task states can lie (a skipped mapped task, a result left out), so this counts rows in storage: each
product that the run owns has exactly one verdict, written by this run, whose numbers add up, whose
evidence exists. Anything else is IncompleteAudit, and the run is red.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypedDict

from jobs.audit.canaries import expect_known
from jobs.audit.verdicts import REVIEWED, STOPPED, of_machine
from jobs.errors import IncompleteAudit
from jobs.storage import Storage, open_storage
from jobs.tables.keys import check_date
from jobs.tables.plan import PlannedProduct, Run, planned_buckets, read_plan, read_products, read_run
from jobs.tables.rows import read_rows
from jobs.tables.schemas import VERDICTS, Verdict, VerdictName

NAMED = 5  # problems named in the message; the rest are counted


class ReconcileSummary(TypedDict):
    """Counts of a run: its products, those that a newer run has taken, those whose verdict was carried over from an
    earlier audit, and its verdicts by name and by reason.
    """

    run_id: str
    n_products: int
    n_superseded: int
    n_carried: int
    match: int
    no_match: int
    undecided: int
    reasons: dict[str, int]


def reconcile_audit(root: str, audit_date: str, run_id: str) -> ReconcileSummary:
    """Check the run's products against storage. Raises IncompleteAudit naming what does not add up, and CanariesWrong.

    Products that a newer run has taken are that run's to answer for: they count as `n_superseded`.
    """
    storage = open_storage(root)
    run = read_run(storage, check_date(audit_date), run_id)
    evidence = _Evidence(storage)
    problems: list[str] = []
    held: set[str] = set()  # of the products that were asked for by id, those that this run or a newer one holds
    n_newer = n_ours = n_carried = 0
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    canaries: list[Verdict] = []
    for bucket in planned_buckets(storage, audit_date):
        rows = read_rows(storage, VERDICTS, audit_date, bucket)
        products = read_products(storage, audit_date, bucket)
        newer = [product.product_id for product in products if product.run_id > run_id]
        n_newer += len(newer)
        held.update(newer if run.product_ids else ())
        problems += _misplaced(bucket, products, rows)
        by_product = {row["product_id"]: row for row in rows}
        for product in products:
            if product.run_id == run_id:
                row = by_product.get(product.product_id)
                problem = "has no verdict" if row is None else _problem(product, row, evidence)
                if problem:
                    problems.append(f"{product.product_id} {problem}")
                elif row is not None:
                    n_ours += 1
                    n_carried += row["carried_from"] is not None
                    verdicts[row["verdict"]] += 1
                    reasons.update([row["reason"]] if row["reason"] else [])
                    held.update([product.product_id] if run.product_ids else ())
                    canaries += [row] if product.product_id in run.canaries else []
    if not problems and not _is_superseded(storage, audit_date, run):
        problems = _check_scope(run, n_ours + n_newer, held)
    if problems:
        more = f" (and {len(problems) - NAMED} more)" if len(problems) > NAMED else ""
        raise IncompleteAudit(f"audit of {audit_date}, run {run_id}: {'; '.join(problems[:NAMED])}{more}")
    expect_known(run.canaries, canaries)
    return {
        "run_id": run_id,
        "n_products": n_ours,
        "n_superseded": run.n_products - n_ours,
        "n_carried": n_carried,
        "match": verdicts["match"],
        "no_match": verdicts["no_match"],
        "undecided": verdicts["undecided"],
        "reasons": dict(sorted(reasons.items())),
    }


class _Evidence:
    """The evidence in storage: each folder is listed once, when a verdict points into it."""

    def __init__(self, storage: Storage) -> None:
        self._root = storage.uri("")
        self._names = cache(lambda folder: frozenset(key.rpartition("/")[2] for key in storage.keys(folder)))

    def __contains__(self, uri: str) -> bool:
        folder, _, name = uri.removeprefix(self._root).rpartition("/")
        return uri.startswith(self._root) and name in self._names(folder)


def _misplaced(bucket: int, products: Sequence[PlannedProduct], rows: Sequence[Verdict]) -> list[str]:
    """Messages about the rows of a bucket as a whole: two of one product, or one of a product that is not planned."""
    planned = {product.product_id for product in products}
    names = Counter(row["product_id"] for row in rows)
    wrong = [f"{name} has {count} verdicts" for name, count in names.items() if count > 1]
    return wrong + [
        f"{name} has a verdict in bucket {bucket} but no place in its plan" for name in names if name not in planned
    ]


def _problem(product: PlannedProduct, row: Verdict, evidence: _Evidence) -> str | None:
    """The fault of an owned product's verdict, None where it has none."""
    if row["run_id"] != product.run_id:
        return f"has only the verdict of run {row['run_id']}"
    if row["n_pairs"] != row["n_pairs_scored"] + row["n_pairs_failed"]:
        return f"has {row['n_pairs']} pairs: {row['n_pairs_scored']} scored and {row['n_pairs_failed']} failed"
    verdict, reason = of_machine(row)
    if row["reason"] == REVIEWED:
        if row["verdict"] != row["review"] and (row["verdict"], row["review"]) != ("undecided", "ambiguous"):
            return f"has the verdict {row['verdict']} with the review {row['review']}"
    elif (row["verdict"], row["reason"]) != (verdict, reason):
        return f"has the verdict {row['verdict']} ({row['reason']}), the machine's is {verdict} ({reason}), no review"
    stopped = verdict == "match" and reason == STOPPED
    if (verdict == "undecided" or stopped) != (reason is not None):
        return f"has the verdict {verdict} with the reason {reason}"
    if not _follows(row, verdict):
        return f"has the verdict {verdict} with has_match {row['has_match']}, probability {row['probability']}"
    if (row["evidence_uri"] is None) != (row["best_score"] is None):
        return f"has the best score {row['best_score']} and the evidence {row['evidence_uri']}"
    if row["evidence_uri"] and row["evidence_uri"] not in evidence:
        return f"points to evidence that does not exist: {row['evidence_uri']}"
    return None


def _follows(row: Verdict, verdict: VerdictName) -> bool:
    """Whether the machine's verdict follows from the row's own numbers (jobs/audit/verdicts.py)."""
    if row["confidence"] is None:
        return row["has_match"] == (verdict == "match")
    likely = -1.0 if row["probability"] is None else row["probability"]
    if verdict == "undecided":
        return likely < row["confidence"]
    return likely >= row["confidence"] if verdict == "match" else 1 - likely >= row["confidence"] and likely >= 0


def _is_superseded(storage: Storage, audit_date: str, run: Run) -> bool:
    """Whether a newer run is over the whole catalogue: it drops products that the catalogue no longer has."""
    runs = read_plan(storage, audit_date).runs
    return any(each.product_ids is None and each.run_id > run.run_id for each in runs)


def _check_scope(run: Run, n_held: int, held: Iterable[str]) -> list[str]:
    """Messages about products that the run was asked for and that neither it nor a newer run holds in the plan."""
    if run.product_ids is not None:
        return [
            f"{name} was asked for and is not in the plan" for name in sorted(set(run.product_ids).difference(held))
        ]
    if n_held < run.n_products:
        return [f"{run.n_products} products were asked for, and the plan holds {n_held}"]
    return []
