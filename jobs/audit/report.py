"""The report of an audit: one plain HTML page, with relative links, from the verdicts in storage."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypedDict
from urllib.parse import quote

from jobs.audit.verdicts import CLOSE_CALL, VERDICT_NAMES
from jobs.storage import Storage, open_storage
from jobs.tables.keys import evidence_key_of, report_key
from jobs.tables.plan import Plan, planned_buckets, read_plan, read_products
from jobs.tables.rows import read_rows, stream_rows
from jobs.tables.schemas import VERDICTS, Verdict, VerdictName

ROWS = 2000  # of a page: about 1 MB
_ORDER: dict[VerdictName, int] = {"no_match": 1, "undecided": 2, "match": 3}  # after the close calls

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .6rem; vertical-align: top; border-bottom: 1px solid #ddd }
td.number { text-align: right; font-variant-numeric: tabular-nums }
img { max-height: 110px; max-width: 300px }
.match { color: #126b2f } .no_match { color: #a11 } .undecided { color: #8a5a00 } .note { color: #666 }
"""


class ReportSummary(TypedDict):
    """The URI of a report, and its counts: products of the plan, rows, and each verdict."""

    report_uri: str
    n_products: int
    n_rows: int
    no_match: int
    undecided: int
    match: int


def write_report(root: str, audit_date: str) -> ReportSummary:
    """Write reports/audit_date=.../index.html: counts of every verdict of that date, and the ROWS of them that need a
    person first.
    """
    storage = open_storage(root)
    key = report_key(audit_date)
    counted = _Counts()

    def change(_: bytes | None) -> bytes:
        nonlocal counted
        counted = _Counts()
        plan = read_plan(storage, audit_date)
        rows = heapq.nsmallest(ROWS, counted.rows(storage, plan), key=lambda each: _place(each[0]))
        return _page(plan, counted, rows).encode()

    storage.update(key, change)
    return {
        "report_uri": storage.uri(key),
        "n_products": counted.products,
        "n_rows": counted.verdicts.total(),
        "no_match": counted.verdicts["no_match"],
        "undecided": counted.verdicts["undecided"],
        "match": counted.verdicts["match"],
    }


@dataclass
class _Counts:
    """Counts of an audit, taken while its rows go by."""

    products: int = 0
    verdicts: Counter[VerdictName] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # of undecided products
    otherwise: int = 0  # products that were decided with another risk or threshold than the plan's
    carried: int = 0

    def rows(self, storage: Storage, plan: Plan) -> Iterator[tuple[Verdict, str | None]]:
        """Each verdict of the audit with the product's title; they are counted as they go by."""
        for bucket in planned_buckets(storage, plan.audit_date):
            titles = {each.product_id: each.title for each in read_products(storage, plan.audit_date, bucket)}
            self.products += len(titles)
            for row in stream_rows(storage, VERDICTS, plan.audit_date, bucket):
                self.verdicts[row["verdict"]] += 1
                self.reasons.update([row["reason"]] if row["reason"] and row["verdict"] == "undecided" else [])
                self.otherwise += (row["risk"], row["threshold"]) != (plan.risk, plan.threshold)
                self.carried += row["carried_from"] is not None
                yield row, titles.get(row["product_id"])


def read_verdicts(storage: Storage, audit_date: str) -> tuple[dict[str, str | None], list[Verdict]]:
    """Title by product id for each product of the plan, and the verdicts of that date, by product id."""
    buckets = planned_buckets(storage, audit_date)
    products = [product for bucket in buckets for product in read_products(storage, audit_date, bucket)]
    rows = [row for bucket in buckets for row in read_rows(storage, VERDICTS, audit_date, bucket)]
    titles = {product.product_id: product.title for product in sorted(products, key=lambda p: p.product_id)}
    return titles, sorted(rows, key=lambda row: row["product_id"])


def _page(plan: Plan, counted: _Counts, rows: Sequence[tuple[Verdict, str | None]]) -> str:
    day = escape(plan.audit_date)
    left = counted.verdicts.total() - len(rows)
    more = f"<p>{left} more products are in the table <code>verdicts</code>.</p>" if left else ""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Audit of {day}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Audit of {day}</h1>",
            "<p>Do the pictures in a product's documents show the product? "
            f"Model {escape(plan.model_version)}. {_rule(plan, counted.otherwise)}</p>",
            *_summary(counted),
            "<table><thead><tr><th>product</th><th>verdict</th><th>reason</th><th>probability</th>"
            "<th>best score</th>"
            "<th>pairs</th><th>best pair</th></tr></thead><tbody>",
            *(_row(row, title) for row, title in rows),
            f"</tbody></table>{more}</body></html>",
            "",
        ]
    )


def _place(row: Verdict) -> tuple[int, float, str]:
    """What needs a person comes first: close calls, the likeliest first; then the others by verdict and id."""
    is_close = row["reason"] == CLOSE_CALL
    return (
        0 if is_close else _ORDER[row["verdict"]],
        -(row["probability"] or 0.0) if is_close else 0.0,
        row["product_id"],
    )


def _rule(plan: Plan, otherwise: int) -> str:
    """Says how the audit decides, and how many rows a run of single products decided otherwise."""
    if plan.risk is None:
        rule = f"A match is a product with a pair of at least {plan.threshold:.3f}."
    else:
        rule = f"At most {plan.risk:.1%} of what is decided is wrong on validation; less sure products are close calls."
    return f"{rule} {otherwise} products were decided otherwise (columns risk and threshold)." if otherwise else rule


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _summary(counted: _Counts) -> list[str]:
    n_rows = counted.verdicts.total()
    since = f" {counted.carried} verdicts are of earlier audits: nothing has changed since." if counted.carried else ""
    lines = [
        f"<p><strong>{n_rows}</strong> products: "
        + ", ".join(f'<strong class="{name}">{counted.verdicts[name]}</strong> {name}' for name in VERDICT_NAMES)
        + f".{since}</p>"
    ]
    if n_rows < counted.products:
        lines.append(f'<p class="no_match">{counted.products - n_rows} products of the plan have no verdict yet.</p>')
    if counted.reasons:
        items = "".join(f"<li>{escape(reason)}: {count}</li>" for reason, count in sorted(counted.reasons.items()))
        lines.append(f"<p>Undecided because of:</p><ul>{items}</ul>")
    return lines


def _row(row: Verdict, title: str | None) -> str:
    name = escape(row["product_id"])
    evidence = ""
    if row["evidence_uri"]:
        link = "../../" + quote(evidence_key_of(row["evidence_uri"]))
        where = escape(f"{row['best_catalogue_image']} and {row['best_document']}, page {row['best_page']}")
        evidence = f'<a href="{link}"><img loading="lazy" src="{link}" alt="{name}: best pair"></a><br>'
        evidence += f'<span class="note">{where}</span>'
    pairs = f"{row['n_catalogue_images']} x {row['n_document_images']}"
    if row["n_pairs_failed"]:
        pairs += f", {row['n_pairs_failed']} failed"
    since = f'<br><span class="note">of {row["carried_from"]}</span>' if row["carried_from"] else ""
    return (
        f'<tr><td>{name}<br><span class="note">{escape(title or "")}</span></td>'
        f'<td class="{row["verdict"]}">{row["verdict"]}{since}</td><td>{escape(row["reason"] or "")}</td>'
        f'<td class="number">{_number(row["probability"])}</td><td class="number">{_number(row["best_score"])}</td>'
        f'<td class="number">{pairs}</td><td>{evidence}</td></tr>'
    )
