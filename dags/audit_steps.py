"""The steps of an audit as Airflow tasks, shared by the DAGs of this folder: each calls a function of `jobs`.

    plan -> for each bucket (extract -> score -> publish) -> reconcile -> report

A bucket is one index of a mapped task group: it goes depth first, and can be cleared and run again alone.
Every task may run twice. Where storage is, and with what a catalogue is audited, is set by Airflow variables
or, where there is none, by the environment: `scott_root` / SCOTT_ROOT, `scott_weights` / SCOTT_WEIGHTS
(default: those that ship), `scott_buckets` / SCOTT_BUCKETS (default: by the size of the catalogue) and
`scott_stop_at_match` / SCOTT_STOP_AT_MATCH (`true`: no pair is scored after a product's first match).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from airflow.sdk import Param, Variable, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException

LOG: Any = structlog.get_logger("scott")
RETRYING: dict[str, Any] = {
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "weight_rule": "absolute",  # else a long chain outweighs every priority
}
AUDIT_DATE = Param(
    default=None,
    type=["null", "string"],
    format="date",
    title="Audit date",
    description="The audit to write to. Default: the date (UTC) of this run.",
)
BUCKET_NAME = "{{ bucket_name }}"  # set by the task itself, when it starts


@task(execution_timeout=timedelta(minutes=15))
def plan() -> list[dict[str, Any]]:
    """Allocates the run; returns the arguments of each bucket's steps. A bad parameter is not retried."""
    from jobs.audit.plan import plan_audit
    from jobs.errors import InputError

    context = get_current_context()
    dag_run, params = context["dag_run"], context["params"]
    root = _setting("scott_root")
    if root is None:
        raise AirflowFailException("no storage: set Airflow's variable scott_root, or SCOTT_ROOT")
    audit_date = params["audit_date"] or dag_run.run_after.date().isoformat()
    product_ids = params.get("product_ids")
    try:
        # An audit that exists keeps its buckets and, for single products, its weights.
        new = not _is_planned(root, audit_date)
        buckets = _setting("scott_buckets") if new else None
        stop = _setting("scott_stop_at_match") if new or product_ids is None else None
        planned = plan_audit(
            root,
            audit_date,
            run_name=re.sub(r"[^A-Za-z0-9._-]+", "-", f"{dag_run.dag_id}.{dag_run.run_id}"),
            requested_at=dag_run.run_after.isoformat(),
            product_ids=product_ids,
            weights=_setting("scott_weights") if new or product_ids is None else None,
            stop_at_match=None if stop is None else stop.lower() in ("1", "true", "yes"),
            n_buckets=int(buckets) if buckets else None,
        )
    except InputError as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
    LOG.info("plan_audit", **planned)
    audit = {"root": root, "audit_date": audit_date, "run_id": planned["run_id"]}
    return [{**audit, "bucket": bucket} for bucket in planned["buckets"]]


@task_group
def bucket_chain(bucket: dict[str, Any]) -> None:
    """One bucket: it owns one object in each table, so buckets never touch each other's."""
    extract(bucket) >> score(bucket) >> publish(bucket)


@task(execution_timeout=timedelta(hours=1), map_index_template=BUCKET_NAME)
def extract(bucket: dict[str, Any]) -> dict[str, Any]:
    """Documents -> images; on the default queue."""
    from jobs.audit.extract import extract_bucket

    return _in_bucket(extract_bucket, bucket)


@task(execution_timeout=timedelta(hours=2), map_index_template=BUCKET_NAME, queue="gpu", pool="gpu")
def score(bucket: dict[str, Any]) -> dict[str, Any]:
    """Every pair of catalogue and document images; where the accelerators are."""
    from jobs.audit.score import score_bucket

    return _in_bucket(score_bucket, bucket)


@task(execution_timeout=timedelta(hours=1), map_index_template=BUCKET_NAME)
def publish(bucket: dict[str, Any]) -> dict[str, Any]:
    """Verdicts and evidence."""
    from jobs.audit.publish import publish_bucket

    return _in_bucket(publish_bucket, bucket)


@task(execution_timeout=timedelta(minutes=30))
def reconcile(buckets: list[dict[str, Any]]) -> dict[str, Any]:
    """Storage against plan: what is missing or does not add up turns the run red."""
    from jobs.audit.reconcile import reconcile_audit

    return reconcile_audit(*(buckets[0][name] for name in ("root", "audit_date", "run_id")))


@task(execution_timeout=timedelta(minutes=30))
def report(buckets: list[dict[str, Any]]) -> dict[str, Any]:
    """The page to look at."""
    from jobs.audit.report import write_report

    return write_report(buckets[0]["root"], buckets[0]["audit_date"])


def audit_chain() -> None:
    """The whole audit, in the DAG being defined; its params are `audit_date` and, maybe, `product_ids`."""
    buckets = plan()
    bucket_chain.expand(bucket=buckets) >> reconcile(buckets) >> report(buckets)


def _setting(name: str) -> str | None:
    value: str | None = Variable.get(name, default=None) or os.environ.get(name.upper())
    return value or None


def _is_planned(root: str, audit_date: str) -> bool:
    from jobs.errors import UnknownAudit
    from jobs.storage import open_storage
    from jobs.tables.plan import read_plan

    try:
        read_plan(open_storage(root), audit_date)
    except UnknownAudit:
        return False
    return True


def _in_bucket(step: Callable[..., dict[str, Any]], bucket: dict[str, Any]) -> dict[str, Any]:
    """Runs one step, names its mapped task and says in the log what it did."""
    get_current_context()["bucket_name"] = f"bucket {bucket['bucket']:04d}"  # type: ignore[typeddict-unknown-key]
    done = step(**bucket)
    LOG.info(step.__name__, **done)
    return done
