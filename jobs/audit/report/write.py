"""Report: writes the pages of an audit, the index last, and removes what it replaces.

The index names its issue, a number and a digest of all that the issue shows. An issue that is being written has a
higher number than the index says, and is published by compare-and-swap of the index: so a writer that removes issues up
to its own number removes none that may still be published. What a killed writer left goes the same way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypedDict

from jobs.audit.report.cards import card
from jobs.audit.report.counts import Counts, State, read_earlier
from jobs.audit.report.links import Links
from jobs.audit.report.order import Cards, spooled_cards
from jobs.audit.report.pages import SEARCH, STYLE, Frame
from jobs.audit.report.read import read_bucket
from jobs.audit.report.search import search_script, search_scripts
from jobs.storage import Storage, open_storage
from jobs.tables.keys import report_folder, report_key, report_part_key
from jobs.tables.plan import Plan, planned_buckets, read_plan, read_products
from scott_core.page import STYLE as STYLESHEET

AT_ONCE = 16  # pages on their way, where storage answers late
_ISSUE = re.compile(r"issue=(\d{4,})-[0-9a-f]{8}")


class ReportSummary(TypedDict):
    """The URI of a report, and its counts: products of the plan, rows, and each verdict."""

    report_uri: str
    n_products: int
    n_rows: int
    no_match: int
    undecided: int
    match: int


def write_report(root: str, audit_date: str) -> ReportSummary:
    """Write reports/audit_date=.../index.html and the pages that it leads to, of all verdicts of that date.

    Raises UnknownAudit, WorkFolderUnusable and the errors of storage.
    """
    storage = open_storage(root)
    counts, issue = Counts(), ""

    def change(old: bytes | None) -> bytes:
        nonlocal counts, issue
        plan = read_plan(storage, audit_date)
        with spooled_cards() as cards:
            digest = hashlib.sha256()
            counts = _gather(storage, plan, cards, digest.update)
            frame = Frame(audit_date, len(cards))
            audits = [*read_earlier(storage, audit_date), (audit_date, counts.groups)]
            for part in (frame.index(plan, counts, audits, cards, ""), STYLESHEET, search_script().decode()):
                digest.update(part.encode())
            published = State.of(old)
            issue = _issue(storage, audit_date, published, digest.hexdigest()[:8])
            there: set[str] = set()
            if published and issue == published.issue:
                there.update(storage.keys(f"{report_folder(audit_date)}/{issue}"))
            parts = ((report_part_key(audit_date, issue, name), data) for name, data in _parts(frame, cards))
            _do_each(storage, storage.write, (part for part in parts if part[0] not in there))
            return frame.index(plan, counts, audits, cards, issue).encode()

    storage.update(report_key(audit_date), change)
    _remove_others(storage, audit_date, issue)
    return {
        "report_uri": storage.uri(report_key(audit_date)),
        "n_products": counts.products,
        "n_rows": counts.verdicts.total(),
        "no_match": counts.verdicts["no_match"],
        "undecided": counts.verdicts["undecided"],
        "match": counts.verdicts["match"],
    }


def _gather(storage: Storage, plan: Plan, cards: Cards, see: Callable[[bytes], object]) -> Counts:
    """Reads the audit once: adds the card of each product, which `see` gets too, and counts them."""
    counts, links = Counts(), Links(storage)
    for bucket in planned_buckets(storage, plan.audit_date):
        products = {product.product_id: product for product in read_products(storage, plan.audit_date, bucket)}
        counts.products += len(products)
        for shown in read_bucket(storage, plan.audit_date, bucket, products):
            counts.add(shown.verdict, plan)
            data = card(shown, links).encode()
            see(data)
            cards.add(shown.verdict, data)
    cards.sort()
    return counts


def _parts(frame: Frame, cards: Cards) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of an issue."""
    yield STYLE, STYLESHEET.encode()
    yield SEARCH, search_script()
    yield from search_scripts(cards)
    yield from frame.pages(cards)


def _issue(storage: Storage, audit_date: str, old: State | None, digest: str) -> str:
    """The issue to write: the old one where it shows the same and no other is on its way, else a new one."""
    newest = _number(old.issue) if old else 0
    others = [_number(name) for name in storage.folders(report_folder(audit_date))]
    if old and old.issue.endswith(digest) and max(others, default=0) <= newest:
        return old.issue
    return f"issue={max([newest, *others]) + 1:04d}-{digest}"


def _do_each(storage: Storage, do: Callable[..., object], each: Iterable[tuple[object, ...]]) -> None:
    """Calls `do` with the arguments of each object, for several at once where storage answers late."""
    with ThreadPoolExecutor(AT_ONCE if storage.answers_late else 1) as threads:
        left = iter(each)
        while some := list(islice(left, AT_ONCE)):
            list(threads.map(lambda arguments: do(*arguments), some))


def _remove_others(storage: Storage, audit_date: str, issue: str) -> None:
    """Removes the other issues up to the number of `issue`, which the index names."""
    for name in storage.folders(report_folder(audit_date)):
        if name != issue and 0 < _number(name) <= _number(issue):
            _do_each(storage, storage.delete, zip(storage.keys(f"{report_folder(audit_date)}/{name}")))


def _number(issue: str) -> int:
    """The number of an issue; 0 of what is none."""
    found = _ISSUE.fullmatch(issue)
    return int(found[1]) if found else 0
