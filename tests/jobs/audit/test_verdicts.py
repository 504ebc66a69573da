"""The rules of a verdict, against the sentences of docs/architecture.md written a second time."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jobs.audit.verdicts import decide
from jobs.tables.plan import PlannedProduct, Run
from scott_core.product import ProductModel

RUN = Run(
    run_id="000001-r",
    run_name="r",
    requested_at="2026-01-02T03:04:05+00:00",
    product_ids=None,
    n_products=1,
    weights="orb",
    model_version="orb-1",
    threshold=0.5,
    config_digest="digest",
)


def product(images: int = 1, documents: int = 1) -> PlannedProduct:
    return PlannedProduct(
        "P",
        None,
        None,
        tuple(f"i{i}" for i in range(images)),
        tuple(f"d{i}" for i in range(documents)),
        RUN.run_id,
    )


def picture(document: str = "d0", status: str = "ok", digest: str | None = "x", used: bool = True) -> Any:
    return {
        "document": document,
        "document_status": status,
        "document_sha256": "s",
        "digest": digest,
        "used": used,
        "image_class": "photo" if used else "logo",
    }


def unread(status: str, document: str = "d0") -> Any:
    return picture(document, status, None, False)


def pair(score: float | None, image: str = "i0", error: str | None = None) -> Any:
    return {
        "catalogue_image": image,
        "catalogue_sha256": "t",
        "document": "d0",
        "digest": "x",
        "page": 2,
        "bbox": [0.0, 0.0, 1.0, 1.0],
        "score": score,
        "error": error if error or score is not None else "score_not_finite: nan",
    }


def said(planned: PlannedProduct, documents: list[Any], pairs: list[Any]) -> tuple[str, str | None]:
    row = decide(planned, documents, pairs, RUN, "2026-01-02")
    assert row["has_match"] is (row["verdict"] == "match")
    return row["verdict"], row["reason"]


MODEL = ProductModel(weights=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0), bias=0.0, curve=())  # the best score itself
AT_RISK = replace(RUN, risk=0.05, confidence=0.8)


@pytest.mark.parametrize(
    ("documents", "pairs", "verdict", "reason", "has_match"),
    [
        ([picture()], [pair(0.8)], "match", None, True),
        ([picture()], [pair(0.79)], "undecided", "close_call", True),
        ([picture()], [pair(0.3)], "undecided", "close_call", False),
        ([picture()], [pair(0.19)], "no_match", None, False),
        ([picture(), unread("damaged", "d1")], [pair(0.81)], "match", None, True),
        ([picture(), unread("damaged", "d1")], [pair(0.5)], "undecided", "document_unreadable:damaged", True),
        ([picture(), unread("damaged", "d1")], [pair(0.1)], "undecided", "document_unreadable:damaged", False),
        ([picture()], [pair(None)], "undecided", "pairs_failed", False),
        ([picture(used=False)], [], "undecided", "no_document_images", False),
    ],
)
def test_with_a_risk_the_probability_decides(
    documents: Any, pairs: Any, verdict: str, reason: str | None, has_match: bool
) -> None:
    row = decide(product(), documents, pairs, AT_RISK, "2026-01-02", MODEL)
    assert (row["verdict"], row["reason"], row["has_match"], row["risk"]) == (verdict, reason, has_match, 0.05)
    scores = [each["score"] for each in pairs if each["score"] is not None]
    assert row["probability"] == (pytest.approx(scores[0]) if scores else None)


def test_a_pair_that_failed_counts_as_a_hopeless_one() -> None:
    """Leaving it out would make the mean of the others better than that of all."""
    model = replace(MODEL, weights=(0.0, 1.0, 0.0, 0.0, 0.0, 0.0))
    whole = [pair(0.9), {**pair(0.001, "i1"), "catalogue_sha256": "u"}]
    broken = [pair(0.9), {**pair(None, "i1"), "catalogue_sha256": None}]
    rows = [decide(product(images=2), [picture()], pairs, AT_RISK, "2026-01-02", model) for pairs in (whole, broken)]
    assert rows[1]["probability"] <= rows[0]["probability"] < 0.6  # type: ignore[operator]
    assert rows[1]["reason"] == "pairs_failed"


def test_a_blank_catalogue_image_is_no_evidence() -> None:
    model = replace(MODEL, weights=(0.0, 1.0, 0.0, 0.0, 0.0, 0.0))
    pairs = [pair(0.9), pair(None, "i1", "catalogue_image_blank: x")]
    row = decide(product(images=2), [picture()], pairs, AT_RISK, "2026-01-02", model)
    assert (row["verdict"], row["probability"]) == ("match", pytest.approx(0.9))


def test_without_all_pairs_there_is_no_probability() -> None:
    row = decide(product(images=2), [picture()], [pair(0.9)], RUN, "2026-01-02", MODEL)
    assert (row["verdict"], row["reason"], row["probability"]) == ("match", "stopped_at_match", None)


def test_a_row_follows_from_its_own_numbers() -> None:
    """The column holds float32: a probability that is rounded below the confidence is no match."""
    at_risk = replace(RUN, risk=0.05, confidence=0.7)
    row = decide(product(), [picture()], [pair(0.7 + 1e-9)], at_risk, "2026-01-02", MODEL)
    assert row["probability"] == float(np.float32(0.7)) < 0.7
    assert (row["verdict"], row["reason"]) == ("undecided", "close_call")


def test_the_papers_rule_has_a_probability_too_and_does_not_look_at_it() -> None:
    model = replace(MODEL, bias=-20.0)
    row = decide(product(), [picture()], [pair(0.6)], RUN, "2026-01-02", model)
    assert (row["verdict"], row["risk"]) == ("match", None)
    assert row["probability"] is not None
    assert row["probability"] < 1e-6


def test_an_image_given_twice_is_no_second_evidence() -> None:
    """Images are told apart by their contents: the same file under two names agrees with itself."""
    model = replace(MODEL, weights=(0.0, 0.0, 1.0, 0.0, 0.0, 0.0))
    twice = [pair(0.9), pair(0.9, "i1")]
    row = decide(product(images=2), [picture()], twice, AT_RISK, "2026-01-02", model)
    assert row["probability"] == 0.5
    other = [pair(0.9), {**pair(0.9, "i1"), "catalogue_sha256": "u"}]
    row = decide(product(images=2), [picture()], other, AT_RISK, "2026-01-02", model)
    assert row["probability"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("planned", "documents", "pairs", "expected"),
    [
        (product(), [picture()], [pair(0.5)], ("match", None)),
        (product(), [picture()], [pair(0.4999)], ("no_match", None)),
        (product(images=0), [picture()], [], ("undecided", "no_catalogue_images")),
        (product(documents=0), [], [], ("undecided", "no_document")),
        (product(images=0, documents=0), [], [], ("undecided", "no_catalogue_images")),
        (product(), [unread("encrypted")], [], ("undecided", "document_unreadable:encrypted")),
        (product(), [picture(used=False)], [], ("undecided", "no_document_images")),
        (product(), [picture(digest=None, used=False)], [], ("undecided", "no_document_images")),
        (product(), [picture(status="partial")], [pair(0.1)], ("undecided", "document_partial")),
        (product(), [picture(status="partial")], [pair(0.9)], ("match", None)),
        (product(), [picture()], [pair(None)], ("undecided", "pairs_failed")),
        (product(), [picture()], [pair(None), pair(0.7)], ("match", None)),
        (product(), [picture()], [pair(None), pair(0.2)], ("undecided", "pairs_failed")),
        (
            product(images=2),
            [picture()],
            [pair(None, error="catalogue_image_unreadable: missing: x"), pair(0.2, "i1")],
            ("undecided", "catalogue_image_unreadable"),
        ),
        (
            product(images=2),
            [picture()],
            [pair(None, error="catalogue_image_blank: x"), pair(0.2, "i1")],
            ("no_match", None),
        ),
        (
            product(images=2),
            [picture()],
            [pair(None, error="catalogue_image_blank: x"), pair(0.7, "i1")],
            ("match", None),
        ),
        (
            product(images=2),
            [picture()],
            [pair(None, error="catalogue_image_blank: x"), pair(None, "i1", "catalogue_image_blank: y")],
            ("undecided", "catalogue_images_blank"),
        ),
        (
            product(images=2),
            [picture()],
            [pair(None, error="catalogue_image_blank: x"), pair(None, "i1")],
            ("undecided", "pairs_failed"),
        ),
        (
            product(images=2),
            [picture()],
            [pair(None, error="catalogue_image_blank: x"), pair(None, "i1", "catalogue_image_unreadable: y")],
            ("undecided", "catalogue_image_unreadable"),
        ),
        (
            product(documents=2),
            [picture(), unread("timeout", "d1")],
            [pair(0.2)],
            ("undecided", "document_unreadable:timeout"),
        ),
        (product(documents=2), [picture(), unread("damaged", "d1")], [pair(0.9)], ("match", None)),
        (product(documents=2), [picture(), unread("ok", "d1")], [pair(0.1)], ("no_match", None)),
        (
            product(),
            [{**picture(used=False), "image_class": "doubtful"}, picture(used=False)],
            [],
            ("undecided", "doubtful_document_images"),
        ),
    ],
)  # fmt: skip
def test_each_rule(planned: PlannedProduct, documents: Any, pairs: Any, expected: tuple[str, str | None]) -> None:
    assert said(planned, documents, pairs) == expected


def test_no_match_is_said_only_where_everything_was_read_and_scored() -> None:
    """Every combination of two documents and two scores: the sentence of the design, as an oracle."""
    statuses = ["ok", "partial", "encrypted"]
    for one, two, first, second in itertools.product(statuses, statuses, [0.9, 0.1, None], [0.9, 0.1, None]):
        documents = [picture("d0", one), picture("d1", two)]
        verdict, reason = said(product(1, 2), documents, [pair(first), pair(second)])
        everything = one == two == "ok" and None not in (first, second)
        assert (verdict == "match") == (0.9 in (first, second))
        assert (verdict == "no_match") == (everything and 0.9 not in (first, second))
        assert (reason is not None) == (verdict == "undecided")


def test_the_numbers_add_up_and_the_first_of_equals_is_best() -> None:
    documents = [picture(), picture(used=False), picture("d1", digest=None, used=False)]
    pairs = [pair(0.3), pair(0.8, "i1"), pair(0.8, "i2"), pair(None, "i3")]
    row = decide(product(4, 2), documents, pairs, RUN, "2026-01-02")
    counts = {name: row[name] for name in row if name.startswith("n_")}
    assert counts == {
        "n_catalogue_images": 4,
        "n_document_images": 1,
        "n_images_skipped": 1,
        "n_pairs": 4,
        "n_pairs_scored": 3,
        "n_pairs_failed": 1,
    }
    assert (row["best_score"], row["best_catalogue_image"], row["best_page"]) == (0.8, "i1", 2)
    assert row["scored_at"].isoformat() == RUN.requested_at


def test_the_inputs_digest_follows_content_and_not_the_run() -> None:
    rows = [picture()], [pair(0.3)]
    digest = decide(product(), *rows, RUN, "2026-01-02")["inputs_digest"]
    assert decide(product(), *rows, RUN, "2026-01-03")["inputs_digest"] == digest
    changed = [{**rows[0][0], "document_sha256": "other"}], rows[1]
    assert decide(product(), *changed, RUN, "2026-01-02")["inputs_digest"] != digest
    changed = rows[0], [{**rows[1][0], "catalogue_sha256": "other"}]
    assert decide(product(), *changed, RUN, "2026-01-02")["inputs_digest"] != digest
