"""The draw, and the estimates from its answers: against the whole truth of made audits, many times."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import cli
from jobs.review.measure import Stratum, measure_reviews, measures_of, strata_of
from jobs.review.sampling import allot, draw
from jobs.storage import open_storage
from jobs.tables.reviews import CONFLICT, Outcome, ReviewExport
from tests.jobs.audit.test_carry import DAYS, audit
from tests.jobs.review.label_studio import answered, brought_back, exported, reviewed
from tests.jobs.small_catalogue import add_product, picture, report

TRUTH = {"close_call": (40, 0.6), "match": (400, 0.95), "no_match": (500, 0.04), "undecided": (30, 0.5)}


def row(product_id: str, stratum: str, **more: Any) -> Any:
    """The columns of a verdict that a draw reads."""
    verdict = stratum if stratum in ("match", "no_match") else "undecided"
    reason = None if verdict == stratum != "undecided" else "close_call" if stratum == "close_call" else "pairs_failed"
    said = {"verdict": verdict, "reason": reason, "machine_verdict": verdict, "machine_reason": reason}
    return {"product_id": product_id, **said, "best_score": 0.5, "inputs_digest": f"of {product_id}", **more}


def population(seed: int) -> dict[str, tuple[str, bool]]:
    """Products of an audit: the stratum of each, and whether it truly is a match."""
    rng = random.Random(seed)
    kinds = [(stratum, rng.random() < share) for stratum, (size, share) in TRUTH.items() for _ in range(size)]
    return {f"P{n}": kind for n, kind in enumerate(kinds)}


def test_each_product_of_a_stratum_is_as_likely_to_be_drawn() -> None:
    products = {f"{stratum}-{n}": stratum for stratum in ("close_call", "match", "no_match") for n in range(10)}
    rows = [row(name, stratum) for name, stratum in products.items()]
    rows.append(row("none", "match", best_score=None))
    counts: Counter[str] = Counter()
    for seed in range(400):
        drawn = draw(rows, {}, n_close_calls=None, n_rest=6, seed=str(seed))
        assert drawn.strata == {"close_call": 10, "match": 10, "no_match": 10}
        assert Counter(drawn.chosen.values()) == {"close_call": 10, "match": 3, "no_match": 3}
        assert list(drawn.chosen.values())[:10] == ["close_call"] * 10
        counts.update(list(drawn.chosen))
    of_rest = np.array([counts[name] for name, stratum in products.items() if stratum != "close_call"])
    assert abs(of_rest - 120).max() < 4 * np.sqrt(400 * 0.3 * 0.7)


def test_many_rows_are_drawn_from_like_few() -> None:
    rows = [row(f"P{n}", "match") for n in range(5000)]
    chosen = draw(rows, {}, n_close_calls=2, n_rest=7, seed="x").chosen
    assert chosen == draw(rows[::-1], {}, n_close_calls=2, n_rest=7, seed="x").chosen
    assert len(chosen) == 7


def test_what_a_small_stratum_cannot_take_goes_to_the_others() -> None:
    assert allot(60, {"match": 100, "no_match": 100, "undecided": 100}) == dict.fromkeys(
        ("match", "no_match", "undecided"), 20
    )
    assert allot(60, {"match": 100, "no_match": 3, "undecided": 0}) == {"match": 57, "no_match": 3, "undecided": 0}
    assert allot(2, {"match": 100, "no_match": 3, "undecided": 9}) == {"match": 1, "no_match": 1, "undecided": 0}
    assert allot(60, {"match": 1, "no_match": 0, "undecided": 2}) == {"match": 1, "no_match": 0, "undecided": 2}


def of_truth(products: dict[str, tuple[str, bool]]) -> dict[str, float]:
    """The measures, counted over all products."""
    n = Counter(products.values())
    wrong = n["match", False] + n["no_match", True]
    decided = sum(count for (stratum, _), count in n.items() if stratum in ("match", "no_match"))
    return {
        "match: precision": n["match", True] / (n["match", True] + n["match", False]),
        "match: recall": n["match", True] / sum(count for (_, is_match), count in n.items() if is_match),
        "no_match: precision": n["no_match", False] / (n["no_match", True] + n["no_match", False]),
        "no_match: recall": n["no_match", False] / sum(count for (_, is_match), count in n.items() if not is_match),
        "wrong, of those decided": wrong / decided,
    }


def asked(products: dict[str, tuple[str, bool]], seed: str, known: int = 0) -> tuple[ReviewExport, dict[str, Any]]:
    """An export about the products, with the true answer to each task; `known` of them were answered before."""
    names = random.Random(seed).sample(sorted(products), known)
    said = {True: "match", False: "no_match"}
    reviews = {name: (Outcome(f"of {name}", said[products[name][1]], ("a",), ""),) for name in names}
    rows = [row(name, stratum) for name, (stratum, _) in products.items()]
    drawn = draw(rows, reviews, n_close_calls=None, n_rest=90, seed=seed)
    tasks: Any = [
        type("Task", (), {"product_id": name, "stratum": stratum, "inputs_digest": f"of {name}"})
        for name, stratum in drawn.chosen.items()
    ]
    answers = {name: (Outcome(f"of {name}", said[products[name][1]], ("a",), ""),) for name in drawn.chosen}
    return ReviewExport("2026-01-02", "x", drawn.strata, drawn.known, (), tuple(tasks)), {**reviews, **answers}


@pytest.mark.parametrize("known", [0, 60])
def test_estimates_are_unbiased_and_intervals_hold_what_they_say(known: int) -> None:
    products = population(7)
    truth = of_truth(products)
    values: dict[str, list[float]] = {name: [] for name in truth}
    held: Counter[str] = Counter()
    n_times = 200
    for seed in range(n_times):
        for measure in measures_of(strata_of(*asked(products, str(seed), known))):
            assert measure.value is not None
            assert measure.interval is not None
            values[measure.name].append(measure.value)
            held[measure.name] += measure.interval[0] <= truth[measure.name] <= measure.interval[1]
    for name, found in values.items():
        spread = np.std(found) / np.sqrt(n_times)
        assert abs(np.mean(found) - truth[name]) < 4 * spread + 0.004, name  # a ratio's bias is of the order 1 / n
        assert held[name] / n_times > 0.9, name


def test_the_value_is_the_sum_of_the_answers_weights() -> None:
    strata = {"match": Stratum("match", 100, 10, 9, 0), "no_match": Stratum("no_match", 60, 20, 1, 0)}
    found = {each.name: each.value for each in measures_of(strata)}
    assert found["match: precision"] == pytest.approx(0.9)
    assert found["match: recall"] == pytest.approx(90 / (90 + 3))
    assert found["no_match: precision"] == pytest.approx(57 / 60)
    assert found["wrong, of those decided"] == pytest.approx((10 + 3) / 160)


def test_a_stratum_without_answers_leaves_open_what_needs_it() -> None:
    strata = {"match": Stratum("match", 100, 10, 9, 0), "no_match": Stratum("no_match", 60, 0, 0, 3)}
    found = {each.name: each for each in measures_of(strata)}
    assert found["match: precision"].value == pytest.approx(0.9)
    assert (found["match: recall"].value, found["match: recall"].interval) == (None, None)
    assert {each.value for each in measures_of({})} == {None}


def test_answers_of_before_that_settle_nothing_leave_the_rest_as_it_is() -> None:
    strata = {"match": Stratum("match", 100, 10, 9, 0), "no_match": Stratum("no_match", 60, 20, 1, 0)}
    export, answers = asked({f"P{n}": ("match", n > 0) for n in range(4)}, "0", known=1)
    (known,) = export.known
    answers[known] = (Outcome(f"of {known}", "ambiguous", ("a",), ""),)
    found = strata_of(export, answers)
    assert found["match, known before"] == Stratum("match", 0, 0, 0, 1, of_before=True)
    measured = measures_of({**strata, "known": found["match, known before"]})
    assert [each.value for each in measured] == [each.value for each in measures_of(strata)]


def test_a_stratum_that_was_looked_at_whole_is_known_exactly() -> None:
    (precision, *_) = measures_of({"match": Stratum("match", 12, 12, 11, 0)})
    assert precision.interval == (precision.value, precision.value)


def test_ambiguous_answers_and_conflicts_count_as_not_given() -> None:
    products = {f"P{n}": ("match", True) for n in range(5)}
    export, answers = asked(products, "0")
    answers["P0"] = (Outcome("of P0", "ambiguous", ("a",), ""),)
    answers["P1"] = (Outcome("of P1", CONFLICT, ("a", "b"), ""),)
    answers["P2"] = (Outcome("of other inputs", "no_match", ("a",), ""),)
    assert strata_of(export, answers) == {"match": Stratum("match", 5, 2, 2, 2)}


def test_an_audit_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = open_storage(str(tmp_path / "root"))
    for n in range(4):
        add_product(storage, f"P{n}", [picture(n)], [report(picture(n if n < 2 else n + 10))])
    assert cli.main(["review", "measure", "--root", storage.root]) == 2
    audit(storage, DAYS[0])
    reviewed(storage, tmp_path / "a", DAYS[0], {"P0": "match", "P1": "no match"}, number=1)
    exported(storage, tmp_path / "few", DAYS[0], n_sample=1)
    found = measure_reviews(storage.root)
    assert {name: (each.size, each.n, each.n_match) for name, each in found.strata.items()} == {
        "match": (2, 2, 1),
        "no_match": (2, 0, 0),
    }
    audit(storage, DAYS[1])
    tasks = exported(storage, tmp_path / "b", DAYS[1])
    for task in tasks.values():
        task["annotations"] = [answered(task, "no match", number=2)]
    brought_back(storage, tmp_path, list(tasks.values()))
    capsys.readouterr()
    assert cli.main(["review", "measure", "--root", storage.root, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["audit_date"] == DAYS[1]
    assert said["strata"]["match, known before"]["of_before"]
    assert said["measures"]["match: precision"] == {"value": 0.5, "interval": [0.5, 0.5]}
    assert said["measures"]["no_match: precision"]["value"] == 1.0
    assert cli.main(["review", "measure", "--root", storage.root, "--audit-date", DAYS[0]]) == 0
    assert "match: precision" in capsys.readouterr().out
