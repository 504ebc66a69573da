"""A whole audit in this process: the chain that the DAG maps over buckets, one bucket after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.audit.canaries import check_canaries, extract_canaries, score_canaries
from jobs.audit.extract import extract_bucket
from jobs.audit.plan import plan_audit
from jobs.audit.publish import publish_bucket
from jobs.audit.reconcile import ReconcileSummary, reconcile_audit
from jobs.audit.report import write_report
from jobs.audit.score import score_bucket
from scott_core.product import Risk
from scott_core.progress import Stages, silent_stages

STEPS = (("extract", extract_bucket), ("score", score_bucket), ("publish", publish_bucket))


@dataclass(frozen=True)
class AuditResult:
    """The result of a whole audit."""

    reconciled: ReconcileSummary
    report_uri: str


def run_audit(
    root: str,
    audit_date: str,
    *,
    run_name: str,
    requested_at: str,
    product_ids: Iterable[str] | None = None,
    weights: str | None = None,
    threshold: float | None = None,
    risk: Risk | None = None,
    stop_at_match: bool | None = None,
    inputs_from: Iterable[str] | None = None,
    n_buckets: int | None = None,
    full: bool = False,
    verify: bool = False,
    stages: Stages = silent_stages,
) -> AuditResult:
    """Plan, check the canaries, extract, score, publish, reconcile and report.

    See plan_audit for the arguments and what it raises; CanariesWrong is raised before other products are decided.
    Every stage has the total of the whole audit: three steps for each product. Safe to run again after a kill, under
    the same run name or a new one.
    """
    plan = plan_audit(
        root,
        audit_date,
        run_name=run_name,
        requested_at=requested_at,
        product_ids=product_ids,
        weights=weights,
        threshold=threshold,
        risk=risk,
        stop_at_match=stop_at_match,
        inputs_from=inputs_from,
        n_buckets=n_buckets,
        full=full,
        verify=verify,
    )
    for canaries_step in (extract_canaries, score_canaries, check_canaries):
        canaries_step(root, audit_date, plan["run_id"])
    total = len(STEPS) * plan["n_products"]
    for bucket in plan["buckets"]:
        for name, step in STEPS:
            step(root, audit_date, bucket, plan["run_id"], stages(name, total))
    reconciled = reconcile_audit(root, audit_date, plan["run_id"])
    return AuditResult(reconciled, write_report(root, audit_date)["report_uri"])
