"""Scoring a bucket: products share batches without touching one another, and may stop at their first match."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from jobs.audit.extract import extract_bucket
from jobs.audit.plan import plan_audit
from jobs.audit.publish import publish_bucket
from jobs.audit.report import read_verdicts
from jobs.audit.run import run_audit
from jobs.audit.score import score_bucket
from jobs.audit.verdicts import STOPPED
from jobs.errors import PublishRefused
from jobs.storage import Storage, open_storage
from jobs.tables.bucket import Bucket
from jobs.tables.plan import read_plan
from jobs.tables.rows import NewRows, read_rows
from jobs.tables.schemas import PAIR_SCORES, Table
from scott_core.baselines.orb import OrbScorer
from tests.jobs.small_catalogue import add_product, orb_threshold, picture, report

DAY = "2026-01-02"


def asked(run_name: str, **more: Any) -> dict[str, Any]:
    return {"run_name": run_name, "requested_at": "2026-01-02T03:00:00Z", "n_buckets": 1, **more}


def with_orb(run_name: str, **more: Any) -> dict[str, Any]:
    return asked(run_name, weights="orb", threshold=orb_threshold(), **more)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Three products of the same document pictures; the second one's match is its fourth pair, the third has none."""
    storage = open_storage(str(tmp_path / "root"))
    shown = report(picture(1), picture(2))
    add_product(storage, "P1", [picture(1), picture(3)], [shown])
    add_product(storage, "P2", [picture(4), picture(2)], [shown])
    add_product(storage, "P3", [picture(5)], [shown])
    return storage


