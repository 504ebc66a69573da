"""A reader sees one state of an audit: issues of a report are replaced as a whole, whoever else writes or is killed."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest

from jobs.audit.plan import plan_audit
from jobs.audit.report import pages as pages_module
from jobs.audit.report import write_report
from jobs.audit.run import run_audit
from jobs.bench.growth.reports import write_audit
from jobs.errors import WorkFolderUnusable
from jobs.storage import Storage, open_storage
from jobs.tables.keys import report_folder, report_key
from tests.jobs.audit.report.pages import index_of, issue_of, issues_of, products_of
from tests.jobs.audit.steps import DAY, asked, write_two_products
from tests.jobs.small_catalogue import add_product, picture, report


@pytest.fixture
def storage(any_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """P1, a match, and P2, none, audited; a page has one product."""
    monkeypatch.setattr(pages_module, "PRODUCTS", 1)
    write_two_products(any_storage)
    run_audit(any_storage.root, DAY, n_buckets=2, **asked("nightly"))
    return any_storage


def state_of(storage: Storage) -> dict[str, bytes]:
    return {key: storage.read(key).data for key in storage.keys(report_folder(DAY))}


def change_p2(storage: Storage) -> None:
    """From now on the report of P2 shows the product."""
    storage.write("catalogue/P2/documents/report-0.pdf", report(picture(2)))


def test_one_product_again_updates_the_report(storage: Storage) -> None:
    assert products_of(storage) == ["P2", "P1"]  # no match first
    before = issue_of(storage)
    change_p2(storage)
    run_audit(storage.root, DAY, **asked("again", 4, product_ids=["P2"]))
    assert products_of(storage) == ["P1", "P2"]
    assert issue_of(storage) != before
    assert "<strong>2</strong>" in index_of(storage).data.decode()


def test_the_same_report_again_changes_no_byte(storage: Storage) -> None:
    before = state_of(storage)
    write_report(storage.root, DAY)
    assert state_of(storage) == before


def test_a_page_that_went_missing_is_written_again(storage: Storage) -> None:
    before = state_of(storage)
    storage.delete(f"{issue_of(storage)}/page-0002.html")
    write_report(storage.root, DAY)
    assert state_of(storage) == before


def test_a_report_with_fewer_pages_leaves_none_of_the_old(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "PRODUCTS", 200)
    change_p2(storage)
    run_audit(storage.root, DAY, **asked("again", 4, product_ids=["P2"]))
    assert products_of(storage) == ["P1", "P2"]
    assert [key.rpartition("/")[2] for key in storage.keys(report_folder(DAY)) if key.endswith("html")] == [
        "index.html",
        "page-0001.html",
    ]


def until(storage: Storage, patch: pytest.MonkeyPatch, writes: int) -> None:
    """The process is killed after so many writes."""
    for name in ("write", "write_if"):
        method = getattr(type(storage), name)

        def counted(self: Storage, key: str, *arguments: Any, method: Any = method) -> None:
            nonlocal writes
            if not writes:
                raise KeyboardInterrupt
            writes -= 1
            method(self, key, *arguments)

        patch.setattr(type(storage), name, counted)


@pytest.mark.parametrize("writes", range(6))
def test_a_killed_writer_leaves_the_old_report_whole(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Two pages, three scripts and a style are written before the index."""
    before = state_of(storage)
    change_p2(storage)
    with monkeypatch.context() as patch:
        patch.setattr("jobs.audit.run.write_report", lambda *arguments: {"report_uri": ""})
        run_audit(storage.root, DAY, **asked("again", 4, product_ids=["P2"]))
    with monkeypatch.context() as patch:
        until(storage, patch, writes)
        with pytest.raises(KeyboardInterrupt):
            write_report(storage.root, DAY)
    assert before.items() <= state_of(storage).items()
    assert len(issues_of(storage)) == 1 + (writes > 0)
    write_report(storage.root, DAY)
    assert products_of(storage) == ["P1", "P2"]


