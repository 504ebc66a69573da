"""Settings where an audit runs by itself: what is mistyped is said at once, and planning is told what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.audit.settings import Settings, plan_with_settings
from jobs.errors import BadArgument

DAY = "2026-01-02"
ALL = {"scott_root": "s3://b", "scott_weights": "orb", "scott_buckets": "3", "scott_stop_at_match": "True"}


def test_settings_are_read_by_name_and_what_is_empty_is_not_set() -> None:
    assert Settings.read(ALL.get) == Settings("s3://b", "orb", 3, True)
    assert Settings.read({**ALL, "scott_stop_at_match": "no"}.get).stop_at_match is False
    assert Settings.read({"scott_root": "r", "scott_buckets": ""}.get) == Settings("r")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scott_root", None),
        ("scott_root", ""),
        ("scott_buckets", "three"),
        ("scott_buckets", "-1"),
        ("scott_buckets", "1.5"),
        ("scott_stop_at_match", "yess"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str | None) -> None:
    with pytest.raises(BadArgument, match=name):
        Settings.read({**ALL, name: value}.get)


def test_single_products_keep_what_the_audit_was_planned_with(tmp_path: Path) -> None:
    for name in ("P1", "P2"):
        (tmp_path / f"catalogue/{name}/images").mkdir(parents=True)
        (tmp_path / f"catalogue/{name}/images/1.jpg").write_bytes(b"")
    when = {"requested_at": "2026-01-02T03:00:00Z"}
    root = str(tmp_path)
    nightly = plan_with_settings(Settings(root, "orb", 2, True), DAY, run_name="nightly", **when)
    assert (nightly["weights"], nightly["n_buckets"], nightly["stop_at_match"]) == ("orb", 2, True)
    again = plan_with_settings(Settings(root, None, 7, False), DAY, run_name="again", product_ids=["P1"], **when)
    assert (again["weights"], again["n_buckets"], again["stop_at_match"]) == ("orb", 2, True)
    other = plan_with_settings(Settings(root, None, 7, False), DAY, run_name="anew", **when)
    assert (other["weights"], other["n_buckets"], other["stop_at_match"]) == ("default", 2, False)