def rows(storage: Storage, table: Table[Any], day: str = DAY) -> dict[str, list[Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in read_rows(storage, table, day, 0):
        found.setdefault(row["product_id"], []).append(row)
    return found


def test_a_product_scores_the_same_whatever_else_is_in_its_bucket(storage: Storage, tiny_weights: Path) -> None:
    run_audit(storage.root, DAY, **asked("all", weights=str(tiny_weights)))
    together = rows(storage, PAIR_SCORES)
    assert {name: len(pairs) for name, pairs in together.items()} == {"P1": 4, "P2": 4, "P3": 2}
    for name in together:
        run_audit(storage.root, "2026-01-03", **asked(name, weights=str(tiny_weights), product_ids=[name]))
    alone = rows(storage, PAIR_SCORES, "2026-01-03")
    for name, pairs in together.items():
        for column in ("catalogue_image", "digest", "score", "region_a", "region_b", "is_match"):
            assert [pair[column] for pair in pairs] == [pair[column] for pair in alone[name]], (name, column)


def test_a_catalogue_image_that_shows_nothing_decides_nothing(tmp_path: Path) -> None:
    """White, of one colour, white on transparent: each was a firm no_match."""
    storage = open_storage(str(tmp_path / "root"))
    clear = Image.new("RGBA", (64, 48), (255, 255, 255, 0))
    clear.paste((255, 255, 255, 255), (10, 10, 50, 40))
    lined = Image.new("RGB", (400, 300), "white")
    lined.paste("black", (0, 140, 400, 142))
    blank = [as_png(image) for image in (Image.new("RGB", (64, 48), (200, 200, 200)), clear, lined)]
    add_product(storage, "ALL", blank, [report(picture(1), picture(2))])
    add_product(storage, "SOME", [*blank, picture(3)], [report(picture(1))])
    add_product(storage, "MATCH", [*blank, picture(1)], [report(picture(1))])
    run_audit(storage.root, DAY, **with_orb("blank"))
    found = {row["product_id"]: row for row in read_verdicts(storage, DAY)[1]}
    assert {name: (row["verdict"], row["reason"]) for name, row in found.items()} == {
        "ALL": ("undecided", "catalogue_images_blank"),
        "SOME": ("no_match", None),
        "MATCH": ("match", None),
    }
    assert [found["ALL"][f"n_pairs{part}"] for part in ("", "_scored", "_failed")] == [6, 0, 6]
    assert [found["SOME"][f"n_pairs{part}"] for part in ("", "_scored", "_failed")] == [4, 1, 3]
    errors = [row["error"] for row in rows(storage, PAIR_SCORES)["ALL"]]
    assert all(error.startswith("catalogue_image_blank: ") for error in errors)


def as_png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_a_picture_is_decoded_once_for_all_products(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[bytes] = []
    monkeypatch.setattr(OrbScorer, "prepare", lambda self, image: prepared.append(image.tobytes()) or image)
    add_product(storage, "P4", [picture(1)], [report(picture(1))])
    run_audit(storage.root, DAY, **with_orb("all"))
    assert len(prepared) == 5 + 2, "five catalogue files of different bytes, two document pictures"


def test_products_that_share_a_picture_come_together(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of two products far apart in their bucket was decoded twice: only the pictures used last are kept."""
    for n in range(4, 9):
        add_product(storage, f"P{n}", [picture(2 * n)], [report(picture(2 * n + 1))])
    add_product(storage, "P9", [picture(30)], [report(picture(1), picture(2))])
    run_audit(storage.root, DAY, **with_orb("all at once"))
    prepared: list[bytes] = []
    monkeypatch.setattr(OrbScorer, "prepare", lambda self, image: prepared.append(image.tobytes()) or image)
    monkeypatch.setattr(OrbScorer, "images_at_once", 4)
    run_audit(storage.root, "2026-01-03", **with_orb("few at once"))
    assert len(prepared) == len(set(prepared))
    found, wanted = rows(storage, PAIR_SCORES, "2026-01-03"), rows(storage, PAIR_SCORES)
    assert list(found) == list(wanted)
    assert [[row["score"] for row in found[name]] for name in found] == [
        [row["score"] for row in wanted[name]] for name in wanted
    ]


def test_stopping_at_a_match_changes_no_verdict_and_says_so(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    run_audit(storage.root, DAY, **with_orb("every pair"))
    run_audit(storage.root, "2026-01-03", **with_orb("stops", stop_at_match=True))
    every, stopped = ({row["product_id"]: row for row in read_verdicts(storage, day)[1]} for day in (DAY, "2026-01-03"))
    for name, row in every.items():
        assert stopped[name]["verdict"] == row["verdict"]
        assert stopped[name]["best_catalogue_image"] == row["best_catalogue_image"]
    assert {name: (row["n_pairs"], row["reason"]) for name, row in stopped.items()} == {
        "P1": (1, STOPPED),
        "P2": (4, None),
        "P3": (2, None),
    }
    assert [row["reason"] for row in every.values()] == [None] * 3

    def backwards(self: Any, a: Any, b: Any, pairs: list[tuple[int, int]]) -> Any:
        return list(range(len(pairs)))

    monkeypatch.setattr(OrbScorer, "likeness", backwards)
    run_audit(storage.root, "2026-01-04", **with_orb("likelier first", stop_at_match=True, full=True))
    assert [len(pairs) for pairs in rows(storage, PAIR_SCORES, "2026-01-04").values()] == [4, 1, 2]


def test_one_product_again_stops_as_its_audit_does(storage: Storage) -> None:
    run_audit(storage.root, DAY, **with_orb("night", stop_at_match=True))
    run_audit(storage.root, DAY, run_name="again", requested_at="2026-01-02T09:00:00Z", product_ids=["P1"])
    assert [run.stop_at_match for run in read_plan(storage, DAY).runs] == [True, True]
    assert len(rows(storage, PAIR_SCORES)["P1"]) == 1
    run_audit(storage.root, DAY, **with_orb("all of them", product_ids=["P1"], stop_at_match=False))
    assert len(rows(storage, PAIR_SCORES)["P1"]) == 4


def test_a_product_without_a_match_must_have_all_its_pairs(storage: Storage) -> None:
    plan = plan_audit(storage.root, DAY, **with_orb("night", stop_at_match=True))
    for step in (extract_bucket, score_bucket):
        step(storage.root, DAY, 0, plan["run_id"])
    pairs = rows(storage, PAIR_SCORES)
    Bucket.open(storage.root, DAY, 0, plan["run_id"]).replace(NewRows.of(PAIR_SCORES, {**pairs, "P3": pairs["P3"][:1]}))
    with pytest.raises(PublishRefused, match="P3: 1 pairs are not 1 catalogue images x 2"):
        publish_bucket(storage.root, DAY, 0, plan["run_id"])
