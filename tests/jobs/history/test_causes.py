"""Bands, and the causes that need more than a catalogue to come about: each by the rows that say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.history.causes import Side, band, causes, changes
from jobs.tables.plan import PlannedProduct, Run
from jobs.tables.schemas import VERDICTS

PRODUCT = PlannedProduct("P1", None, None, ("1.jpg", "2.jpg"), ("1.pdf",), "000001-a")
RUN = Run(
    run_id="000001-a",
    run_name="a",
    requested_at="2026-01-02T03:00:00+00:00",
    product_ids=None,
    n_products=1,
    weights="default",
    model_version="m1",
    threshold=0.5,
    config_digest="c",
)
VERDICT: dict[str, Any] = dict.fromkeys(VERDICTS.columns) | {
    "verdict": "match",
    "probability": 0.97,
    "risk": 0.05,
    "confidence": 0.8,
    "threshold": 0.5,
    "model_version": "m1",
    "inputs_digest": "d1",
    "n_pairs_failed": 0,
}


def side(verdict: dict[str, Any] | None = None, **more: Any) -> Side:
    given: dict[str, Any] = {
        "product": PRODUCT,
        "run": RUN,
        "decided_by": "s1",
        "sha256": {},
        "statuses": {"1.pdf": "ok"},
    }
    return Side(verdict={**VERDICT, **(verdict or {})}, **{**given, **more})  # type: ignore[typeddict-item]


def test_bands_part_at_even_odds_and_at_the_tenths_of_the_ends() -> None:
    probabilities = (None, 0.0, 0.0999, 0.1, 0.4999, 0.5, 0.8999, 0.9, 1.0)
    names = (None, *("unlikely",) * 2, *("rather_not",) * 2, *("rather",) * 2, *("likely",) * 2)
    assert tuple(map(band, probabilities)) == names


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({}, []),
        ({"probability": 0.91, "best_score": 0.2, "run_id": "000002-b"}, []),
        ({"probability": 0.89}, ["band"]),
        ({"probability": None}, ["band"]),
        ({"verdict": "undecided", "reason": "close_call", "probability": 0.6}, ["verdict", "band", "reason"]),
        ({"inputs_digest": "d2", "model_version": "m2"}, ["inputs", "model"]),
    ],
)
def test_what_differs(new: dict[str, Any], expected: list[str]) -> None:
    assert changes(side().verdict, side(new).verdict) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (side({"probability": 0.5}), [("unknown", None)]),
        (side({"probability": 0.5}, decided_by="s2"), [("software", None)]),
        (side({"probability": 0.5}, decided_by=None), [("unknown", None)]),
        (side({"risk": 0.01, "confidence": 0.9}, decided_by="s2"), [("risk", None)]),
        (side({"confidence": 0.9}), [("risk", None)]),
        (side({"model_version": "m2", "confidence": 0.9}, decided_by="s2"), [("weights", None)]),
        (side({"threshold": 0.4}, run=replace(RUN, threshold=0.4), decided_by="s2"), [("unknown", None)]),
        (side({"probability": 0.5}, run=replace(RUN, weights="copy"), decided_by="s2"), [("unknown", None)]),
        (side({"inputs_digest": "d2", "model_version": "m2"}), [("inputs", None), ("weights", None)]),
        (side({"threshold": 0.4, "risk": None}, decided_by="s2"), [("threshold", None), ("risk", None)]),
        (side(run=replace(RUN, stop_at_match=True), decided_by="s2"), [("stop_at_match", None)]),
        (side(run=replace(RUN, inputs_from=("s3://b",)), decided_by="s2"), [("inputs_from", None)]),
        (side(statuses={"1.pdf": "timeout"}), [("reading", "1.pdf")]),
        (side({"n_pairs_failed": 2}), [("scoring", None)]),
        (side({"inputs_digest": "d2"}), [("inputs", None)]),
        (side({"inputs_digest": "d2"}, sha256={"1.jpg": "a"}), [("inputs", None)]),
        (
            side({"inputs_digest": "d2"}, product=replace(PRODUCT, image_uris=("2.jpg", "1.jpg"))),
            [("inputs_reordered", None)],
        ),
    ],
)
def test_why(after: Side, expected: list[Any]) -> None:
    assert causes(side(), after) == expected


def test_one_of_two_new_names_is_the_old_file() -> None:
    before = side(sha256={"1.pdf": "x", "1.jpg": "a", "2.jpg": None})
    product = replace(PRODUCT, document_uris=("2.pdf", "3.pdf"))
    sha256 = {"2.pdf": "x", "3.pdf": "x", "1.jpg": None, "2.jpg": "b"}
    after = side({"inputs_digest": "d2"}, product=product, sha256=sha256)
    found = [
        ("image_lost", "1.jpg"),
        ("image_found", "2.jpg"),
        ("document_renamed", "2.pdf"),
        ("document_added", "3.pdf"),
    ]
    assert causes(before, after) == found
