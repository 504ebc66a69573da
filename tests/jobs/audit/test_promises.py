"""The promises of DESIGN section 4: kills, late attempts, single products, refusals."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from extractors import Extraction, Extractor
from jobs.audit.extract import extract_bucket
from jobs.audit.plan import plan_audit
from jobs.audit.publish import publish_bucket
from jobs.audit.reconcile import reconcile_audit
from jobs.audit.report import read_verdicts
from jobs.audit.run import run_audit
from jobs.audit.score import score_bucket
from jobs.errors import IncompleteAudit, ModelChanged, PublishRefused, RowsMissing
from jobs.storage import Storage, open_storage
from jobs.storage import file as storage_file
from jobs.tables.plan import planned_buckets
from jobs.tables.rows import read_rows, replace_rows
from tests.jobs.small_catalogue import PASSWORD, add_product, orb_threshold, picture, report

DAY = "2026-01-02"
TABLES = ("document_images", "pair_scores", "verdicts")
Rows = list[dict[str, Any]]
Step = Callable[[str, str, int, str], dict[str, Any]]


def asked(run_name: str, hour: int = 3, **more: Any) -> dict[str, Any]:
    """Arguments of a run over the small catalogue, with ORB."""
    scorer = {"weights": "orb", "threshold": orb_threshold()}
    return {"run_name": run_name, "requested_at": f"2026-01-02T{hour:02d}:00:00Z", **scorer, **more}


def write_one_product(storage: Storage) -> None:
    add_product(storage, "P1", [picture(1)], [report(picture(1))])


def write_two_products(storage: Storage) -> None:
    add_product(storage, "P1", [picture(1)], [report(picture(1))])
    add_product(storage, "P2", [picture(2)], [report(picture(3))])


def run_steps(storage: Storage, plan: dict[str, Any], *steps: Step) -> None:
    for bucket in plan["buckets"]:
        for step in steps:
            step(storage.root, DAY, bucket, plan["run_id"])


def snapshot(storage: Storage) -> dict[str, bytes]:
    return {key: storage.read(key).data for key in storage.keys("")}


def table_rows(storage: Storage, table: str) -> list[dict[str, Any]]:
    return [row for bucket in planned_buckets(storage, DAY) for row in read_rows(storage, table, DAY, bucket)]


def verdicts(storage: Storage) -> dict[str, dict[str, Any]]:
    return {row["product_id"]: row for row in read_verdicts(storage, DAY)[1]}


# --- a killed process at any point loses nothing, and a re-run finishes ---------------------------


def killed_audit(root: str, point: int) -> int:
    """The second audit, in a forked process that is killed (-9) at its `point`-th moment; its exit code.

    Each write has two moments: when the new bytes lie beside the object, and when they have taken its place.
    """

    def audit() -> None:
        moments = count(1)

        def moment() -> None:
            if next(moments) == point:
                os.kill(os.getpid(), signal.SIGKILL)

        def deadly_replace(source: Path, target: Path) -> None:
            moment()
            os.rename(source, target)
            moment()

        storage_file.os.replace = deadly_replace  # type: ignore[assignment]
        run_audit(root, DAY, **asked("second", 4))

    process = multiprocessing.get_context("fork").Process(target=audit)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_and_a_rerun_finishes(tmp_path: Path) -> None:
    """Whenever the second audit is killed, the verdicts are the old or the new; run again, they are the new."""
    root = tmp_path / "root"  # every copy lies at the same place in turn: evidence_uri names it
    storage = open_storage(str(root))
    write_one_product(storage)
    add_product(storage, "P2", [picture(2)], [])
    run_audit(storage.root, DAY, n_buckets=1, **asked("first"))
    old, first = verdicts(storage), tmp_path / "first"
    shutil.copytree(root, first)
    run_audit(storage.root, DAY, **asked("second", 4))
    new, finished = verdicts(storage), snapshot(storage)
    seen_old = seen_new = False
    for point in count(1):
        shutil.rmtree(root)
        shutil.copytree(first, root)
        if killed_audit(storage.root, point) == 0:
            break
        found = verdicts(storage)
        assert found in (old, new), f"after the kill at moment {point}"
        seen_old, seen_new = seen_old or found == old, seen_new or found == new
        run_audit(storage.root, DAY, **asked("second", 4))
        assert snapshot(storage) == finished, f"run again after the kill at moment {point}"
    assert point > 2 * len(("plan", "bucket", *TABLES)), "two moments a write"
    assert seen_old
    assert seen_new


# --- a reader sees the old verdicts or the new, never none ------------------------------------------


def test_old_verdicts_stay_until_the_new_are_published(any_storage: Storage) -> None:
    write_one_product(any_storage)
    run_audit(any_storage.root, DAY, n_buckets=1, **asked("first"))
    old = verdicts(any_storage)
    plan = plan_audit(any_storage.root, DAY, **asked("second", 4))
    for step in (extract_bucket, score_bucket):
        assert verdicts(any_storage) == old
        run_steps(any_storage, plan, step)
    assert verdicts(any_storage) == old
    run_steps(any_storage, plan, publish_bucket)
    assert {row["run_id"] for row in verdicts(any_storage).values()} == {plan["run_id"]}


# --- a late attempt cannot overwrite a newer one ------------------------------------------------------


def test_a_late_attempt_changes_nothing(any_storage: Storage) -> None:
    """The steps of an older run, run after a newer run has finished, leave every byte as it is."""
    write_one_product(any_storage)
    older = plan_audit(any_storage.root, DAY, n_buckets=1, **asked("older"))
    run_steps(any_storage, older, extract_bucket, score_bucket)
    run_audit(any_storage.root, DAY, **asked("newer", 4))
    before = snapshot(any_storage)
    run_steps(any_storage, older, publish_bucket, extract_bucket, score_bucket, publish_bucket)
    assert snapshot(any_storage) == before
    assert reconcile_audit(any_storage.root, DAY, older["run_id"])["n_superseded"] == 1


@pytest.mark.parametrize(
    ("any_root", "table"), [*(("file", table) for table in TABLES), ("s3", "verdicts")], indirect=["any_root"]
)
def test_a_newer_run_that_comes_between_read_and_write_wins(any_storage: Storage, table: str) -> None:
    """The older run has read the object when the newer one writes it: it loses the race, and gives way."""
    write_one_product(any_storage)
    older = plan_audit(any_storage.root, DAY, n_buckets=1, **asked("older"))
    run_steps(any_storage, older, extract_bucket, score_bucket, publish_bucket)
    rows = {"P1": [{**row, "schema_version": 0} for row in read_rows(any_storage, table, DAY, 0)][:1]}
    between = iter([True])

    class Slow(type(any_storage)):  # type: ignore[misc]
        """The older run's storage: before its first write, the newer run does all its work."""

        def write_if(self, key: str, data: bytes, etag: str | None) -> None:
            if next(between, False):
                run_audit(self.root, DAY, **asked("newer", 4))
            super().write_if(key, data, etag)

    slow = open_storage(any_storage.root)
    slow.__class__ = Slow
    assert replace_rows(slow, table, DAY, 0, older["run_id"], rows) == []
    assert next(between, None) is None
    newest = {row["run_id"] for row in table_rows(any_storage, table)}
    assert newest == {"000002-newer"}


