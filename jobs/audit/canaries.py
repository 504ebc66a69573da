"""Canaries: products whose verdict is known go through the steps of an audit before all others.

Where one comes out otherwise the run ends there, red, with no other product decided: the weights, the extractor or a
worker is not what it was. `reconcile` looks at their rows once more, since another worker may have written them since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from jobs.audit.extract import extract_bucket
from jobs.audit.publish import publish_bucket
from jobs.audit.score import score_bucket
from jobs.errors import CanariesWrong
from jobs.storage import open_storage
from jobs.tables.plan import bucket_of, read_plan, read_run
from jobs.tables.rows import read_rows
from jobs.tables.schemas import VERDICTS, Verdict, VerdictName

NAMED = 5  # canaries named in the message; the rest are counted


class CanariesSummary(TypedDict):
    """How many canaries a run has; all of them came out as known."""

    n_canaries: int


def check_canaries(root: str, audit_date: str, run_id: str) -> CanariesSummary:
    """Extract, score, publish and check the run's canaries. Raises CanariesWrong, and what these steps raise."""
    storage = open_storage(root)
    run = read_run(storage, audit_date, run_id)
    n_buckets = read_plan(storage, audit_date).n_buckets
    by_bucket: dict[int, set[str]] = {}
    for product_id in run.canaries:
        by_bucket.setdefault(bucket_of(product_id, n_buckets), set()).add(product_id)
    rows: list[Verdict] = []
    for bucket, product_ids in sorted(by_bucket.items()):
        for step in (extract_bucket, score_bucket, publish_bucket):
            step(root, audit_date, bucket, run_id, only=product_ids)
        rows += read_rows(storage, VERDICTS, audit_date, bucket)
    expect_known(run.canaries, (row for row in rows if row["run_id"] == run_id))
    return {"n_canaries": len(run.canaries)}


def expect_known(known: Mapping[str, VerdictName], rows: Iterable[Verdict]) -> None:
    """Raises CanariesWrong where a row of a canary has another verdict than is known."""
    wrong = [
        f"{row['product_id']} is {row['verdict']}{_why(row)}, and is known to be {known[row['product_id']]}"
        for row in rows
        if row["verdict"] != known.get(row["product_id"], row["verdict"])
    ]
    if wrong:
        more = f" (and {len(wrong) - NAMED} more)" if len(wrong) > NAMED else ""
        raise CanariesWrong(f"{len(wrong)} of {len(known)} canaries came out wrong: {'; '.join(wrong[:NAMED])}{more}")


def _why(row: Verdict) -> str:
    """The reason or the probability of a verdict, in brackets."""
    why = row["reason"] or (None if row["probability"] is None else f"probability {row['probability']:.3f}")
    return f" ({why})" if why else ""
