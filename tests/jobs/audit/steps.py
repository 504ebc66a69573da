"""What the tests of an audit's steps share: runs over a small catalogue, and what lies in storage after them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.audit.report import read_verdicts
from jobs.storage import Storage, open_storage
from jobs.tables.plan import planned_buckets
from jobs.tables.rows import read_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS, Table
from tests.jobs.small_catalogue import PASSWORD, add_product, orb_threshold, picture, report

DAY = "2026-01-02"
TABLES: dict[str, Table[Any]] = {table.name: table for table in (DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS)}
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


def three_products(folder: Path) -> Storage:
    """A root: one product has two catalogue images, one two documents, and one none that can be read."""
    storage = open_storage(str(folder))
    add_product(storage, "P1", [picture(1), picture(2)], [report(picture(1))])
    add_product(storage, "P2", [picture(2)], [report(picture(3)), report()])
    add_product(storage, "P3", [picture(4)], [report(picture(4), password=PASSWORD)])
    return storage


def run_steps(storage: Storage, plan: dict[str, Any], *steps: Step) -> None:
    for bucket in plan["buckets"]:
        for step in steps:
            step(storage.root, DAY, bucket, plan["run_id"])


def snapshot(storage: Storage) -> dict[str, bytes]:
    """Every object, but for what storage said of the inputs, which depends on the time."""
    return {key: storage.read(key).data for key in storage.keys("") if not key.startswith("input_versions/")}


def of_any_issue(objects: dict[str, bytes]) -> dict[str, bytes]:
    """The objects without the number of a report's issue: how often it was written."""
    return {
        key_of_any_issue(key): re.sub(rb"\bissue=\d+-", b"issue=N-", data) if key.startswith("reports/") else data
        for key, data in objects.items()
    }


def key_of_any_issue(key: str) -> str:
    return re.sub(r"/issue=\d+-", "/issue=N-", key)


def table_rows(storage: Storage, table: str) -> list[dict[str, Any]]:
    return [row for bucket in planned_buckets(storage, DAY) for row in read_rows(storage, TABLES[table], DAY, bucket)]


def verdicts(storage: Storage) -> dict[str, dict[str, Any]]:
    return {row["product_id"]: row for row in read_verdicts(storage, DAY)[1]}