# --- re-running one product leaves every other row as it was ----------------------------------------


def test_one_product_again_leaves_every_other_row(any_storage: Storage) -> None:
    write_two_products(any_storage)
    add_product(any_storage, "P3", [picture(1)], [report(picture(3), password=PASSWORD)])
    add_product(any_storage, "P4", [b"no picture", picture(1)], [])
    run_audit(any_storage.root, DAY, n_buckets=2, **asked("nightly"))
    before = {table: table_rows(any_storage, table) for table in TABLES}
    objects = snapshot(any_storage)
    any_storage.write("catalogue/P2/images/00.jpg", picture(3))  # now it shows what its report shows
    result = run_audit(any_storage.root, DAY, **asked("again", 4, product_ids=["P2"]))
    assert (result["n_products"], result["match"]) == (1, 1)
    for table in TABLES:
        after = table_rows(any_storage, table)
        assert [r for r in after if r["product_id"] != "P2"] == [r for r in before[table] if r["product_id"] != "P2"]
        assert [r["product_id"] for r in after] == [r["product_id"] for r in before[table]], "file order"
        assert {r["run_id"] for r in after if r["product_id"] == "P2"} == {"000002-again"}
    assert {name: row["verdict"] for name, row in verdicts(any_storage).items()} == {
        "P1": "match",
        "P2": "match",
        "P3": "undecided",
        "P4": "undecided",
    }
    changed = {key for key, data in snapshot(any_storage).items() if objects.get(key) != data}
    kinds = {key.partition("/")[0] for key in changed}
    assert kinds == {"catalogue", "audits", *TABLES, "evidence", "reports"}
    assert [key for key in changed if key.startswith("evidence/")] == [f"evidence/audit_date={DAY}/P2.jpg"]
    assert len([key for key in changed if key.endswith(".parquet")]) == len(TABLES), "one bucket's objects"


