"""Canaries: products whose verdict is known go through the steps of an audit before all others.

Where one comes out otherwise the run ends there, red, with no other product decided: the weights, the extractor or a
worker is not what it was. `reconcile` looks at their rows once more, since another worker may have written them since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypedDict

from jobs.audit.extract import extract_bucket
from jobs.audit.publish import publish_bucket
from jobs.audit.score import score_bucket
from jobs.audit.verdicts import of_machine
from jobs.errors import CanariesWrong
from jobs.storage import open_storage
from jobs.tables.plan import bucket_of, read_plan, read_run
from jobs.tables.rows import read_rows
from jobs.tables.schemas import VERDICTS, Verdict, VerdictName

NAMED = 5  # canaries named in the message; the rest are counted


class CanariesSummary(TypedDict):
    """How many canaries of a run went through a step."""

    n_canaries: int


def extract_canaries(root: str, audit_date: str, run_id: str) -> CanariesSummary:
    """`extract_bucket` for the run's canaries alone; raises what it raises."""
    return _step(extract_bucket, root, audit_date, run_id)


def score_canaries(root: str, audit_date: str, run_id: str) -> CanariesSummary:
    """`score_bucket` for the run's canaries alone; raises what it raises."""
    return _step(score_bucket, root, audit_date, run_id)


def check_canaries(root: str, audit_date: str, run_id: str) -> CanariesSummary:
    """`publish_bucket` for the run's canaries alone; counts those that this run still owns, all as they are known.

    Raises CanariesWrong, and what publishing raises.
    """
    _step(publish_bucket, root, audit_date, run_id)
    storage = open_storage(root)
    known = read_run(storage, audit_date, run_id).canaries
    rows = [
        row
        for bucket, product_ids in _by_bucket(root, audit_date, run_id)
        for row in read_rows(storage, VERDICTS, audit_date, bucket)
        if row["run_id"] == run_id and row["product_id"] in product_ids
    ]
    expect_known(known, rows)
    return {"n_canaries": len(rows)}


def expect_known(known: Mapping[str, VerdictName], rows: Iterable[Verdict]) -> None:
    """Raises CanariesWrong where the machine's verdict of a canary is another than is known, whatever people said."""
    wrong = [
        f"{row['product_id']} is {verdict} ({_why(row)}), and is known to be {known[row['product_id']]}"
        for row in rows
        for verdict, _ in [of_machine(row)]
        if verdict != known.get(row["product_id"], verdict)
    ]
    if wrong:
        more = f" (and {len(wrong) - NAMED} more)" if len(wrong) > NAMED else ""
        raise CanariesWrong(f"{len(wrong)} of {len(known)} canaries came out wrong: {'; '.join(wrong[:NAMED])}{more}")


def _step(step: Callable[..., object], root: str, audit_date: str, run_id: str) -> CanariesSummary:
    found = _by_bucket(root, audit_date, run_id)
    for bucket, product_ids in found:
        step(root, audit_date, bucket, run_id, only=product_ids)
    return {"n_canaries": sum(len(product_ids) for _, product_ids in found)}


def _by_bucket(root: str, audit_date: str, run_id: str) -> list[tuple[int, set[str]]]:
    """The run's canaries in each bucket that has some."""
    storage = open_storage(root)
    n_buckets = read_plan(storage, audit_date).n_buckets
    found: dict[int, set[str]] = {}
    for product_id in read_run(storage, audit_date, run_id).canaries:
        found.setdefault(bucket_of(product_id, n_buckets), set()).add(product_id)
    return sorted(found.items())


def _why(row: Verdict) -> str:
    """The reason of a verdict, or the number that decided it."""
    if reason := of_machine(row)[1]:
        return reason
    if row["confidence"] is None:
        return f"best score {row['best_score']}, threshold {row['threshold']}"
    return f"probability {row['probability']}, confidence {row['confidence']}"
