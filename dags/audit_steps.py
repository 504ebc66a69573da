"""The steps of an audit as Airflow tasks, shared by the DAGs of this folder: each calls a function of `jobs.audit`.

    plan -> canaries -> for each range of buckets (extract -> score -> publish) -> reconcile -> report

A range of buckets, one bucket in a small audit, is one index of a mapped task group: it goes depth first, and can be
cleared and run again alone. Every task may run twice. A setting (jobs/audit/settings.py) is an Airflow variable or,
where there is none, an environment variable: `scott_root` or SCOTT_ROOT. What is mistyped fails at once and is not
tried again.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta
from typing import Any, TypedDict

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
    description="The audit to write to. Default: the run's logical date (UTC), or today where it has none.",
)
RISK = Param(
    default=None,
    type=["null", "number", "string"],
    title="Risk",
    description="The share of decided products that may be wrong, or none. Default: scott_risk, or the audit's.",
)
FULL = Param(
    default=False,
    type="boolean",
    title="Full",
    description="Audit every product anew: no verdict is carried over from an earlier audit.",
)
VERIFY = Param(
    default=False,
    type="boolean",
    title="Verify",
    description="Read every image and document to see whether it is as it was, whatever storage says.",
)
BUCKETS_NAME = "{{ buckets_name }}"  # set by the task itself, when it starts
MOST_TASKS = 512  # of a step, each for a range of buckets; Airflow's default limit is 1024 (max_map_length)


class BucketsOfRun(TypedDict):
    """The arguments of the steps of a range of buckets."""

    root: str
    audit_date: str
    run_id: str
    buckets: list[int]


@task(execution_timeout=timedelta(minutes=15))
def plan() -> list[BucketsOfRun]:
    """Allocates the run; returns the arguments of the steps of each range of its buckets."""
    from jobs.audit.settings import Settings, plan_with_settings
    from jobs.errors import InputError
    from scott_core.errors import ScottError

    context = get_current_context()
    dag_run, params = context["dag_run"], context["params"]
    if unknown := set(dag_run.conf or {}).difference(context["dag"].params):
        raise AirflowFailException(f"no parameters of this DAG: {', '.join(map(repr, sorted(unknown)))}")
    try:
        settings = Settings.read(_setting)
        planned = plan_with_settings(
            settings,
            params["audit_date"] or (dag_run.logical_date or dag_run.run_after).astimezone(UTC).date().isoformat(),
            run_name=re.sub(r"[^A-Za-z0-9._-]+", "-", f"{dag_run.dag_id}.{dag_run.run_id}"),
            requested_at=dag_run.run_after.isoformat(),
            product_ids=params.get("product_ids"),
            risk=params["risk"],
            full=params.get("full", True),
            verify=params.get("verify", False),
        )
    except (InputError, ScottError) as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
    LOG.info("plan_audit", **planned)
    buckets = planned["buckets"]
    size = -(-len(buckets) // MOST_TASKS)
    return [
        BucketsOfRun(
            root=settings.root,
            audit_date=planned["audit_date"],
            run_id=planned["run_id"],
            buckets=buckets[start : start + size],
        )
        for start in range(0, len(buckets), size)
    ]


@task_group
def canaries(buckets: list[BucketsOfRun]) -> None:
    """Products whose verdict is known: where one comes out otherwise, no other product is audited."""
    extract_canaries(buckets) >> score_canaries(buckets) >> check_canaries(buckets)


@task(execution_timeout=timedelta(minutes=30))
def extract_canaries(buckets: list[BucketsOfRun]) -> Mapping[str, object]:
    """Documents of canaries -> images; on the default queue."""
    from jobs.audit import extract_canaries

    return _of_run(extract_canaries, buckets)


@task(execution_timeout=timedelta(minutes=30), queue="gpu", pool="gpu")
def score_canaries(buckets: list[BucketsOfRun]) -> Mapping[str, object]:
    """Every pair of canaries; where the accelerators are."""
    from jobs.audit import score_canaries

    return _of_run(score_canaries, buckets)


@task(execution_timeout=timedelta(minutes=30))
def check_canaries(buckets: list[BucketsOfRun]) -> Mapping[str, object]:
    """Verdicts of canaries: one that is not as known turns the run red."""
    from jobs.audit import check_canaries

    return _of_run(check_canaries, buckets)


@task_group
def bucket_chain(buckets: BucketsOfRun) -> None:
    """A range of buckets: each owns one object in each table, so buckets never touch each other's."""
    extract(buckets) >> score(buckets) >> publish(buckets)


