"""Canaries are decided before all other products, and a wrong one ends the run with nothing else to be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.audit import reconcile
from jobs.audit.canaries import check_canaries, extract_canaries, score_canaries
from jobs.audit.plan import plan_audit
from jobs.audit.reconcile import reconcile_audit
from jobs.audit.report import read_verdicts
from jobs.audit.run import run_audit
from jobs.errors import BadCatalogue, CanariesWrong
from jobs.storage import Storage, open_storage
from tests.jobs.audit.steps import DAY, asked
from tests.jobs.small_catalogue import write_catalogue

ASKED = asked("nightly", n_buckets=3)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """The small catalogue."""
    storage = open_storage(str(tmp_path))
    write_catalogue(storage)
    return storage


def known(storage: Storage, *lines: str, header: str = "product_id,verdict") -> None:
    storage.write("catalogue/canaries.csv", "\n".join([header, *lines, ""]).encode())


def decided(storage: Storage) -> set[str]:
    """The products that have a verdict."""
    return {row["product_id"] for row in read_verdicts(storage, DAY)[1]}


def test_right_canaries_change_no_row(storage: Storage) -> None:
    run_audit(storage.root, DAY, **ASKED)
    keys = [key for key in storage.keys("") if not key.startswith(("audits/", "catalogue/", "input_versions/"))]
    before = {key: storage.read(key).data for key in keys}
    known(storage, "match,match", "wrong,no_match", "encrypted,undecided")
    run_audit(storage.root, DAY, **ASKED)
    assert {key: storage.read(key).data for key in keys} == before


def test_a_wrong_canary_ends_the_run_before_other_products(storage: Storage) -> None:
    known(storage, "match,match", "wrong,match")
    with pytest.raises(
        CanariesWrong,
        match=r"1 of 2 canaries.*wrong is no_match \(best score 0\.\d+, threshold 0\.\d+\).*known to be match",
    ):
        run_audit(storage.root, DAY, **ASKED)
    assert decided(storage) == {"match", "wrong"}
    assert storage.keys("reports") == []


def test_an_undecided_canary_says_why(storage: Storage) -> None:
    known(storage, "encrypted,match")
    with pytest.raises(CanariesWrong, match=r"encrypted is undecided \(document_unreadable:encrypted\)"):
        run_audit(storage.root, DAY, **ASKED)


def test_a_run_of_single_products_checks_those_alone(storage: Storage) -> None:
    known(storage, "match,no_match")
    assert run_audit(storage.root, DAY, product_ids=["wrong"], **ASKED).reconciled["n_products"] == 1
    with pytest.raises(CanariesWrong, match="match is match"):
        run_audit(storage.root, DAY, product_ids=["match"], **{**ASKED, "run_name": "other"})


def test_a_run_without_canaries_checks_none(storage: Storage) -> None:
    run_id = plan_audit(storage.root, DAY, **ASKED)["run_id"]
    for step in (extract_canaries, score_canaries, check_canaries):
        assert step(storage.root, DAY, run_id) == {"n_canaries": 0}
    assert decided(storage) == set()


def test_canaries_that_a_newer_run_has_taken_are_not_counted(storage: Storage) -> None:
    known(storage, "match,no_match", "wrong,no_match")
    older = plan_audit(storage.root, DAY, **ASKED)["run_id"]
    extract_canaries(storage.root, DAY, older)
    score_canaries(storage.root, DAY, older)
    plan_audit(storage.root, DAY, product_ids=["match"], **{**ASKED, "run_name": "newer"})
    assert check_canaries(storage.root, DAY, older) == {"n_canaries": 1}


def test_a_run_of_single_products_goes_on_where_another_canary_left_the_catalogue(storage: Storage) -> None:
    known(storage, "gone,match")
    assert run_audit(storage.root, DAY, product_ids=["wrong"], **ASKED).reconciled["n_products"] == 1


def test_a_link_out_of_the_root_is_not_read(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret"
    elsewhere.write_text("root:x:0:0\n")
    (Path(storage.root.removeprefix("file://")) / "catalogue/canaries.csv").symlink_to(elsewhere)
    with pytest.raises(BadCatalogue, match="link") as refused:
        plan_audit(storage.root, DAY, **ASKED)
    assert "root:x" not in str(refused.value)


def test_a_canary_that_goes_wrong_on_another_worker_is_seen_at_the_end(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(storage, "match,match")
    run_id = run_audit(storage.root, DAY, **ASKED).reconciled["run_id"]
    read = reconcile.read_rows

    def changed(*arguments: Any) -> list[Any]:
        rows = read(*arguments)
        other = {"verdict": "no_match", "machine_verdict": "no_match", "has_match": False}
        return [{**row, **other} if row["product_id"] == "match" else row for row in rows]

    monkeypatch.setattr(reconcile, "read_rows", changed)
    with pytest.raises(CanariesWrong):
        reconcile_audit(storage.root, DAY, run_id)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"product_id,verdict\nnobody,match\n", r"not in the catalogue: 'nobody'"),
        (b"product_id,verdict\nmatch,yes\n", r"line 2: 'yes' is no verdict"),
        (b"product_id,verdict\nmatch\n", r"line 2: 1 cells: expected product_id,verdict"),
        (b"product_id,verdict\nmatch,match,\n", r"line 2: 3 cells: expected product_id,verdict"),
        (b"product_id,verdict\nmatch,match\nmatch,no_match\n", r"line 3: product 'match' has two verdicts"),
        (b"product,verdict\nmatch,match\n", r"header"),
        (b"", r"header"),
        (b"\xff\xfe", r"cannot be read"),
        (b'product_id,verdict\n"match,match\n', r"cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(storage: Storage, table: bytes, message: str) -> None:
    storage.write("catalogue/canaries.csv", table)
    with pytest.raises(BadCatalogue, match=message):
        plan_audit(storage.root, DAY, **ASKED)


def test_a_table_of_excel_is_read(storage: Storage) -> None:
    storage.write("catalogue/canaries.csv", b"\xef\xbb\xbfproduct_id,verdict\r\nmatch,match\r\n")
    run_audit(storage.root, DAY, **ASKED)
    assert len(decided(storage)) == 8
