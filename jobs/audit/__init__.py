"""The steps of an audit, in their order: plan, canaries, extract, score, publish, reconcile, report; and explain.

Each step takes plain values, returns a small JSON-able summary, and can be run again: the same inputs give the same
rows. Names are imported when they are first asked for, so that planning loads no extractor and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.audit.canaries import check_canaries, extract_canaries, score_canaries
    from jobs.audit.explain import explain_product
    from jobs.audit.extract import extract_bucket
    from jobs.audit.plan import plan_audit
    from jobs.audit.prune import prune_audits
    from jobs.audit.publish import publish_bucket
    from jobs.audit.reconcile import reconcile_audit
    from jobs.audit.report import write_report
    from jobs.audit.run import run_audit
    from jobs.audit.score import score_bucket

_MODULE = {
    "check_canaries": "canaries",
    "explain_product": "explain",
    "extract_bucket": "extract",
    "extract_canaries": "canaries",
    "plan_audit": "plan",
    "prune_audits": "prune",
    "publish_bucket": "publish",
    "reconcile_audit": "reconcile",
    "run_audit": "run",
    "score_bucket": "score",
    "score_canaries": "canaries",
    "write_report": "report",
}

__all__ = [
    "check_canaries",
    "explain_product",
    "extract_bucket",
    "extract_canaries",
    "plan_audit",
    "prune_audits",
    "publish_bucket",
    "reconcile_audit",
    "run_audit",
    "score_bucket",
    "score_canaries",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
