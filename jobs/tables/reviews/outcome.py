"""The outcome of the reviews of a product: one answer for each version of its inputs that was looked at.

Of each person the newest answer counts. Where all who were asked say the same, that is the outcome; where they do not,
it is a conflict, which settles nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.tables.schemas import Review

CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What people said of a product with certain inputs; the plan of an audit holds it beside the product."""

    inputs_digest: str
    answer: str  # match, no_match, ambiguous or CONFLICT
    reviewers: tuple[str, ...]
    reviewed_at: str  # ISO 8601; the last of them

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Outcome:
        """The outcome that a plan holds."""
        return cls(**{**row, "reviewers": tuple(row["reviewers"])})


def outcomes_of(reviews: Iterable[Review]) -> tuple[Outcome, ...]:
    """The outcomes of the reviews of one product, by the digest of its inputs."""
    newest: dict[str, dict[str, tuple[datetime, str]]] = defaultdict(dict)
    for row in sorted(reviews, key=lambda row: (row["reviewed_at"], row["annotation_id"])):
        newest[row["inputs_digest"]][row["reviewer"]] = row["reviewed_at"], row["answer"]
    found = []
    for digest, said in sorted(newest.items()):
        answers = {answer for _, answer in said.values()}
        answer = answers.pop() if len(answers) == 1 else CONFLICT
        last = max(moment for moment, _ in said.values())
        found.append(Outcome(digest, answer, tuple(sorted(said)), last.isoformat()))
    return tuple(found)
