"""The DAG files load fast, without anything heavy, and their tasks are set up as an audit needs them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.dags.conftest import DAGS

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

CANARIES = ("canaries.extract_canaries", "canaries.score_canaries", "canaries.check_canaries")
STEPS = ("bucket_chain.extract", "bucket_chain.score", "bucket_chain.publish")
PRIORITIES = {"catalogue_audit": 1, "product_audit": 100}
BOTH = pytest.mark.parametrize("dag_id", PRIORITIES)


def test_both_dags_load(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == set(PRIORITIES)


@BOTH
def test_the_summary_of_each_step_can_be_read_field_by_field(dag_bag: DagBag, dag_id: str) -> None:
    for step in (*STEPS, "reconcile", "report"):
        assert dag_bag.dags[dag_id].get_task(step).multiple_outputs, step


def test_parsing_is_fast_and_imports_nothing_heavy() -> None:
    code = f"""
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
start = time.perf_counter()
found = DagBag({str(DAGS)!r}).dags
print(json.dumps([len(found), time.perf_counter() - start, sorted(sys.modules)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    n_dags, seconds, modules = json.loads(done.stdout.splitlines()[-1])
    assert n_dags == 2
    assert seconds < 1
    assert not {"torch", "pyarrow", "pymupdf", "boto3", "jobs", "scott_core", "extractors"} & set(modules)


@BOTH
def test_every_task_retries_and_ends(dag_bag: DagBag, dag_id: str) -> None:
    tasks = dag_bag.dags[dag_id].tasks
    assert {task.task_id for task in tasks} == {"plan", *CANARIES, *STEPS, "reconcile", "report"}
    for task in tasks:
        assert task.retries == 2
        assert task.execution_timeout is not None
        assert task.execution_timeout <= timedelta(hours=2)
        assert task.trigger_rule == "all_success"  # a failed bucket cannot end in a green run
        assert str(task.weight_rule) == "absolute"
        assert task.priority_weight == PRIORITIES[dag_id]


@BOTH
def test_only_scoring_waits_for_an_accelerator(dag_bag: DagBag, dag_id: str) -> None:
    places = {task.task_id: (task.pool, task.queue) for task in dag_bag.dags[dag_id].tasks}
    for task in ("canaries.score_canaries", "bucket_chain.score"):
        assert places.pop(task) == ("gpu", "gpu")
    assert set(places.values()) == {("default_pool", "default")}


@BOTH
def test_a_bucket_is_one_index_of_a_mapped_group(dag_bag: DagBag, dag_id: str) -> None:
    from airflow.sdk.definitions.taskgroup import MappedTaskGroup

    dag = dag_bag.dags[dag_id]
    assert isinstance(dag.task_group.get_child_by_label("bucket_chain"), MappedTaskGroup)
    for step in STEPS:
        assert dag.get_task(step).map_index_template


def test_the_nightly_run_waits_for_its_hour(dag_bag: DagBag) -> None:
    """Un-paused within hours of its tick, Airflow would else start the missed run at once, catchup or not."""
    from airflow.serialization.decoders import decode_run_immediately
    from airflow.serialization.encoders import encode_run_immediately
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    nightly = dag_bag.dags["catalogue_audit"]
    assert nightly.start_date is None
    assert all(task.start_date is None for task in nightly.tasks)
    assert not nightly.catchup
    assert nightly.max_active_runs == 1
    assert nightly.schedule.expression == "0 2 * * *"
    now = datetime.now(UTC)
    just_missed = now - timedelta(minutes=5)
    timetable = CronTriggerTimetable(
        f"{just_missed.minute} {just_missed.hour} * * *",
        timezone="UTC",
        run_immediately=decode_run_immediately(encode_run_immediately(nightly.schedule.run_immediately)),
    )
    first = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )
    assert first is not None
    assert first.run_after > now + timedelta(hours=23)


def test_product_ids_are_a_required_list(dag_bag: DagBag) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    params = dag_bag.dags["product_audit"].params
    with pytest.raises(ParamValidationError):
        params.validate()
    for bad in ([], "TOY-0001", [""], [1]):
        with pytest.raises(ParamValidationError):
            params["product_ids"] = bad
    params["product_ids"] = ["TOY-0001", "TOY-0002"]
    assert params.validate() == {"product_ids": ["TOY-0001", "TOY-0002"], "audit_date": None, "risk": None}
