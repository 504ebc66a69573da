"""An audit reads what lies under its root, or where its operator says, and the plan remembers where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.audit.run import run_audit
from jobs.audit.settings import Settings, plan_with_settings
from jobs.cli import main
from jobs.errors import BadArgument
from jobs.storage import Storage, open_storage
from jobs.tables.plan import read_plan, read_run
from tests.jobs.audit.steps import DAY, asked, table_rows, verdicts
from tests.jobs.small_catalogue import picture, report


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A root whose feed names a document, and another product's image, beside it."""
    root = open_storage(str(tmp_path / "root"))
    beside = open_storage(str(tmp_path / "beside"))
    beside.write("report.pdf", report(picture(1)))
    beside.write("1.jpg", picture(1))
    root.write("1.jpg", picture(1))
    root.write("report.pdf", report(picture(1)))
    rows = [
        {"product_id": "P1", "image_uris": ["1.jpg"], "document_uris": [f"{beside.root}/report.pdf"]},
        {"product_id": "P2", "image_uris": [f"{tmp_path}/beside/1.jpg"], "document_uris": ["report.pdf"]},
    ]
    root.write("catalogue/products.jsonl", "\n".join(map(json.dumps, rows)).encode())
    return root


def said(storage: Storage) -> dict[str, tuple[str, str | None]]:
    return {name: (row["verdict"], row["reason"]) for name, row in verdicts(storage).items()}


REFUSED = {"P1": ("undecided", "document_unreadable:not_allowed"), "P2": ("undecided", "catalogue_image_unreadable")}
READ = {"P1": ("match", None), "P2": ("match", None)}


def test_what_lies_beside_the_root_is_a_row_and_leaves_no_trace(storage: Storage) -> None:
    run_audit(storage.root, DAY, **asked("r"))
    assert said(storage) == REFUSED
    (document,) = [row for row in table_rows(storage, "document_images") if row["product_id"] == "P1"]
    assert (document["document_status"], document["document_sha256"]) == ("not_allowed", None)
    assert "--inputs-from" in document["document_detail"]
    (pair,) = table_rows(storage, "pair_scores")
    assert pair["error"].startswith("catalogue_image_unreadable: not_allowed: ")
    assert pair["catalogue_sha256"] is None
    assert storage.keys("evidence") == []


def test_a_run_over_one_product_obeys_what_the_plan_says(storage: Storage, tmp_path: Path) -> None:
    run_audit(storage.root, DAY, **asked("r", inputs_from=[f"{tmp_path}/beside/"]))
    assert said(storage) == READ
    assert read_plan(storage, DAY).inputs_from == ((tmp_path / "beside").as_uri(),)
    run_audit(storage.root, DAY, **asked("again", product_ids=["P2"]))
    assert said(storage) == READ
    run_audit(storage.root, DAY, **asked("none", product_ids=["P2"], inputs_from=[]))
    assert said(storage) == {**READ, "P2": REFUSED["P2"]}
    assert read_plan(storage, DAY).inputs_from, "single products do not change it for the others"
    run_audit(storage.root, DAY, **asked("whole"))
    assert said(storage) == REFUSED


def test_a_plan_of_an_earlier_version_allows_the_root_alone(storage: Storage) -> None:
    run_audit(storage.root, DAY, **asked("r"))
    key = f"audits/audit_date={DAY}/plan.json"
    plan = json.loads(storage.read(key).data)
    del plan["inputs_from"], plan["runs"][0]["inputs_from"]
    storage.write(key, json.dumps(plan).encode())
    assert read_plan(storage, DAY).inputs_from == read_run(storage, DAY, "000001-r").inputs_from == ()


def test_a_prefix_that_names_no_storage_leaves_no_plan(storage: Storage) -> None:
    with pytest.raises(BadArgument, match="http"):
        run_audit(storage.root, DAY, **asked("r", inputs_from=["http://host/x"]))
    assert storage.keys("audits") == []