@task(execution_timeout=timedelta(hours=1), map_index_template=BUCKETS_NAME)
def extract(buckets: BucketsOfRun) -> Mapping[str, object]:
    """Documents -> images; on the default queue."""
    from jobs.audit import extract_bucket

    return _in_buckets(extract_bucket, buckets)


@task(execution_timeout=timedelta(hours=2), map_index_template=BUCKETS_NAME, queue="gpu", pool="gpu")
def score(buckets: BucketsOfRun) -> Mapping[str, object]:
    """Every pair of catalogue and document images; where the accelerators are."""
    from jobs.audit import score_bucket

    return _in_buckets(score_bucket, buckets)


@task(execution_timeout=timedelta(hours=1), map_index_template=BUCKETS_NAME)
def publish(buckets: BucketsOfRun) -> Mapping[str, object]:
    """Verdicts and evidence."""
    from jobs.audit import publish_bucket

    return _in_buckets(publish_bucket, buckets)


@task(execution_timeout=timedelta(minutes=30))
def reconcile(buckets: list[BucketsOfRun]) -> Mapping[str, object]:
    """Storage against plan: what is missing or does not add up turns the run red."""
    from jobs.audit import reconcile_audit

    return _of_run(reconcile_audit, buckets)


@task(execution_timeout=timedelta(minutes=30))
def report(buckets: list[BucketsOfRun]) -> Mapping[str, object]:
    """The page to look at."""
    from jobs.audit import write_report

    return write_report(buckets[0]["root"], buckets[0]["audit_date"])


def audit_chain() -> None:
    """The whole audit, in the DAG being defined; its params are `audit_date` and, maybe, `product_ids`."""
    buckets = plan()
    chains = bucket_chain.expand(buckets=buckets)
    canaries(buckets) >> chains >> reconcile(buckets) >> report(buckets)  # type: ignore[arg-type]


def _setting(name: str) -> str | None:
    value: str | None = Variable.get(name, default=None) or os.environ.get(name.upper())
    return value


def _of_run(step: Callable[..., Mapping[str, object]], buckets: list[BucketsOfRun]) -> Mapping[str, object]:
    """Runs a step that is one for the whole run."""
    first = buckets[0]
    return _run_step(step, root=first["root"], audit_date=first["audit_date"], run_id=first["run_id"])


def _in_buckets(step: Callable[..., Mapping[str, object]], buckets: BucketsOfRun) -> Mapping[str, object]:
    """Runs one step in each bucket of a range, names its mapped task and says in the log what it did."""
    numbers = buckets["buckets"]
    name = f"bucket {numbers[0]:04d}" if len(numbers) == 1 else f"buckets {numbers[0]:04d} to {numbers[-1]:04d}"
    get_current_context()["buckets_name"] = name  # type: ignore[typeddict-unknown-key]
    done: Counter[str] = Counter()
    for number in numbers:
        found = _run_step(
            step, root=buckets["root"], audit_date=buckets["audit_date"], run_id=buckets["run_id"], bucket=number
        )
        done.update({key: count for key, count in found.items() if key != "bucket" and isinstance(count, int)})
    return dict(done)


def _run_step(step: Callable[..., Mapping[str, object]], **arguments: object) -> Mapping[str, object]:
    """Runs a step and says in the log what it did; what is the same at every try fails at once."""
    from jobs.errors import CanariesWrong
    from scott_core.errors import InputError

    try:
        done = step(**arguments)
    except (CanariesWrong, InputError) as error:  # a SCOTT_PRECISION that this worker does not have, say
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
    LOG.info(step.__name__, **done)
    return done
