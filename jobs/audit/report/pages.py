"""The pages of a report: the index, which is the summary, and the pages of at most PRODUCTS cards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from jobs.audit.report.counts import Counts, State
from jobs.audit.report.order import GROUPS, Cards, Group
from jobs.audit.report.plots import audits_plot, histogram, legend, reasons_plot
from jobs.audit.report.words import GROUP_WORDS
from jobs.tables.plan import Plan
from scott_core.page import html_page

PRODUCTS = 200  # of a page, at most
STYLE, SEARCH, IDS = "style.css", "search.js", "ids.js"  # files of an issue


def page_name(number: int) -> str:
    """The file of a page, from 1."""
    return f"page-{number:04d}.html"


def page_of(place: int) -> int:
    """The page that shows the card at a place in the order of the report."""
    return place // PRODUCTS + 1


@dataclass(frozen=True)
class Frame:
    """What all pages of an issue have in common."""

    audit_date: str
    n_products: int

    @property
    def n_pages(self) -> int:
        return -(-self.n_products // PRODUCTS)

    def pages(self, cards: Cards) -> Iterator[tuple[str, bytes]]:
        """Name and content of each page of cards."""
        for number in range(1, self.n_pages + 1):
            start = (number - 1) * PRODUCTS
            yield page_name(number), self._page(number, cards.at(start, start + PRODUCTS))

    def _page(self, number: int, cards: Iterable[bytes]) -> bytes:
        first = (number - 1) * PRODUCTS
        shown = f"products {first + 1:,} to {min(first + PRODUCTS, self.n_products):,} of {self.n_products:,}"
        pager = self._pager(number)
        body = [
            _top(f'<a href="../index.html">Audit of {self.audit_date}</a>', f"{shown}, those that need a person first"),
            pager,
            '<main id="_main">',
            b"".join(cards).decode(),
            "</main>",
            pager,
        ]
        title = f"Audit of {self.audit_date}, page {number}"
        return html_page(title, [part for part in body if part], _head("")).encode()

    def index(
        self, plan: Plan, counts: Counts, audits: Sequence[tuple[str, Mapping[Group, int]]], cards: Cards, issue: str
    ) -> str:
        """The summary, which leads to the pages of `issue`."""
        first = {group: cards.first_of(group) for group in GROUPS}
        links = {group: f"{issue}/{page_name(page_of(at[0]))}#p-{quote(at[1])}" for group, at in first.items() if at}
        subject = "Do the images in a product's documents show the product?"
        body = [
            _top(f"Audit of {self.audit_date}", f"{subject} Model {escape(plan.model_version)}."),
            '<main id="_main">',
            f"<p>{_rule(plan, counts.otherwise)}</p>",
            *_missing(counts),
            f'<ul class="counts">{_count("products", counts.verdicts.total(), None, None)}',
            *(_count(GROUP_WORDS[group], counts.groups[group], links.get(group), group) for group in GROUPS),
            "</ul>",
            self._start(issue),
            '<div class="plots">',
            _plot("Verdicts of the last audits", audits_plot(audits) + legend()),
            _plot(*_histogram(plan, counts)),
            _plot("Why products are undecided", reasons_plot(counts.reasons)) if counts.reasons else "",
            "</div>",
            "</main>",
            State(issue, counts.groups).to_html(),
        ]
        return html_page(f"Audit of {self.audit_date}", [part for part in body if part], _head(f"{issue}/"))

    def _pager(self, number: int) -> str:
        parts = []
        if number > 1:
            parts.append(f'<a rel="prev" href="{page_name(number - 1)}">← page {number - 1:,}</a>')
        parts.append('<a href="../index.html">summary</a>')
        if number < self.n_pages:
            parts.append(f'<a rel="next" href="{page_name(number + 1)}">page {number + 1:,} →</a>')
        return f'<nav class="pager" aria-label="pages">{"".join(parts)}{self._go(number)}</nav>'

    def _start(self, issue: str) -> str:
        if not self.n_pages:
            return ""
        last = f'<a href="{issue}/{page_name(self.n_pages)}">last page</a>' if self.n_pages > 1 else ""
        return (
            f'<nav class="pager" aria-label="pages"><a rel="next" href="{issue}/{page_name(1)}">'
            f"<strong>Look at the products →</strong></a>{last}{self._go(1)}</nav>"
        )

    def _go(self, number: int) -> str:
        """The form that leads to a page by its number."""
        if self.n_pages < 2:
            return ""
        return (
            f'<form class="go"><label>page <input type="number" min="1" max="{self.n_pages}" value="{number}"></label>'
            f"<span>of {self.n_pages:,}</span><button>Go</button></form>"
        )


def _top(heading: str, note: str) -> str:
    return (
        '<a class="skip" href="#_main">Skip to the content</a>'
        f'<header class="top"><div><h1>{heading}</h1><p class="note">{note}</p></div>'
        '<form class="search" role="search"><label for="_search">Find a product by its id</label>'
        '<input id="_search" type="search" autocomplete="off" spellcheck="false" placeholder="press / to search">'
        '<p class="said note" aria-live="polite"></p><ol class="found"></ol></form></header>'
    )


def _head(folder: str) -> str:
    scripts = "".join(f'<script src="{folder}{name}"></script>' for name in (SEARCH, IDS))
    return f'<link rel="stylesheet" href="{folder}{STYLE}">{scripts}'


def _rule(plan: Plan, otherwise: int) -> str:
    """Says how the audit decides, and how many rows a run of single products decided otherwise."""
    if plan.risk is None:
        rule = f"A match is a product with a pair of at least {plan.threshold:.3f}."
    else:
        rule = f"At most {plan.risk:.1%} of what is decided is wrong on validation; less sure products are close calls."
    return f"{rule} Products decided otherwise (columns risk and threshold): {otherwise:,}." if otherwise else rule


def _missing(counts: Counts) -> list[str]:
    """What else there is to say of the numbers."""
    lines = []
    if counts.carried:
        lines.append(f"<p>Verdicts of earlier audits, since nothing has changed: {counts.carried:,}.</p>")
    if left := max(0, counts.products - counts.verdicts.total()):
        lines.append(f'<p class="no_match verdict">Products of the plan that have no verdict yet: {left:,}.</p>')
    return lines


def _count(name: str, count: int, link: str | None, group: Group | None) -> str:
    words = f'<a href="{link}">{name}</a>' if link else name
    return f"<li{f' class={group}' if group else ''}><strong>{count:,}</strong>{words}</li>"


def _histogram(plan: Plan, counts: Counts) -> tuple[str, str]:
    """Heading and content of the histogram: of probabilities, or of scores where there is no probability."""
    if not counts.probability:
        return "Best score of a product's pairs", histogram(counts.best_score, [plan.threshold], "best score")
    limits = [] if plan.confidence is None else [1 - plan.confidence, plan.confidence]
    note = '<p class="note">Between the marks a product is a close call.</p>' if limits else ""
    return "Probability of a match", histogram(counts.probability, limits, "probability") + note


def _plot(heading: str, content: str) -> str:
    return f"<section><h2>{heading}</h2>{content}</section>"
