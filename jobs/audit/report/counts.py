"""Counts of an audit, taken while its products go by, and how an index page keeps them for later audits' reports."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.audit.report.order import GROUPS, Group, group_of
from jobs.storage import Storage
from jobs.tables.keys import report_key
from jobs.tables.plan import Plan, audit_dates
from jobs.tables.schemas import Verdict, VerdictName

BINS = 20  # of the histogram
AUDITS = 30  # that are shown beside each other, at most
_STATE = re.compile(r'<script type="application/json" id="_state">(.*?)</script>', re.DOTALL)


@dataclass
class Counts:
    """Counts of an audit."""

    products: int = 0  # of the plan
    verdicts: Counter[VerdictName] = field(default_factory=Counter)
    groups: Counter[Group] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # of undecided products
    otherwise: int = 0  # products that were decided with another risk or threshold than the plan's
    carried: int = 0
    probability: Counter[tuple[Group, int]] = field(default_factory=Counter)  # by bin
    best_score: Counter[tuple[Group, int]] = field(default_factory=Counter)

    def add(self, row: Verdict, plan: Plan) -> None:
        """Counts a product."""
        group = group_of(row)
        self.verdicts[row["verdict"]] += 1
        self.groups[group] += 1
        self.reasons.update([row["reason"]] if row["reason"] and row["verdict"] == "undecided" else [])
        self.otherwise += (row["risk"], row["threshold"]) != (plan.risk, plan.threshold)
        self.carried += row["carried_from"] is not None
        for counter, value in ((self.probability, row["probability"]), (self.best_score, row["best_score"])):
            if value is not None:
                counter[group, min(int(value * BINS), BINS - 1)] += 1


@dataclass(frozen=True)
class State:
    """What an index page says of itself: the issue that it leads to, and how many products each group has."""

    issue: str
    groups: Mapping[Group, int]

    def to_html(self) -> str:
        """The state as an element of the page."""
        said = json.dumps({"issue": self.issue, "groups": dict(self.groups)}, sort_keys=True)
        return f'<script type="application/json" id="_state">{said}</script>'

    @classmethod
    def of(cls, page: bytes | None) -> State | None:
        """The state of an index page; None where there is none, or one of an older version."""
        found = _STATE.search(page.decode(errors="replace")) if page else None
        if not found:
            return None
        said = json.loads(found[1])
        return cls(said["issue"], {group: said["groups"].get(group, 0) for group in GROUPS})


def read_earlier(storage: Storage, audit_date: str) -> Sequence[tuple[str, Mapping[Group, int]]]:
    """Date and groups of the audits before `audit_date` that have a report of this version, the last AUDITS - 1."""
    found = []
    for day in [day for day in audit_dates(storage) if day < audit_date][-AUDITS + 1 :]:
        blob = storage.read_or_none(report_key(day))
        if state := State.of(blob.data if blob else None):
            found.append((day, state.groups))
    return found
