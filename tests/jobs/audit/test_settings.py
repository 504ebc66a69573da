"""Settings where an audit runs by itself: what is mistyped is said at once, and planning is told what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.audit.settings import Settings, configured, plan_with_settings
from jobs.errors import BadArgument
from scott_core.errors import InputError
from scott_core.product import Risk

DAY = "2026-01-02"
ALL = {"scott_root": "s3://b", "scott_weights": "orb", "scott_buckets": "3", "scott_risk": "0.1"}


def test_settings_are_read_by_name_and_what_is_empty_is_not_set() -> None:
    assert Settings.read(ALL.get) == Settings("s3://b", "orb", 3, 0.1)
    assert Settings.read({**ALL, "scott_risk": " None"}.get).risk == "none"
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
        ("scott_risk", "5%"),
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
    nightly = plan_with_settings(Settings(root, "orb", 2, None, True), DAY, run_name="nightly", **when)
    assert (nightly["weights"], nightly["n_buckets"], nightly["stop_at_match"]) == ("orb", 2, True)
    again = plan_with_settings(Settings(root, None, 7, None, False), DAY, run_name="again", product_ids=["P1"], **when)
    assert (again["weights"], again["n_buckets"], again["stop_at_match"]) == ("orb", 2, True)
    other = plan_with_settings(Settings(root, None, 7, None, False), DAY, run_name="anew", **when)
    assert (other["weights"], other["n_buckets"], other["stop_at_match"]) == ("default", 2, False)


def test_a_risk_comes_from_the_run_from_the_settings_or_from_the_audit(tmp_path: Path) -> None:
    for name in ("P1", "P2"):
        (tmp_path / f"catalogue/{name}/images").mkdir(parents=True)
        (tmp_path / f"catalogue/{name}/images/1.jpg").write_bytes(b"")
    root, n = str(tmp_path), 0

    def risk(setting: Risk | None, **asked: Any) -> float | None:
        nonlocal n
        n += 1
        settings = Settings(root, risk=setting, stop_at_match=asked.pop("stop_at_match", None))
        when = {"run_name": f"run-{n}", "requested_at": "2026-01-02T03:00:00Z"}
        return plan_with_settings(settings, DAY, **when, **asked)["risk"]

    assert risk(None) == 0.05
    assert risk(0.1) == 0.1
    assert risk(0.2, product_ids=["P1"]) == 0.1
    assert risk(None, product_ids=["P1"], risk="none") is None
    assert risk(None, product_ids=["P1"]) == 0.1
    assert risk(0.1, risk=0.2) == 0.2
    assert risk("none") is None
    assert risk(0.2, product_ids=["P1"]) is None
    assert risk(None, stop_at_match=True) is None
    assert risk(0.1) == 0.1
    assert (
        plan_with_settings(
            Settings(root), DAY, run_name="baseline", requested_at="2026-01-02T03:00:00Z", product_ids=["P1"]
        )["risk"]
        == 0.1
    )
    with pytest.raises(BadArgument, match="stop at a match"):
        risk(0.1, stop_at_match=True)
    with pytest.raises(BadArgument, match="scott_risk"):
        risk(None, risk="low")
    with pytest.raises(InputError, match="cannot be had"):
        risk(1e-6)


def test_what_is_given_for_a_run_outweighs_the_settings(tmp_path: Path) -> None:
    settings = Settings(str(tmp_path), "orb", 3, 0.1, True, ("/a",))
    wanted = {"weights": "orb", "risk": 0.1, "stop_at_match": True, "inputs_from": ("/a",), "n_buckets": 3}
    assert configured(settings, DAY, None) == {**wanted, "threshold": None}
    own: dict[str, Any] = {"weights": "default", "threshold": 0.4, "stop_at_match": False, "inputs_from": ("/b",)}
    assert configured(settings, DAY, ["P1"], **own) == {**own, "risk": None, "n_buckets": 3}
    assert configured(settings, DAY, None, risk=0.2)["stop_at_match"] is None
    assert configured(settings, DAY, None, risk="none")["stop_at_match"] is True
    assert configured(settings, DAY, None, stop_at_match=True)["risk"] is None


def test_a_baseline_states_no_risk(tmp_path: Path) -> None:
    (tmp_path / "catalogue/P1/images").mkdir(parents=True)
    (tmp_path / "catalogue/P1/images/1.jpg").write_bytes(b"")
    when = {"run_name": "r", "requested_at": "2026-01-02T03:00:00Z"}
    assert plan_with_settings(Settings(str(tmp_path), "orb"), DAY, **when)["risk"] is None
    with pytest.raises(BadArgument, match="no product model"):
        plan_with_settings(Settings(str(tmp_path), "orb", risk=0.1), DAY, **when)
