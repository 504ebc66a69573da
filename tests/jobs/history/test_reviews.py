"""People's answers, where they are asked for: `scott query`, `scott diff` and the report."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from jobs.audit.prune import prune_audits
from jobs.history import connect, diff_audits
from jobs.storage import Storage, open_storage
from tests.jobs.audit.test_carry import DAYS, audit
from tests.jobs.review.label_studio import answered, brought_back, exported, reviewed
from tests.jobs.small_catalogue import add_product, picture, report


def pages(storage: Storage, day: str) -> str:
    """The report's pages of products."""
    folder = f"reports/audit_date={day}"
    return "".join(storage.read(key).data.decode() for key in storage.keys(folder) if "/page-" in key)


def test_answers_are_queried_are_a_cause_and_stand_in_the_report(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "root"))
    add_product(storage, "P1", [picture(1)], [report(picture(1))])
    add_product(storage, "P2", [picture(2)], [report(picture(2))])
    audit(storage, DAYS[0])
    assert connect(storage.root).sql("SELECT count(*) FROM reviews").fetchone() == (0,)
    reviewed(storage, tmp_path / "tasks", DAYS[0], {"P1": "no match"}, who={"id": 4, "email": "anna<@example.com"})
    audit(storage, DAYS[1])

    found = diff_audits(storage.root, *DAYS[:2], tmp_path / "diff.parquet")
    assert found["causes"] == {"review": 1}
    (row,) = pq.read_table(tmp_path / "diff.parquet").to_pylist()
    assert (row["product_id"], row["verdict_before"], row["verdict_after"]) == ("P1", "match", "no_match")
    assert row["reason_after"] == "reviewed"

    assert "anna&lt;@example.com said no match; the machine says match" in pages(storage, DAYS[1])
    prune_audits(storage.root, keep=1)
    rows = connect(storage.root).sql("SELECT product_id, reviewer, answer, audit_date::VARCHAR FROM reviews").fetchall()
    assert rows == [("P1", "anna<@example.com", "no_match", DAYS[0])]


def test_people_who_disagree_are_named_in_the_report(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "root"))
    add_product(storage, "P1", [picture(1)], [report(picture(1))])
    audit(storage, DAYS[0])
    task = exported(storage, tmp_path / "tasks", DAYS[0])["P1"]
    answers = ("match", "no match")
    task["annotations"] = [answered(task, answer, who=n, number=n) for n, answer in enumerate(answers, 1)]
    brought_back(storage, tmp_path, [task])
    audit(storage, DAYS[1])
    assert "1, 2 disagree; the machine says match" in pages(storage, DAYS[1])
