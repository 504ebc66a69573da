"""What changed between two audits, and why: of real audits, by what was done to the catalogue between them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from jobs.audit.run import run_audit
from jobs.errors import BadArgument, UnknownAudit
from jobs.history import diff, diff_audits
from jobs.storage import Storage, local_path, open_storage
from jobs.storage.file import FileStorage
from tests.jobs.audit.steps import asked
from tests.jobs.small_catalogue import PASSWORD, add_product, orb_threshold, picture, report

FIRST, SECOND, THIRD = "2026-01-02", "2026-01-03", "2026-01-04"
A, B, C = (picture(seed) for seed in (1, 2, 3))


def audit(storage: Storage, day: str, **more: Any) -> None:
    run_audit(storage.root, day, **asked(f"nightly-{day}", **more))


def changed(storage: Storage, before: str, after: str, folder: Path) -> tuple[Any, dict[str, dict[str, Any]]]:
    """The summary of a diff, and its rows by product id."""
    summary = diff_audits(storage.root, before, after, folder / "diff.parquet")
    rows = pq.read_table(folder / "diff.parquet").to_pylist()
    assert len({row["product_id"] for row in rows}) == len(rows) == summary["n_changed"]
    return summary, {row["product_id"]: row for row in rows}


def why(rows: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    return {name: row["causes"] for name, row in rows.items()}


def move(storage: Storage, old: str, new: str) -> None:
    storage.write(new, storage.read(old).data)
    storage.delete(old)


def documents(name: str, n: int = 0) -> str:
    return f"catalogue/{name}/documents/report-{n}.pdf"


def change_everything(storage: Storage) -> dict[str, list[str]]:
    """Does something to every product but one; returns the causes that it must have."""
    storage.write(documents("new-document", 1), report(A))
    storage.delete(documents("no-document-any-more"))
    storage.write(documents("other-document"), report(A))
    move(storage, documents("renamed-document"), "catalogue/renamed-document/documents/report.pdf")
    storage.write("catalogue/new-image/images/01.jpg", B)
    storage.delete("catalogue/image-gone/images/01.jpg")
    storage.write("catalogue/other-image/images/00.jpg", B)
    move(storage, "catalogue/renamed-image/images/00.jpg", "catalogue/renamed-image/images/front.jpg")
    storage.write(documents("first-document"), report(A))
    storage.write(documents("document-and-image"), report(C))
    storage.write("catalogue/document-and-image/images/00.jpg", C)
    shutil.rmtree(local_path(storage.uri("catalogue/removed")))
    add_product(storage, "added", [A], [report(A)])
    return {
        "new-document": ["document_added"],
        "no-document-any-more": ["document_removed"],
        "other-document": ["document_changed"],
        "renamed-document": ["document_renamed"],
        "new-image": ["image_added"],
        "image-gone": ["image_removed"],
        "other-image": ["image_changed"],
        "renamed-image": ["image_renamed"],
        "first-document": ["document_added"],
        "document-and-image": ["image_changed", "document_changed"],
        "removed": ["product_removed"],
        "added": ["product_added"],
    }


def write_catalogue(storage: Storage) -> None:
    for name in ("same", "removed", "renamed-document", "renamed-image", "no-document-any-more"):
        add_product(storage, name, [A], [report(A)])
    for name in ("new-document", "other-document", "new-image", "other-image", "document-and-image"):
        add_product(storage, name, [A], [report(B)])
    add_product(storage, "image-gone", [A, B], [report(B)])
    add_product(storage, "first-document", [A], [])


@pytest.mark.parametrize("n_buckets", [(2, 2), (2, 4), (4, 2), (3, 5)])
def test_each_change_has_its_cause(tmp_path: Path, n_buckets: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "BUCKETS_AT_ONCE", 4)
    storage = open_storage(str(tmp_path / "root"))
    write_catalogue(storage)
    audit(storage, FIRST, n_buckets=n_buckets[0])
    expected = change_everything(storage)
    audit(storage, SECOND, n_buckets=n_buckets[1])
    summary, rows = changed(storage, FIRST, SECOND, tmp_path)
    assert why(rows) == expected
    assert (summary["n_before"], summary["n_after"], summary["n_apart"]) == (12, 12, 0)
    assert summary["causes"]["document_added"] == 2
    assert rows["new-document"]["uris"] == [documents("new-document", 1)]
    assert rows["renamed-document"]["uris"] == ["catalogue/renamed-document/documents/report.pdf"]
    assert rows["renamed-document"]["changed"] == ["inputs"]
    assert rows["first-document"]["changed"] == ["verdict", "reason", "inputs"]
    agree_with_pandas(tmp_path / "root", rows, summary)

    summary, rows = changed(storage, SECOND, FIRST, tmp_path)
    assert (why(rows)["added"], why(rows)["removed"]) == (["product_removed"], ["product_added"])
    assert why(rows)["new-document"] == ["document_removed"]


def agree_with_pandas(root: Path, rows: dict[str, dict[str, Any]], summary: Any) -> None:
    """The verdicts of both nights, and which products differ, by another way to read the files."""
    before, after = (
        pd.read_parquet(root / "verdicts" / f"audit_date={day}").set_index("product_id") for day in (FIRST, SECOND)
    )
    both = before.merge(after, left_index=True, right_index=True, suffixes=("_before", "_after"), how="outer")
    columns = ("verdict", "reason", "inputs_digest", "model_version")
    differ = both[
        [any(str(row[f"{c}_before"]) != str(row[f"{c}_after"]) for c in columns) for _, row in both.iterrows()]
    ]
    assert set(differ.index) == set(rows)
    for name, row in differ.iterrows():
        for column in ("verdict", "reason", "best_score", "threshold"):
            for when in ("before", "after"):
                value = row[f"{column}_{when}"]
                assert rows[str(name)][f"{column}_{when}"] == (None if pd.isna(value) else value)
    assert summary["changed"]["verdict"] == (differ["verdict_before"] != differ["verdict_after"]).sum()


def test_a_carried_over_night_has_no_change(any_storage: Storage, tmp_path: Path) -> None:
    """On each kind of storage."""
    add_product(any_storage, "P1", [A], [report(A)])
    add_product(any_storage, "P2", [A], [report(B)])
    audit(any_storage, FIRST)
    audit(any_storage, SECOND)
    summary, rows = changed(any_storage, FIRST, SECOND, tmp_path)
    assert (rows, summary["n_changed"], summary["causes"]) == ({}, 0, {})
    add_product(any_storage, "P2", [A], [report(A)])
    audit(any_storage, THIRD)
    for before in (FIRST, SECOND):
        assert why(changed(any_storage, before, THIRD, tmp_path)[1]) == {"P2": ["document_changed"]}


def test_another_threshold_and_other_weights(tmp_path: Path, tiny_weights: Path) -> None:
    storage = open_storage(str(tmp_path / "root"))
    add_product(storage, "P1", [A], [report(B)])
    add_product(storage, "P2", [A], [report(A)])
    audit(storage, FIRST)
    audit(storage, SECOND, threshold=orb_threshold() / 100)
    _, rows = changed(storage, FIRST, SECOND, tmp_path)
    assert {name: (row["verdict_after"], row["causes"]) for name, row in rows.items()} == {
        "P1": ("match", ["threshold"])
    }
    audit(storage, THIRD, weights=str(tiny_weights), threshold=0.5)
    _, rows = changed(storage, FIRST, THIRD, tmp_path)
    assert why(rows) == {"P1": ["weights", "threshold"], "P2": ["weights", "threshold"]}
    assert all("model" in row["changed"] for row in rows.values())


def test_what_could_not_be_read_is_lost_and_found(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "root"))
    feed = "product_id,image_uris,document_uris\nP1,catalogue/1.jpg,catalogue/1.pdf\n"
    storage.write("catalogue/products.csv", feed.encode())
    storage.write("catalogue/1.jpg", A)
    audit(storage, FIRST)
    storage.write("catalogue/1.pdf", report(A))
    audit(storage, SECOND)
    storage.write("catalogue/1.pdf", report(A, password=PASSWORD))
    audit(storage, THIRD)
    assert why(changed(storage, FIRST, SECOND, tmp_path)[1]) == {"P1": ["document_found"]}
    assert why(changed(storage, SECOND, FIRST, tmp_path)[1]) == {"P1": ["document_lost"]}
    _, rows = changed(storage, SECOND, THIRD, tmp_path)
    assert why(rows) == {"P1": ["document_changed"]}
    assert rows["P1"]["reason_after"] == "document_unreadable:encrypted"


def test_an_audit_of_chosen_products_says_nothing_of_others(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "root"))
    add_product(storage, "P1", [A], [report(A)])
    add_product(storage, "P2", [A], [report(B)])
    audit(storage, FIRST)
    audit(storage, SECOND, product_ids=["P1"])
    summary, rows = changed(storage, FIRST, SECOND, tmp_path)
    assert (rows, summary["n_before"], summary["n_after"], summary["n_apart"]) == ({}, 2, 1, 1)


def test_an_audit_that_has_not_come_to_its_end(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "root"))
    add_product(storage, "P1", [A], [report(A)])
    audit(storage, FIRST)
    audit(storage, SECOND)
    for key in storage.keys(f"verdicts/audit_date={SECOND}"):
        storage.delete(key)
    _, rows = changed(storage, FIRST, SECOND, tmp_path)
    assert why(rows) == {"P1": ["not_decided"]}
    assert (rows["P1"]["verdict_before"], rows["P1"]["verdict_after"]) == ("match", None)


def test_refusals(tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "root")
    add_product(storage, "P1", [A], [])
    audit(storage, FIRST)
    with pytest.raises(UnknownAudit, match=f"no audit of {SECOND}"):
        diff_audits(storage.root, FIRST, SECOND, tmp_path / "out.parquet")
    with pytest.raises(BadArgument, match="'yesterday' is not a date"):
        diff_audits(storage.root, "yesterday", FIRST, tmp_path / "out.parquet")
    with pytest.raises(BadArgument, match=r"Parquet; name it diff\.parquet"):
        diff_audits(storage.root, FIRST, FIRST, tmp_path / "diff.csv")
    with pytest.raises(BadArgument, match="cannot be written"):
        diff_audits(storage.root, FIRST, FIRST, tmp_path)
    assert not (tmp_path / "out.parquet").exists()
