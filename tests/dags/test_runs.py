"""Whole runs of both DAGs on the sample, through Airflow itself, with storage in a folder."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jobs.audit.report import read_verdicts
from jobs.sample import SAMPLE
from jobs.sample.check import compare, read_expected
from jobs.scoring.scorers import scorer_for
from jobs.storage import open_storage
from jobs.tables.plan import read_plan

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DAY = "2026-11-02"


def run(bag: DagBag, dag_id: str, root: Path, *, buckets: str = "3", **conf: Any) -> tuple[str, list[Any]]:
    """The state that a run ends in, and its task instances."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCOTT_ROOT", str(root))
        patch.setenv("SCOTT_BUCKETS", buckets)
        finished = bag.dags[dag_id].test(run_conf={"audit_date": DAY, **conf})
    return str(finished.state), finished.get_task_instances()


def rows(root: Path) -> dict[str, dict[str, Any]]:
    """The verdicts of the audit by product id."""
    return {row["product_id"]: row for row in read_verdicts(open_storage(str(root)), DAY)[1]}


@pytest.fixture(scope="module")
def audited(dag_bag: DagBag, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """A storage root with the sample, after one green nightly run, and that run's task instances."""
    root = tmp_path_factory.mktemp("audit")
    shutil.copytree(SAMPLE / "catalogue", root / "catalogue")
    state, instances = run(dag_bag, "catalogue_audit", root)
    assert state == "success"
    return root, instances


def test_the_nightly_run_says_of_each_product_what_it_should(audited: tuple[Path, list[Any]]) -> None:
    table, as_expected = compare(str(audited[0]))
    assert as_expected, table
    assert len(read_expected()) == len(rows(audited[0])) == 14
    assert (audited[0] / f"reports/audit_date={DAY}/index.html").stat().st_size > 1000


def test_mapped_tasks_are_named_by_their_bucket(audited: tuple[Path, list[Any]]) -> None:
    mapped = [ti for ti in audited[1] if ti.map_index >= 0]
    assert len(mapped) == 9
    assert {ti.rendered_map_index for ti in mapped} == {"bucket 0000", "bucket 0001", "bucket 0002"}


def test_a_product_audit_changes_the_rows_of_its_products_alone(
    dag_bag: DagBag, audited: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(audited[0], root)
    before = rows(root)
    reports = [root / "catalogue" / name / "documents/test-report.pdf" for name in ("TOY-0001", "TOY-0002")]
    shutil.copy(*reports)  # the lorry's report is replaced by the cow's
    # The setting has changed meanwhile: the audit keeps its three buckets.
    state, _ = run(dag_bag, "product_audit", root, buckets="5", product_ids=["TOY-0002"])
    assert state == "success"
    after = rows(root)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"TOY-0002"}
    assert (before["TOY-0002"]["verdict"], after["TOY-0002"]["verdict"]) == ("match", "no_match")
    assert "product_audit" in after["TOY-0002"]["run_id"]


def test_an_unknown_product_fails_the_run_and_changes_nothing(dag_bag: DagBag, audited: tuple[Path, list[Any]]) -> None:
    before = rows(audited[0])
    state, instances = run(dag_bag, "product_audit", audited[0], product_ids=["TOY-0001", "NO-SUCH-TOY"])
    assert state == "failed"
    assert next(ti for ti in instances if ti.task_id == "plan").try_number == 1  # retrying would not help
    assert rows(audited[0]) == before


@pytest.mark.parametrize(
    ("name", "value", "task"),
    [
        ("SCOTT_WEIGHTS", "scott-lite9", "plan"),
        ("SCOTT_BUCKETS", "three", "plan"),
        ("SCOTT_STOP_AT_MATCH", "yess", "plan"),
        ("SCOTT_RISK", "5%", "plan"),
        ("SCOTT_INPUTS_FROM", "ftp://host/x", "plan"),
        ("SCOTT_PRECISION", "float31", "plan"),
    ],
)
def test_a_mistyped_setting_is_not_tried_again(
    dag_bag: DagBag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, task: str
) -> None:
    shutil.copytree(SAMPLE / "catalogue" / "TOY-0002", tmp_path / "catalogue" / "TOY-0002")
    scorer_for.cache_clear()  # of an earlier test, in the same process
    options = {"buckets": value} if name == "SCOTT_BUCKETS" else {}
    monkeypatch.setenv(name, value)
    state, instances = run(dag_bag, "catalogue_audit", tmp_path, **options)
    assert state == "failed"
    (failed,) = [ti for ti in instances if ti.task_id == task]
    assert (str(failed.state), failed.try_number) == ("failed", 1)


@pytest.mark.parametrize("dag_id", ["catalogue_audit", "product_audit"])
def test_a_missed_night_goes_by_its_logical_date(dag_bag: DagBag, tmp_path: Path, dag_id: str) -> None:
    shutil.copytree(SAMPLE / "catalogue" / "TOY-0014", tmp_path / "catalogue" / "TOY-0014")  # without a document
    night = datetime(2026, 10, 20, 1, 30, tzinfo=timezone(timedelta(hours=2)))  # in UTC it is the 19th
    conf: dict[str, Any] = {"audit_date": None}  # said, because DAG.test keeps the values of an earlier test
    if dag_id == "product_audit":
        conf["product_ids"] = ["TOY-0014"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCOTT_ROOT", str(tmp_path))
        finished = dag_bag.dags[dag_id].test(run_conf=conf, logical_date=night)
    assert str(finished.state) == "success"
    assert [path.name for path in (tmp_path / "verdicts").iterdir()] == ["audit_date=2026-10-19"]


def test_a_bucket_that_is_lost_from_storage_turns_the_run_red(
    dag_bag: DagBag, audited: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every task before it was green: only what lies in storage counts."""
    import jobs.audit.publish

    root = tmp_path / "root"
    shutil.copytree(audited[0], root)
    publish = jobs.audit.publish.publish_bucket

    def publish_and_lose(**bucket: Any) -> dict[str, Any]:
        result = publish(**bucket)
        (root / f"verdicts/audit_date={DAY}/bucket={bucket['bucket']:04d}.parquet").unlink()
        return result

    monkeypatch.setattr(jobs.audit.publish, "publish_bucket", publish_and_lose)
    dag = dag_bag.dags["product_audit"]
    monkeypatch.setattr(dag.get_task("reconcile"), "retries", 0)
    state, instances = run(dag_bag, "product_audit", root, product_ids=["TOY-0002"])
    states = {ti.task_id: str(ti.state) for ti in instances}
    assert states["bucket_chain.publish"] == "success"
    assert states["reconcile"] == "failed"
    assert states["report"] == "upstream_failed"
    assert state == "failed"


def test_a_wrong_canary_turns_the_run_red_before_other_products_are_decided(dag_bag: DagBag, tmp_path: Path) -> None:
    for name in ("TOY-0002", "TOY-0014"):
        shutil.copytree(SAMPLE / "catalogue" / name, tmp_path / "catalogue" / name)
    (tmp_path / "catalogue" / "canaries.csv").write_text("product_id,verdict\nTOY-0014,match\n")
    state, instances = run(dag_bag, "catalogue_audit", tmp_path, buckets="1")
    tasks = {ti.task_id: (str(ti.state), ti.try_number) for ti in instances}
    assert state == "failed"
    assert tasks["canaries.check_canaries"] == ("failed", 1)  # the same at every try
    assert {tasks[step][0] for step in ("bucket_chain.extract", "reconcile", "report")} == {"upstream_failed"}


def test_a_parameter_that_the_dag_does_not_have_fails_the_run(dag_bag: DagBag, tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "catalogue" / "TOY-0014", tmp_path / "catalogue" / "TOY-0014")
    state, _ = run(dag_bag, "product_audit", tmp_path, product_ids=["TOY-0014"], audit_dat=DAY)
    assert state == "failed"
    assert open_storage(str(tmp_path)).keys("audits") == []


@pytest.mark.parametrize(("risk", "expected"), [("none", None), (0.1, 0.1), (None, 0.05)])
def test_the_risk_is_a_param_of_a_run(
    dag_bag: DagBag, tmp_path: Path, risk: str | float | None, expected: float | None
) -> None:
    shutil.copytree(SAMPLE / "catalogue" / "TOY-0014", tmp_path / "catalogue" / "TOY-0014")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCOTT_ROOT", str(tmp_path))
        finished = dag_bag.dags["catalogue_audit"].test(run_conf={"audit_date": DAY, "risk": risk})
    assert str(finished.state) == "success"
    assert read_plan(open_storage(str(tmp_path)), DAY).risk == expected