def test_a_product_that_left_the_catalogue_leaves_the_tables(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    write_two_products(storage)
    lines = [json.dumps({"product_id": name, "image_uris": [], "document_uris": []}) for name in ("P1", "P2")]
    storage.write("catalogue/products.jsonl", "\n".join(lines).encode())
    run_audit(storage.root, DAY, n_buckets=8, **asked("first"))
    assert set(verdicts(storage)) == {"P1", "P2"}
    storage.write("catalogue/products.jsonl", lines[1].encode())
    run_audit(storage.root, DAY, **asked("second", 4))
    assert set(verdicts(storage)) == {"P2"}


# --- what does not add up is refused -----------------------------------------------------------------


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Two products, extracted and scored, not published."""
    folder = tmp_path_factory.mktemp("scored")
    storage = open_storage(str(folder))
    write_two_products(storage)
    plan = plan_audit(storage.root, DAY, n_buckets=1, **asked("r"))
    run_steps(storage, plan, extract_bucket, score_bucket)
    return folder, plan


@pytest.fixture
def scored(scored_once: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Storage, dict[str, Any]]:
    """A copy of `scored_once`, to spoil."""
    folder, plan = scored_once
    shutil.copytree(folder, tmp_path / "root")
    return open_storage(str(tmp_path / "root")), plan


def rewrite(storage: Storage, table: str, change: Callable[[Rows], Rows]) -> None:
    """Change the rows of a table behind the back of the jobs."""
    path = Path(storage.folder) / table / f"audit_date={DAY}" / "bucket=0000.parquet"  # type: ignore[attr-defined]
    table_ = pq.read_table(path, partitioning=None)
    pq.write_table(table_.from_pylist(change(table_.to_pylist()), schema=table_.schema), path)


def each(**values: Any) -> Callable[[Rows], Rows]:
    """A change that puts `values` in each row."""
    return lambda rows: [{**row, **values} for row in rows]


def first(**values: Any) -> Callable[[Rows], Rows]:
    """A change that puts `values` in the first row."""
    return lambda rows: [{**rows[0], **values}, *rows[1:]]


@pytest.mark.parametrize(
    ("table", "change", "error", "said"),
    [
        ("pair_scores", lambda rows: rows[1:], PublishRefused, "P1: 0 pairs are not 1 catalogue images x 1"),
        ("pair_scores", lambda rows: rows + rows[-1:], PublishRefused, "P2: 2 pairs"),
        ("pair_scores", each(digest="x"), PublishRefused, "P1: 1 pairs"),
        (
            "pair_scores",
            each(score=None),
            PublishRefused,
            "score or an error",
        ),
        (
            "pair_scores",
            each(run_id="000000-x"),
            PublishRefused,
            "run 000000-x",
        ),
        ("pair_scores", each(model_version="v0"), PublishRefused, "with v0"),
        ("document_images", lambda rows: rows[1:], RowsMissing, "extract the bucket first"),
        ("document_images", each(run_id="000000-x"), RowsMissing, "P1"),
    ],
)
def test_a_publish_that_does_not_add_up_is_refused(
    scored: tuple[Storage, dict[str, Any]], table: str, change: Any, error: type[Exception], said: str
) -> None:
    storage, plan = scored
    rewrite(storage, table, change)
    with pytest.raises(error, match=said):
        publish_bucket(storage.root, DAY, 0, plan["run_id"])
    assert storage.keys("verdicts") == []
    assert storage.keys("evidence") == [], "refused before anything is written"


def test_an_image_that_changed_since_it_was_scored_is_refused(scored: tuple[Storage, dict[str, Any]]) -> None:
    storage, plan = scored
    storage.write("catalogue/P2/images/00.jpg", picture(9))
    with pytest.raises(PublishRefused, match=r"P2: catalogue/P2/images/00\.jpg changed"):
        publish_bucket(storage.root, DAY, 0, plan["run_id"])
    assert storage.keys("verdicts") == []
    run_steps(storage, plan, score_bucket, publish_bucket)
    assert set(verdicts(storage)) == {"P1", "P2"}


def test_an_extraction_that_fails_reads_no_more_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(str(tmp_path))
    for number in range(24):
        add_product(storage, f"P{number:02d}", [picture(1)], [report(picture(1))])
    plan = plan_audit(storage.root, DAY, n_buckets=1, **asked("r"))
    read, extract = [], Extractor.extract

    def counted(self: Extractor, pdf: Path, out: Path) -> Extraction:
        read.append(pdf)
        return extract(self, pdf, out)

    def fails(_: int) -> None:
        raise RuntimeError("progress cannot be told")

    monkeypatch.setattr(Extractor, "extract", counted)
    with pytest.raises(RuntimeError, match="progress"):
        extract_bucket(storage.root, DAY, 0, plan["run_id"], fails)
    assert len(read) < 20


def test_steps_out_of_order_are_refused(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    write_two_products(storage)
    plan = plan_audit(storage.root, DAY, n_buckets=1, **asked("r"))
    with pytest.raises(RowsMissing, match="extract the bucket first"):
        score_bucket(storage.root, DAY, 0, plan["run_id"])
    extract_bucket(storage.root, DAY, 0, plan["run_id"])
    with pytest.raises(PublishRefused, match="score the bucket again"):
        publish_bucket(storage.root, DAY, 0, plan["run_id"])


def test_other_weights_than_planned_are_refused(
    scored: tuple[Storage, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan says another version than the weights that are there now."""
    storage, plan = scored
    key = f"audits/audit_date={DAY}/plan.json"
    storage.write(key, storage.read(key).data.replace(plan["model_version"].encode(), b"older-version"))
    with pytest.raises(ModelChanged, match="older-version"):
        score_bucket(storage.root, DAY, 0, plan["run_id"])


# --- the last word ---------------------------------------------------------------------------------


def test_an_audit_that_is_not_complete_is_red(any_storage: Storage) -> None:
    write_two_products(any_storage)
    plan = plan_audit(any_storage.root, DAY, n_buckets=5, **asked("r"))
    with pytest.raises(IncompleteAudit, match="has no verdict"):
        reconcile_audit(any_storage.root, DAY, plan["run_id"])
    for done, bucket in enumerate(plan["buckets"], 1):
        run_steps(any_storage, {**plan, "buckets": [bucket]}, extract_bucket, score_bucket, publish_bucket)
        if done < len(plan["buckets"]):
            with pytest.raises(IncompleteAudit, match="has no verdict"):
                reconcile_audit(any_storage.root, DAY, plan["run_id"])
    assert len(plan["buckets"]) == 2
    assert reconcile_audit(any_storage.root, DAY, plan["run_id"])["n_products"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "P1 has no verdict"),
        (lambda rows: [*rows, rows[0]], "P1 has 2 verdicts"),
        (lambda rows: [*rows, {**rows[0], "product_id": "X"}], "X has a verdict in bucket 0 but no place"),
        (
            first(run_id="000000-x"),
            "P1 has only the verdict of run 000000-x",
        ),
        (first(n_pairs=7), "P1 has 7 pairs: 1 scored and 0 failed"),
        (
            first(has_match=False),
            "P1 has the verdict match with has_match",
        ),
        (first(verdict="undecided", has_match=False), "reason None"),
        (first(evidence_uri=None), "P1 has the best score"),
        (first(evidence_uri="file:///nowhere.jpg"), "does not exist"),
    ],
)
def test_verdicts_that_do_not_add_up_are_red(scored: tuple[Storage, dict[str, Any]], change: Any, said: str) -> None:
    storage, plan = scored
    run_steps(storage, plan, publish_bucket)
    assert reconcile_audit(storage.root, DAY, plan["run_id"])["n_products"] == 2
    rewrite(storage, "verdicts", change)
    with pytest.raises(IncompleteAudit, match=said):
        reconcile_audit(storage.root, DAY, plan["run_id"])


def test_a_plan_that_lost_a_product_is_red(scored: tuple[Storage, dict[str, Any]]) -> None:
    storage, plan = scored
    run_steps(storage, plan, publish_bucket)
    storage.write(f"audits/audit_date={DAY}/bucket=0000.json", b"[]")
    storage.write(f"verdicts/audit_date={DAY}/bucket=0000.parquet", b"")
    (Path(storage.folder) / f"verdicts/audit_date={DAY}/bucket=0000.parquet").unlink()  # type: ignore[attr-defined]
    with pytest.raises(IncompleteAudit, match="2 products were asked for, and the plan holds 0"):
        reconcile_audit(storage.root, DAY, plan["run_id"])