def test_what_a_killed_writer_left_goes_though_the_report_is_the_same(storage: Storage) -> None:
    storage.write(f"{report_folder(DAY)}/issue=0002-00000000/page-0001.html", b"half")
    write_report(storage.root, DAY)
    assert products_of(storage) == ["P2", "P1"]


def test_an_issue_with_the_same_number_goes(storage: Storage) -> None:
    """Two writers at once may choose it: the one that lost is not in the index."""
    storage.write(f"{report_folder(DAY)}/issue=0001-00000000/page-0001.html", b"half")
    write_report(storage.root, DAY)
    assert len(issues_of(storage)) == 1
    assert products_of(storage) == ["P2", "P1"]


def test_an_issue_that_another_writer_has_begun_meanwhile_stays(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index is not written yet when the writer of this one clears up."""
    page = f"{report_folder(DAY)}/issue=0009-00000000/page-0001.html"
    write_if = type(storage).write_if

    def begun(self: Storage, key: str, data: bytes, etag: str | None) -> None:
        write_if(self, key, data, etag)
        if key == report_key(DAY):
            self.write(page, b"half")

    change_p2(storage)
    monkeypatch.setattr(type(storage), "write_if", begun)
    run_audit(storage.root, DAY, **asked("again", 4, product_ids=["P2"]))
    assert page in storage.keys(report_folder(DAY))
    assert len(issues_of(storage)) == 2


def test_a_late_writer_does_not_replace_a_newer_report(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the pages of one writer are on their way, another one's report is published, and what it replaces goes."""
    write_if, late = type(storage).write_if, True

    def race(self: Storage, key: str, data: bytes, etag: str | None) -> None:
        nonlocal late
        if key == report_key(DAY) and late:
            late = False
            change_p2(storage)
            run_audit(storage.root, DAY, **asked("again", 4, product_ids=["P2"]))
            assert products_of(storage) == ["P1", "P2"]
        write_if(self, key, data, etag)

    monkeypatch.setattr(type(storage), "write_if", race)
    storage.delete(report_key(DAY))
    write_report(storage.root, DAY)
    assert not late
    assert products_of(storage) == ["P1", "P2"]


def test_a_report_of_an_older_version_is_replaced(storage: Storage) -> None:
    storage.write(report_key(DAY), b"<!doctype html><h1>one page</h1>")
    write_report(storage.root, DAY)
    assert products_of(storage) == ["P2", "P1"]


def test_earlier_audits_are_beside_each_other(storage: Storage) -> None:
    add_product(storage, "P3", [picture(1)], [])
    for day in ("2026-01-03", "2026-01-05"):
        run_audit(storage.root, day, **asked(f"of {day}"))
    plot = index_of(storage, "2026-01-05").data.decode()
    for day, said in ((DAY, "1 undecided"), ("2026-01-03", "1 undecided"), ("2026-01-05", "1 undecided")):
        undecided = "0 undecided" if day == DAY else said
        title = f"{day}: 0 close call, 1 no match, {undecided}, 1 match"
        assert f"<title>{title}</title>" in plot
    assert "2026-01-05" not in index_of(storage, "2026-01-03").data.decode()


def test_a_full_temporary_folder_is_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None: ...
        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

    write_audit(tmp_path, 3)
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Full)
    with pytest.raises(WorkFolderUnusable, match="a report is sorted there"):
        write_report(str(tmp_path), DAY)


def test_products_without_a_verdict_are_counted(tmp_path: Any) -> None:
    storage = open_storage(str(tmp_path))
    write_two_products(storage)
    plan_audit(storage.root, DAY, **asked("planned"))
    found = write_report(storage.root, DAY)
    assert (found["n_products"], found["n_rows"]) == (2, 0)
    assert products_of(storage) == []
    assert "Products of the plan that have no verdict yet: 2." in index_of(storage).text
