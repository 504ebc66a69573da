"""Pruning: what goes, what stays because a kept audit refers to it, and that a killed prune is run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.audit import prune as prune_module
from jobs.audit.prune import prune_audits
from jobs.audit.reconcile import reconcile_audit
from jobs.audit.report import read_verdicts
from jobs.audit.run import run_audit
from jobs.cli.command import main
from jobs.errors import BadArgument, CanariesWrong
from jobs.storage import Storage
from tests.jobs.audit.steps import asked
from tests.jobs.small_catalogue import add_product, picture, report

DAYS = ("2026-01-02", "2026-01-03", "2026-01-04")


@pytest.fixture
def storage(any_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """Three audits; the report of P2 changed before the last, P1 was carried over twice."""
    monkeypatch.setattr(prune_module, "RESTING", -1.0)
    add_product(any_storage, "P1", [picture(1)], [report(picture(1))])
    add_product(any_storage, "P2", [picture(2)], [report(picture(3))])
    for day in DAYS:
        if day == DAYS[2]:
            any_storage.write("catalogue/P2/documents/report-0.pdf", report(picture(4)))
        run_audit(any_storage.root, day, **asked("nightly", n_buckets=1))
    return any_storage


def planned(storage: Storage) -> list[str]:
    """The dates that have a plan."""
    return sorted({key.split("/")[1].removeprefix("audit_date=") for key in storage.keys("audits")})


def test_what_a_kept_audit_refers_to_stays(storage: Storage) -> None:
    before = {key: storage.read(key).data for key in storage.keys("")}
    assert (len(storage.keys("images")), len(storage.keys("extractions"))) == (3, 3)
    found = prune_audits(storage.root, 1, dry_run=True)
    assert {key: storage.read(key).data for key in storage.keys("")} == before
    assert prune_audits(storage.root, 1) == found
    assert found["audits"] == [*DAYS[:2]]
    assert planned(storage) == [DAYS[2]]
    assert storage.keys("evidence") == [
        f"evidence/audit_date={DAYS[0]}/P1.jpg",
        f"evidence/audit_date={DAYS[2]}/P2.jpg",
    ]
    assert (len(storage.keys("images")), len(storage.keys("extractions"))) == (2, 2)
    assert {key for key in storage.keys("") if DAYS[2] in key} == {key for key in before if DAYS[2] in key}
    assert [key for key in storage.keys("catalogue") if key in before] == storage.keys("catalogue")
    reconcile_audit(storage.root, DAYS[2], "000001-nightly")
    run_audit(storage.root, "2026-01-05", **asked("nightly"))
    rows = {row["product_id"]: row["carried_from"] for row in read_verdicts(storage, "2026-01-05")[1]}
    assert rows == {"P1": DAYS[0], "P2": DAYS[2]}
    assert prune_audits(storage.root, 1)["objects"].keys() >= {"audits", "verdicts"}
    assert prune_audits(storage.root, 1) == {"audits": [], "objects": {}}
    any_of_p1 = [key for key in storage.keys("evidence") if key.endswith("P1.jpg")]
    assert any_of_p1 == [f"evidence/audit_date={DAYS[0]}/P1.jpg"]
    any_image = storage.keys("catalogue/P1/images")[0]
    storage.write(any_image, picture(6))
    run_audit(storage.root, "2026-01-06", **asked("nightly"))
    prune_audits(storage.root, 1)
    any_of_p1 = [key for key in storage.keys("evidence") if key.endswith("P1.jpg")]
    assert any_of_p1 == ["evidence/audit_date=2026-01-06/P1.jpg"]


def test_what_was_stored_lately_stays(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_module, "RESTING", 3600.0)
    prune_audits(storage.root, 1)
    assert len(storage.keys("images")) == 3


def test_a_prune_that_was_killed_is_run_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prune_audits(storage.root, 1, dry_run=True)
    left = sum(whole["objects"].values()) // 2
    delete = type(storage).delete

    def until(self: Storage, key: str) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        delete(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(type(storage), "delete", until)
        with pytest.raises(KeyboardInterrupt):
            prune_audits(storage.root, 1)
    assert prune_audits(storage.root, 1)["audits"] == whole["audits"]
    assert planned(storage) == [DAYS[2]]
    assert {key.partition("/")[0] for key in storage.keys("") if DAYS[1] in key} == set()


def test_red_nights_and_single_products_are_no_audits_to_keep(storage: Storage) -> None:
    storage.write("catalogue/canaries.csv", b"product_id,verdict\nP1,no_match\n")
    with pytest.raises(CanariesWrong):
        run_audit(storage.root, "2026-01-05", **asked("red"))
    run_audit(storage.root, "2026-01-06", **asked("one", product_ids=["P2"]))
    assert prune_audits(storage.root, 1)["audits"] == [*DAYS[:2]]
    assert planned(storage) == [DAYS[2], "2026-01-05", "2026-01-06"]
    assert len(read_verdicts(storage, DAYS[2])[1]) == 2
    assert prune_audits(storage.root, 5) == {"audits": [], "objects": {}}


def test_the_command_says_what_goes(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", "--root", storage.root, "--keep", "2", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("1 audit would be removed: ")
    assert main(["prune", "--root", storage.root, "--keep", "2"]) == 0
    assert planned(storage) == [*DAYS[1:]]
    assert main(["prune", "--root", storage.root, "--keep", "0"]) == 2
    assert capsys.readouterr().err == "scott: keep 0: expected to keep one audit or more\n"


def test_nothing_to_keep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="keep 0"):
        prune_audits(str(tmp_path), 0)
