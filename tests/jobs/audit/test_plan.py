"""Plans: runs and their order, who owns a product, what is refused."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.audit.plan import plan_audit
from jobs.errors import BadArgument, UnknownAudit, UnknownProduct
from jobs.scoring.scorers import scorer_for
from jobs.storage import Storage, open_storage
from jobs.tables.plan import bucket_of, planned_buckets, read_plan, read_products, read_run
from scott_core.errors import ScottError

DAY = "2026-01-02"
ASKED: dict[str, Any] = {"requested_at": "2026-01-02T03:04:05+00:00", "weights": "orb"}


@pytest.fixture
def storage(any_storage: Storage) -> Storage:
    """Ten products, P0 to P9."""
    for i in range(10):
        any_storage.write(f"catalogue/P{i}/images/1.jpg", b"")
    return any_storage


def owners(storage: Storage) -> dict[str, str]:
    buckets = planned_buckets(storage, DAY)
    return {product.product_id: product.run_id for bucket in buckets for product in read_products(storage, DAY, bucket)}


def test_a_plan_says_what_was_asked(storage: Storage) -> None:
    found = plan_audit(storage.root, DAY, run_name="nightly", n_buckets=3, threshold=0.25, **ASKED)
    assert json.loads(json.dumps(found)) == found
    assert (found["run_id"], found["n_products"], found["n_buckets"]) == ("000001-nightly", 10, 3)
    assert found["buckets"] == sorted({bucket_of(f"P{i}", 3) for i in range(10)})
    plan = read_plan(storage, DAY)
    assert (plan.n_buckets, plan.weights, plan.threshold, plan.n_products) == (3, "orb", 0.25, 10)
    assert plan.model_version == found["model_version"]
    assert plan.runs[0].product_ids is None
    assert owners(storage) == {f"P{i}": "000001-nightly" for i in range(10)}
    for bucket in found["buckets"]:
        for product in read_products(storage, DAY, bucket):
            assert bucket_of(product.product_id, 3) == bucket


def test_a_retried_plan_is_the_same_run(storage: Storage) -> None:
    first = plan_audit(storage.root, DAY, run_name="nightly", **ASKED)
    before = {key: storage.read(key).data for key in storage.keys("audits")}
    assert plan_audit(storage.root, DAY, run_name="nightly", **ASKED) == first
    assert {key: storage.read(key).data for key in storage.keys("audits")} == before


def test_a_newer_run_owns_its_products_and_uses_the_plan_as_it_was(storage: Storage) -> None:
    plan_audit(storage.root, DAY, run_name="nightly", n_buckets=4, threshold=0.25, **ASKED)
    asked = {**ASKED, "weights": None}
    found = plan_audit(storage.root, DAY, run_name="again", product_ids=["P3"], **asked)
    assert (found["run_id"], found["n_products"]) == ("000002-again", 1)
    assert (found["n_buckets"], found["threshold"], found["weights"]) == (4, 0.25, "orb")
    assert found["buckets"] == [bucket_of("P3", 4)]
    expected = {f"P{i}": "000001-nightly" for i in range(10)} | {"P3": "000002-again"}
    assert owners(storage) == expected
    plan_audit(storage.root, DAY, run_name="nightly", n_buckets=4, threshold=0.25, **ASKED)
    assert owners(storage) == expected, "planning the older run again takes nothing back"


def test_planners_at_once_get_different_generations(storage: Storage) -> None:
    def plan(i: int) -> str:
        found = plan_audit(storage.root, DAY, run_name=f"r{i}", n_buckets=2, product_ids=[f"P{i}", "P0"], **ASKED)
        return str(found["run_id"])

    with ThreadPoolExecutor(6) as pool:
        run_ids = list(pool.map(plan, range(1, 7)))
    assert sorted(run_id[:6] for run_id in run_ids) == [f"{i:06d}" for i in range(1, 7)]
    assert owners(storage) == {f"P{i}": run_ids[i - 1] for i in range(1, 7)} | {"P0": max(run_ids)}


def test_a_whole_run_drops_what_left_the_catalogue(tmp_path: Any) -> None:
    storage = open_storage(str(tmp_path))
    for i in range(3):
        storage.write(f"catalogue/P{i}/images/1.jpg", b"")
    plan_audit(storage.root, DAY, run_name="a", n_buckets=8, **ASKED)
    (tmp_path / "catalogue/P0/images/1.jpg").unlink()
    (tmp_path / "catalogue/P0/images/.lock").unlink()
    (tmp_path / "catalogue/P0/images").rmdir()
    (tmp_path / "catalogue/P0").rmdir()
    found = plan_audit(storage.root, DAY, run_name="b", **ASKED)
    assert owners(storage) == {"P1": "000002-b", "P2": "000002-b"}
    assert bucket_of("P0", 8) in found["buckets"], "its bucket must be written again, without it"


def test_a_first_plan_of_single_products_holds_only_them(storage: Storage) -> None:
    plan_audit(storage.root, DAY, run_name="a", product_ids=["P1", "P2"], **ASKED)
    assert set(owners(storage)) == {"P1", "P2"}
    plan_audit(storage.root, DAY, run_name="b", **ASKED)
    assert len(owners(storage)) == 10


def test_what_cannot_be_planned_is_named(tmp_path: Any) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("catalogue/P1/images/1.jpg", b"")

    def plan(day: str = DAY, **asked: Any) -> None:
        plan_audit(storage.root, day, **{"run_name": "r", **ASKED, **asked})

    for day in ("2026-1-2", "yesterday", "2026-02-30", "", "20260102"):
        with pytest.raises(BadArgument, match="YYYY-MM-DD"):
            plan(day)
    for threshold in (-0.1, 1.5, float("nan")):
        with pytest.raises(BadArgument, match="threshold"):
            plan(threshold=threshold)
    with pytest.raises(UnknownProduct, match="'nope'"):
        plan(product_ids=["P1", "nope"])
    with pytest.raises(BadArgument, match="no product ids"):
        plan(product_ids=[])
    with pytest.raises(BadArgument, match="is text"):
        plan(product_ids="P1")
    with pytest.raises(BadArgument, match="ISO 8601"):
        plan(requested_at="now")
    with pytest.raises(BadArgument, match="0 buckets"):
        plan(n_buckets=0)
    with pytest.raises(BadArgument, match="run name"):
        plan(run_name="")
    assert storage.keys("audits") == [], "a refused plan leaves nothing behind"
    plan(n_buckets=2)
    with pytest.raises(BadArgument, match="has 2 buckets, not 3"):
        plan(n_buckets=3)
    with pytest.raises(BadArgument, match="'r' was used"):
        plan(product_ids=["P1"])
    with pytest.raises(UnknownAudit, match="2026-01-03"):
        read_plan(storage, "2026-01-03")
    with pytest.raises(UnknownAudit, match="no run 'x'"):
        read_run(storage, DAY, "x")


def test_times_are_kept_in_utc(tmp_path: Any) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("catalogue/P1/images/1.jpg", b"")
    for moment in ("2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05", "2026-01-02T03:04:05Z"):
        plan_audit(storage.root, DAY, run_name="r", **{**ASKED, "requested_at": moment})
        kept = read_run(storage, DAY, "000001-r").requested_at
        assert datetime.fromisoformat(kept) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_threshold_is_not_carried_over_to_other_weights_of_the_same_name(tmp_path: Path, tiny_weights: Path) -> None:
    weights = tmp_path / "tiny.safetensors"
    for suffix in (".safetensors", ".json"):
        shutil.copy(tiny_weights.with_suffix(suffix), weights.with_suffix(suffix))
    storage = open_storage(str(tmp_path / "root"))
    storage.write("catalogue/P1/images/1.jpg", b"")
    asked = {**ASKED, "weights": str(weights)}
    before = plan_audit(storage.root, DAY, run_name="nightly", threshold=0.25, **asked)
    assert plan_audit(storage.root, DAY, run_name="one", product_ids=["P1"], **asked)["threshold"] == 0.25
    card = json.loads(weights.with_suffix(".json").read_text())
    weights.with_suffix(".json").write_text(json.dumps({**card, "bias": 0.5, "threshold": 0.9}))
    scorer_for.cache_clear()  # another process, another day
    after = plan_audit(storage.root, DAY, run_name="two", product_ids=["P1"], **asked)
    assert after["model_version"] != before["model_version"]
    assert after["threshold"] == 0.9


def test_a_plan_of_another_version_is_read(storage: Storage) -> None:
    """An older plan says nothing of stopping at a match; a newer one, or a person, may say more."""
    plan_audit(storage.root, DAY, run_name="nightly", **ASKED)
    key = f"audits/audit_date={DAY}/plan.json"
    plan = json.loads(storage.read(key).data)
    del plan["stop_at_match"], plan["runs"][0]["stop_at_match"]
    storage.write(key, json.dumps({**plan, "note": "by hand"}).encode())
    assert read_plan(storage, DAY).stop_at_match is False
    again = plan_audit(storage.root, DAY, run_name="again", **ASKED)
    assert [run.run_name for run in read_plan(storage, DAY).runs] == ["nightly", "again"]
    assert again["run_id"] == "000002-again"


@pytest.mark.parametrize("precision", ["float31", "bfloat61"])
def test_a_mistyped_precision_takes_no_product(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setenv("SCOTT_PRECISION", precision)
    with pytest.raises(ScottError, match=precision):
        plan_audit(storage.root, DAY, run_name="nightly", requested_at="2026-01-02T03:00:00Z")
    assert not storage.keys("audits")
