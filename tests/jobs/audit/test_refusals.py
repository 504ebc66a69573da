"""What does not add up is refused by the step that finds it, and turns the audit red."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from extractors import Extraction, Extractor
from jobs.audit import publish
from jobs.audit.extract import extract_bucket
from jobs.audit.plan import plan_audit
from jobs.audit.publish import publish_bucket
from jobs.audit.reconcile import reconcile_audit
from jobs.audit.score import score_bucket
from jobs.errors import IncompleteAudit, ModelChanged, PublishRefused, RowsMissing
from jobs.storage import Storage, open_storage
from jobs.tables.rows import read_rows
from jobs.tables.schemas import PAIR_SCORES
from tests.jobs.audit.steps import (
    DAY,
    Rows,
    asked,
    run_steps,
    verdicts,
    write_two_products,
)
from tests.jobs.small_catalogue import add_product, picture, report


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


def of_machine(**values: Any) -> Callable[[Rows], Rows]:
    """A change of the first verdict and of the machine's."""
    return first(**values, **{f"machine_{name}": values[name] for name in ("verdict", "reason") if name in values})


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


def test_an_image_that_changed_since_it_was_scored_fails_its_own_pairs(scored: tuple[Storage, dict[str, Any]]) -> None:
    storage, plan = scored
    storage.write("catalogue/P2/images/00.jpg", picture(9))
    for _ in range(2):  # a publish that is run again says the same
        publish_bucket(storage.root, DAY, 0, plan["run_id"])
        reconcile_audit(storage.root, DAY, plan["run_id"])
        found = verdicts(storage)
        assert found["P1"]["n_pairs_failed"] == 0
        assert (found["P2"]["verdict"], found["P2"]["reason"]) == ("undecided", "catalogue_image_unreadable")
        assert (found["P2"]["n_pairs_failed"], found["P2"]["evidence_uri"]) == (1, None)
        (pair,) = read_rows(storage, PAIR_SCORES, DAY, 0, product_ids=["P2"])
        assert pair["error"].startswith("catalogue_image_unreadable: changed: catalogue/P2/images/00.jpg")
        assert (pair["score"], pair["catalogue_sha256"], pair["mask_a"]) == (None, None, None)
    run_steps(storage, plan, score_bucket, publish_bucket)
    assert verdicts(storage)["P2"]["n_pairs_failed"] == 0


def test_the_next_best_image_is_the_evidence_of_a_product_whose_best_has_gone(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    add_product(storage, "P1", [picture(1), picture(1, 300, 225)], [report(picture(1))])
    plan = plan_audit(storage.root, DAY, n_buckets=1, **asked("r"))
    run_steps(storage, plan, extract_bucket, score_bucket)
    pairs = read_rows(storage, PAIR_SCORES, DAY, 0)
    best = max(pairs, key=lambda pair: pair["score"])["catalogue_image"]
    storage.delete(best)
    publish_bucket(storage.root, DAY, 0, plan["run_id"])
    row = verdicts(storage)["P1"]
    assert {row["best_catalogue_image"], best} == {pair["catalogue_image"] for pair in pairs}
    assert (row["verdict"], row["n_pairs_failed"]) == ("match", 1)
    assert storage.keys("evidence") == [f"evidence/audit_date={DAY}/P1.jpg"]


def test_a_product_that_a_newer_run_takes_while_it_is_published_is_left_to_that_run(
    scored: tuple[Storage, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer run extracts the product's other document between the check of the rows and the second look at them."""
    storage, plan = scored
    load = publish.planned_product_model

    def taken(*of: str) -> Any:
        storage.write("catalogue/P2/documents/report-0.pdf", report(picture(7)))
        newer = plan_audit(storage.root, DAY, product_ids=["P2"], **asked("newer"))
        extract_bucket(storage.root, DAY, 0, newer["run_id"])
        return load(*of)

    monkeypatch.setattr(publish, "planned_product_model", taken)
    publish_bucket(storage.root, DAY, 0, plan["run_id"])
    assert set(verdicts(storage)) == {"P1"}


def test_a_product_that_was_taken_while_its_evidence_was_drawn_gets_none(
    scored: tuple[Storage, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, plan = scored
    choose = publish.best_pair

    def taken(pairs: Any) -> Any:
        monkeypatch.setattr(publish, "best_pair", choose)
        plan_audit(storage.root, DAY, product_ids=["P1"], **asked("newer"))
        return choose(pairs)

    monkeypatch.setattr(publish, "best_pair", taken)
    publish_bucket(storage.root, DAY, 0, plan["run_id"])
    assert set(verdicts(storage)) == {"P2"}
    assert storage.keys("evidence") == [f"evidence/audit_date={DAY}/P2.jpg"]


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
            "P1 has the verdict match with has_match False, probability None",
        ),
        (of_machine(verdict="undecided", has_match=False), "reason None"),
        (of_machine(verdict="no_match"), "P1 has the verdict no_match with has_match True"),
        (first(verdict="no_match"), r"no_match \(None\), the machine's is match \(None\), no review"),
        (first(verdict="no_match", reason="reviewed"), "the verdict no_match with the review None"),
        (first(verdict="no_match", reason="reviewed", review="match"), "the verdict no_match with the review match"),
        (first(reason="reviewed", review="ambiguous"), "the verdict match with the review ambiguous"),
        (first(risk=0.05, confidence=0.8), "probability None"),
        (first(risk=0.05, confidence=0.8, probability=0.79), "probability 0.79"),
        (of_machine(verdict="no_match", risk=0.05, confidence=0.8, probability=0.25), "probability 0.25"),
        (
            of_machine(verdict="undecided", reason="x", risk=0.05, confidence=0.8, probability=0.875),
            "probability 0.875",
        ),
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
