"""Measures: how often an audit's machine is right, by the answers to one export.

A stratum's answers are a random sample of it (jobs/review/sampling.py), so the number of its products that are a match
is estimated as its size times the share of matches among its answers, which is the sum of their weights. Precision and
recall are ratios of such sums. Answers that settle nothing (ambiguous, or people disagree) count as not given.

The interval holds 95% of 10,000 draws: of each stratum, the products that nobody looked at are a binomial draw with a
rate from the posterior of its answers under Jeffreys' prior, Beta(k + 1/2, n - k + 1/2) (Brown, Cai and DasGupta 2001).
So a stratum without an error in ten answers may still have some.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.errors import BadArgument
from jobs.storage import Storage, open_storage
from jobs.tables import keys
from jobs.tables.reviews import CONFLICT, Outcome, ReviewExport, outcomes_of, read_exports, read_reviews
from jobs.tables.schemas import VerdictName

DRAWS = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Stratum:
    """The answers about one stratum of an export; `of_before` were given to an earlier one, and are all there are."""

    verdict: VerdictName
    size: int  # products; of an earlier export's, those whose answer settles something
    n: int  # answers that settle something
    n_match: int
    n_unsettled: int  # ambiguous, or people disagree
    of_before: bool = False


@dataclass(frozen=True)
class Measure:
    """An estimate, None where no answer tells, with its interval."""

    name: str
    value: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Measured:
    """The measures of one export."""

    audit_date: str
    export_id: str
    strata: dict[str, Stratum]
    measures: list[Measure]

    def to_json(self) -> dict[str, object]:
        """The object that `scott review measure --json` prints."""
        return {
            "audit_date": self.audit_date,
            "export_id": self.export_id,
            "strata": {name: vars(each) for name, each in self.strata.items()},
            "measures": {each.name: {"value": each.value, "interval": each.interval} for each in self.measures},
        }


def measure_reviews(root: str, audit_date: str | None = None) -> Measured:
    """The measures of the audit of that date, or of the newest about which somebody was asked.

    Of several exports of one audit it is the one with the most answers. Raises BadArgument where there is none.
    """
    storage = open_storage(root)
    exports = _exports(storage, audit_date)
    reviews = {product_id: outcomes_of(rows) for product_id, rows in read_reviews(storage).items()}
    export, strata = max(
        ((each, strata_of(each, reviews)) for each in exports),
        key=lambda found: (sum(each.n for each in found[1].values() if not each.of_before), found[0].export_id),
    )
    return Measured(export.audit_date, export.export_id, strata, measures_of(strata))


def strata_of(export: ReviewExport, reviews: Mapping[str, tuple[Outcome, ...]]) -> dict[str, Stratum]:
    """The answers about each stratum of an export, and about the products that it left out as known."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for task in export.tasks:
        answers[task.stratum][_answer(reviews, task.product_id, task.inputs_digest)] += 1
    found = {name: _stratum(_verdict_of(name), answers[name], size) for name, size in export.strata.items()}
    before: dict[VerdictName, Counter[str]] = defaultdict(Counter)
    for product_id, (verdict, inputs_digest) in export.known.items():
        before[verdict][_answer(reviews, product_id, inputs_digest)] += 1
    for verdict, said in sorted(before.items()):
        found[f"{verdict}, known before"] = _stratum(verdict, said, said["match"] + said["no_match"], of_before=True)
    return found


def measures_of(strata: Mapping[str, Stratum]) -> list[Measure]:
    """Precision and recall of either verdict, the share of decided products, and that of them which are wrong."""
    verdicts = [each.verdict for each in strata.values()]
    sizes = np.array([each.size for each in strata.values()], float)
    rates = np.array([each.n_match / each.n if each.n else np.nan if each.size else 0.0 for each in strata.values()])
    values = _ratios(verdicts, sizes, sizes * rates)
    drawn = _ratios(verdicts, sizes, _drawn(list(strata.values())))
    measures = []
    for name, value in values.items():
        if np.isnan(value):
            measures.append(Measure(name, None, None))
        else:
            low, high = np.nanquantile(drawn[name], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            measures.append(Measure(name, float(value), (float(low), float(high))))
    return measures


def _ratios(
    verdicts: list[VerdictName], sizes: NDArray[np.float64], matches: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """The measures, of strata [N] with `matches` [..., N] true matches each."""
    said = {name: np.array([each == name for each in verdicts], bool) for name in ("match", "no_match", "undecided")}
    others = sizes - matches

    def total(of: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = of[..., where].sum(-1)
        return found

    everywhere = np.ones(len(sizes), bool)
    right, right_no = total(matches, said["match"]), total(others, said["no_match"])
    n_match, n_no = (sizes[said[name]].sum() for name in ("match", "no_match"))
    wrong = n_match - right + n_no - right_no
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "match: precision": right / n_match,
            "match: recall": right / total(matches, everywhere),
            "no_match: precision": right_no / n_no,
            "no_match: recall": right_no / total(others, everywhere),
            "wrong, of those decided": wrong / (n_match + n_no),
        }


def _drawn(strata: list[Stratum]) -> NDArray[np.float64]:
    """Numbers of matches [DRAWS, N] that the strata may have."""
    random = np.random.default_rng(0)
    columns = []
    for each in strata:
        rate = random.beta(each.n_match + 0.5, each.n - each.n_match + 0.5, DRAWS)
        columns.append(each.n_match + random.binomial(each.size - each.n, rate))
    return np.array(columns, float).T.reshape(DRAWS, len(strata))


def _stratum(verdict: VerdictName, answers: Counter[str], size: int, *, of_before: bool = False) -> Stratum:
    n = answers["match"] + answers["no_match"]
    unsettled = answers["ambiguous"] + answers[CONFLICT]
    return Stratum(verdict, size, n, answers["match"], unsettled, of_before)


def _verdict_of(stratum: str) -> VerdictName:
    """The verdict of a stratum's products."""
    return stratum if stratum in ("match", "no_match") else "undecided"  # type: ignore[return-value]


def _answer(reviews: Mapping[str, tuple[Outcome, ...]], product_id: str, inputs_digest: str) -> str:
    """What people said of a product with these inputs, "" where nobody has."""
    found = (each.answer for each in reviews.get(product_id, ()) if each.inputs_digest == inputs_digest)
    return next(found, "")


def _exports(storage: Storage, audit_date: str | None) -> list[ReviewExport]:
    """The exports of that audit, or of the newest that has one."""
    days = map(keys.date_of_review_tasks_key, storage.keys(keys.REVIEW_TASKS))
    day = max(filter(None, days), default=None) if audit_date is None else keys.check_date(audit_date)
    found = list(read_exports(storage, day)) if day else []
    if not found:
        raise BadArgument(f"{storage.root} asked nobody about {day or 'any audit'}: scott review export does")
    return found
