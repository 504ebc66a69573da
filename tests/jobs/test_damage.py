"""What a killed audit, a disk or a hand leaves under a root costs at most a night's carry-over, and is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from jobs.audit import plan, prune_audits
from jobs.cli import main
from jobs.errors import BadArgument, DamagedObject, StorageUnavailable
from jobs.history.query import open_query
from jobs.review.measure import measure_reviews
from jobs.storage import Storage
from jobs.tables.keys import plan_key, table_key
from jobs.tables.plan import latest_audit
from jobs.tables.schemas import DOCUMENT_IMAGES, INPUT_VERSIONS, PAIR_SCORES, VERDICTS, Table
from tests.jobs.audit.steps import three_products
from tests.jobs.audit.test_carry import DAYS, audit, carried


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return three_products(tmp_path / "root")


def test_a_night_killed_as_it_planned_costs_no_verdict(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    audit(storage, DAYS[0])

    def refuse(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("storage does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(plan, "_take_products", refuse)
        with pytest.raises(StorageUnavailable):
            audit(storage, DAYS[1])
    assert carried(audit(storage, DAYS[2])) == dict.fromkeys(("P1", "P2", "P3"), DAYS[0])


def test_what_people_and_a_killed_plan_leave_stops_nothing(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    root = tmp_path / "root"
    for folder in ("audits", "evidence"):
        shutil.copytree(root / folder / f"audit_date={DAYS[0]}", root / folder / f"audit_date={DAYS[0]}.bak")
    for name in (f"audits/audit_date={DAYS[1]}/.plan.json.part", "audits/notes/a.txt", "evidence/notes/a.txt"):
        (root / name).parent.mkdir()
        (root / name).write_bytes(b"")
    for folder in ("reviews", "review_tasks"):
        for name in ("export.json", f"audit_date={DAYS[0]}/export.json", f"audit_date={DAYS[0]}/export.parquet"):
            storage.write(f"{folder}/{name}", b"[]")
    assert latest_audit(storage) == DAYS[0]
    assert carried(audit(storage, DAYS[2])) == dict.fromkeys(("P1", "P2", "P3"), DAYS[0])
    with open_query(storage.root, "SELECT count(*) AS n FROM latest_verdicts JOIN reviews USING (product_id)") as found:
        assert [row for batch in found.batches for row in batch.to_pylist()] == [{"n": 0}]
    with pytest.raises(BadArgument, match="asked nobody about any audit"):
        measure_reviews(storage.root)
    assert prune_audits(storage.root, 1)["audits"] == [DAYS[0]]


@pytest.mark.parametrize("table", [INPUT_VERSIONS, DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS])
def test_a_damaged_table_costs_the_next_night_its_carry_over_and_is_named(
    storage: Storage, table: Table[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    audit(storage, DAYS[0], n_buckets=1)
    key = table_key(table.name, DAYS[0], 0)
    storage.write(key, storage.read(key).data[:100])
    assert carried(audit(storage, DAYS[1])) == dict.fromkeys(("P1", "P2", "P3"), None)
    with pytest.raises(DamagedObject, match=re.escape(f"{storage.uri(key)} is damaged")):
        audit(storage, DAYS[0], "again", full=True)
    commands = [["diff", *DAYS[:2]]] if table is VERDICTS else []  # of others, those of what changed are read
    commands += [["explain", "P1", "--audit-date", DAYS[0]]] if table is not INPUT_VERSIONS else []
    commands += [["query", f"FROM {table.name}"]]
    for command in commands:
        capsys.readouterr()
        assert main([*command, "--root", storage.root]) == 1, command
        assert capsys.readouterr().err.startswith(f"scott: {storage.uri(key)} is damaged"), command


def test_a_damaged_plan_is_named_and_stops_no_later_night(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    audit(storage, DAYS[0], n_buckets=1)
    storage.write(plan_key(DAYS[0]), b"{")
    assert carried(audit(storage, DAYS[1])) == dict.fromkeys(("P1", "P2", "P3"), None)
    for command in (
        ["diff", *DAYS[:2]],
        ["explain", "P1", "--audit-date", DAYS[0]],
        ["query", "FROM verdicts"],
        ["prune", "--keep", "1"],
        ["audit", "--weights", "orb", "--audit-date", DAYS[0]],
    ):
        capsys.readouterr()
        assert main([*command, "--root", storage.root]) == 1, command
        assert f"scott: {storage.uri(plan_key(DAYS[0]))} is damaged" in capsys.readouterr().err, command
