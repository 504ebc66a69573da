"""The promises of docs/architecture.md: kills, late attempts, single products."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from itertools import count
from pathlib import Path

import pytest

from jobs.audit.extract import extract_bucket
from jobs.audit.plan import plan_audit
from jobs.audit.publish import publish_bucket
from jobs.audit.reconcile import reconcile_audit
from jobs.audit.run import run_audit
from jobs.audit.score import score_bucket
from jobs.errors import LostRace
from jobs.storage import Storage, open_storage
from jobs.storage import file as storage_file
from jobs.tables.bucket import Bucket
from jobs.tables.plan import read_run
from jobs.tables.rows import NewRows, read_rows
from tests.jobs.audit.steps import (
    DAY,
    TABLES,
    asked,
    run_steps,
    snapshot,
    table_rows,
    verdicts,
    write_one_product,
    write_two_products,
)
from tests.jobs.small_catalogue import PASSWORD, add_product, picture, report

# --- a killed process at any point loses nothing, and a re-run finishes ---------------------------


def killed_audit(root: str, point: int, *, full: bool) -> int:
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
        run_audit(root, DAY, **asked("second", 4, full=full))

    process = multiprocessing.get_context("fork").Process(target=audit)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.slow
@pytest.mark.parametrize("full", [True, False])
def test_a_kill_at_any_moment_loses_nothing_and_a_rerun_finishes(tmp_path: Path, *, full: bool) -> None:
    """Whenever the second audit is killed, the verdicts are the old or the new; run again, they are the new."""
    root = tmp_path / "root"  # every copy lies at the same place in turn: evidence_uri names it
    storage = open_storage(str(root))
    write_one_product(storage)
    add_product(storage, "P2", [picture(2)], [])
    run_audit(storage.root, DAY, n_buckets=1, **asked("first"))
    old, first = verdicts(storage), tmp_path / "first"
    shutil.copytree(root, first)
    run_audit(storage.root, DAY, **asked("second", 4, full=full))
    new, finished = verdicts(storage), snapshot(storage)
    seen_old = seen_new = False
    for point in count(1):
        shutil.rmtree(root)
        shutil.copytree(first, root)
        if killed_audit(storage.root, point, full=full) == 0:
            break
        found = verdicts(storage)
        assert found in (old, new), f"after the kill at moment {point}"
        seen_old, seen_new = seen_old or found == old, seen_new or found == new
        run_audit(storage.root, DAY, **asked("second", 4, full=full))
        assert snapshot(storage) == finished, f"run again after the kill at moment {point}"
    assert point > 2 * len(("plan", "bucket", *TABLES)), "two moments a write"
    assert seen_old
    assert seen_new


# --- a reader sees the old verdicts or the new, never none ------------------------------------------


def test_old_verdicts_stay_until_the_new_are_published(any_storage: Storage) -> None:
    write_one_product(any_storage)
    run_audit(any_storage.root, DAY, n_buckets=1, **asked("first"))
    old = verdicts(any_storage)
    plan = plan_audit(any_storage.root, DAY, **asked("second", 4, full=True))
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


@pytest.mark.parametrize("product_ids", [None, ["P1"], ["P1", "P2"]])
def test_a_run_whose_products_left_the_catalogue_answers_for_none(
    tmp_path: Path, product_ids: list[str] | None
) -> None:
    """A newer run over the catalogue took one of two products, and dropped the other."""
    storage = open_storage(str(tmp_path))
    write_two_products(storage)
    run_audit(storage.root, DAY, **asked("first"))
    older = plan_audit(storage.root, DAY, product_ids=product_ids, **asked("older"))
    shutil.rmtree(tmp_path / "catalogue" / "P1")
    run_audit(storage.root, DAY, **asked("newer"))
    found = reconcile_audit(storage.root, DAY, older["run_id"])
    assert found["n_superseded"] == older["n_products"]


@pytest.mark.parametrize(
    ("any_root", "table"), [*(("file", table) for table in TABLES), ("s3", "verdicts")], indirect=["any_root"]
)
def test_a_newer_run_that_comes_between_read_and_write_wins(any_storage: Storage, table: str) -> None:
    """The older run has read the object when the newer one writes it: it loses the race, and gives way."""
    write_one_product(any_storage)
    older = plan_audit(any_storage.root, DAY, n_buckets=1, **asked("older"))
    run_steps(any_storage, older, extract_bucket, score_bucket, publish_bucket)
    rows = [{**row, "schema_version": 0} for row in read_rows(any_storage, TABLES[table], DAY, 0)][:1]
    between = iter([True])

    class Slow(type(any_storage)):  # type: ignore[misc]
        """The older run's storage: before its first write, the newer run does all its work."""

        def write_if(self, key: str, data: bytes, etag: str | None) -> None:
            if next(between, False):
                run_audit(self.root, DAY, **asked("newer", 4))
            super().write_if(key, data, etag)

    slow = open_storage(any_storage.root)
    slow.__class__ = Slow
    late = Bucket(slow, DAY, 0, read_run(slow, DAY, older["run_id"]))
    assert late.replace(NewRows.of(TABLES[table], {"P1": rows})) == []
    assert next(between, None) is None
    newest = {row["run_id"] for row in table_rows(any_storage, table)}
    assert newest == {"000002-newer"}


# --- re-running one product leaves every other row as it was ----------------------------------------


def test_a_lost_race_for_one_object_of_many_is_run_again_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the reply to a write was lost, and the same write is refused when it is tried again."""
    storage = open_storage(str(tmp_path))
    write_two_products(storage)
    write_if, lost = storage_file.FileStorage.write_if, []

    def lose_one(self: storage_file.FileStorage, key: str, data: bytes, etag: str | None) -> None:
        if key.startswith("evidence/") and not lost:
            lost.append(key)
            raise LostRace(key)
        write_if(self, key, data, etag)

    monkeypatch.setattr(storage_file.FileStorage, "write_if", lose_one)
    run_audit(storage.root, DAY, n_buckets=1, **asked("nightly"))
    assert len(lost) == 1
    assert len(storage.keys("evidence")) == 2


def test_one_product_again_leaves_every_other_row(any_storage: Storage) -> None:
    write_two_products(any_storage)
    add_product(any_storage, "P3", [picture(1)], [report(picture(3), password=PASSWORD)])
    add_product(any_storage, "P4", [b"no picture", picture(1)], [])
    run_audit(any_storage.root, DAY, n_buckets=2, **asked("nightly"))
    before = {table: table_rows(any_storage, table) for table in TABLES}
    objects = snapshot(any_storage)
    any_storage.write("catalogue/P2/images/00.jpg", picture(3))  # now it shows what its report shows
    result = run_audit(any_storage.root, DAY, **asked("again", 4, product_ids=["P2"])).reconciled
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
    (evidence,) = (key for key in changed if key.startswith("evidence/"))
    assert verdicts(any_storage)["P2"]["evidence_uri"] == any_storage.uri(evidence)
    assert evidence not in objects, "the old one stays for verdicts that were carried over"
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