@pytest.mark.parametrize(
    ("text", "uris"),
    [("/a; s3://b/c ;", ("/a", "s3://b/c")), ('["/a;b", "/c"]', ("/a;b", "/c")), ("", None), (None, None), (" ", None)],
)
def test_the_setting_is_a_list(text: str | None, uris: tuple[str, ...] | None) -> None:
    look_up: dict[str, str | None] = {"scott_root": "r", "scott_inputs_from": text}
    assert Settings.read(look_up.get).inputs_from == uris


@pytest.mark.parametrize("text", ["[1]", "['/a']", "/a,/c", "s3:/bucket/p", "/a;data"])
def test_a_setting_that_is_no_list_is_named(text: str) -> None:
    look_up = {"scott_root": "r", "scott_inputs_from": text}
    with pytest.raises(BadArgument, match=r"scott_inputs_from|inputs from 's3:/|inputs from 'data'"):
        Settings.read(look_up.get)


def test_single_products_of_a_scheduler_keep_the_plans_places(storage: Storage, tmp_path: Path) -> None:
    when: dict[str, Any] = {"requested_at": "2026-01-02T03:00:00Z"}
    listed, other = ((str(tmp_path / name),) for name in ("beside", "other"))
    first = plan_with_settings(Settings(storage.root, "orb", inputs_from=listed), DAY, run_name="a", **when)
    assert first["inputs_from"] == [(tmp_path / "beside").as_uri()]
    changed = Settings(storage.root, "orb", inputs_from=other)
    again = plan_with_settings(changed, DAY, run_name="b", product_ids=["P1"], **when)
    assert again["inputs_from"] == first["inputs_from"]
    assert plan_with_settings(changed, DAY, run_name="c", **when)["inputs_from"] == [(tmp_path / "other").as_uri()]


def test_the_command_takes_the_option_or_the_variable(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = ["audit", "--root", storage.root, "--audit-date", DAY, "--weights", "orb"]
    places = [f"--inputs-from={tmp_path}/{name}" for name in ("beside", "nothing")]
    assert main([*audit, *places]) == 0
    assert read_plan(storage, DAY).inputs_from == tuple((tmp_path / n).as_uri() for n in ("beside", "nothing"))
    monkeypatch.setenv("SCOTT_INPUTS_FROM", str(tmp_path / "nothing"))
    assert main([*audit, "--product", "P1"]) == 0
    assert read_plan(storage, DAY).runs[-1].inputs_from == read_plan(storage, DAY).inputs_from
    assert main(audit) == 0
    assert read_plan(storage, DAY).inputs_from == ((tmp_path / "nothing").as_uri(),)
    assert main([*audit, "--inputs-from", "ftp://x"]) == 2
    assert "ftp" in capsys.readouterr().err


def test_a_title_cannot_talk_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "product_id": "P1",
        "title": "\x1b[2J\u202eMug\x07",
        "image_uris": ["\x1b]0;x.jpg"],
        "document_uris": ["a\x9b.pdf"],
    }
    storage = open_storage(str(tmp_path))
    storage.write("catalogue/products.jsonl", json.dumps(row).encode())
    assert main(["audit", "--root", str(tmp_path), "--audit-date", DAY, "--weights", "orb"]) == 0
    assert main(["explain", "P1", "--root", str(tmp_path)]) == 0
    assert main(["audit", "--root", "s3://\x1b[2J"]) == 2
    (tmp_path / "\x1b[2J.pdf").write_bytes(b"no PDF")
    for name in ("\x1b[2J.pdf", "\x9b.pdf"):
        assert main(["extract", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    shown = "".join(capsys.readouterr())
    assert "\\x1b[2J\\u202eMug\\x07" in shown
    assert "a\\x9b.pdf" in shown
    assert "\\x1b[2J.pdf: " in shown
    assert "\\x9b.pdf" in shown
    assert not [c for c in shown if not c.isprintable() and c not in "\n\r"], "tqdm's bar goes back by \\r"
