"""The report of an audit: one plain HTML page, with relative links, from the verdicts in storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import TypedDict
from urllib.parse import quote

from jobs.audit.verdicts import CLOSE_CALL, VERDICT_NAMES
from jobs.storage import Storage, open_storage
from jobs.tables.keys import evidence_key, report_key
from jobs.tables.plan import Plan, planned_buckets, read_plan, read_products
from jobs.tables.rows import read_rows
from jobs.tables.schemas import VERDICTS, Verdict, VerdictName

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
    """Write reports/audit_date=.../index.html over every verdict of that date."""
    storage = open_storage(root)
    key = report_key(audit_date)
    read: list[tuple[dict[str, str | None], list[Verdict]]] = []

    def change(_: bytes | None) -> bytes:
        read[:] = [read_verdicts(storage, audit_date)]
        titles, rows = read[0]
        return _page(read_plan(storage, audit_date), titles, rows).encode()

    storage.update(key, change)
    titles, rows = read[0]
    counts = Counter(row["verdict"] for row in rows)
    return {
        "report_uri": storage.uri(key),
        "n_products": len(titles),
        "n_rows": len(rows),
        "no_match": counts["no_match"],
        "undecided": counts["undecided"],
        "match": counts["match"],
    }


def read_verdicts(storage: Storage, audit_date: str) -> tuple[dict[str, str | None], list[Verdict]]:
    """Title by product id for each product of the plan, and the verdicts of that date, by product id."""
    buckets = planned_buckets(storage, audit_date)
    products = [product for bucket in buckets for product in read_products(storage, audit_date, bucket)]
    rows = [row for bucket in buckets for row in read_rows(storage, VERDICTS, audit_date, bucket)]
    titles = {product.product_id: product.title for product in sorted(products, key=lambda p: p.product_id)}
    return titles, sorted(rows, key=lambda row: row["product_id"])


def _page(plan: Plan, titles: Mapping[str, str | None], rows: Sequence[Verdict]) -> str:
    day = escape(plan.audit_date)
    rows = sorted(rows, key=_place)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Audit of {day}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Audit of {day}</h1>",
            "<p>Do the pictures in a product's documents show the product? "
            f"Model {escape(plan.model_version)}. {_rule(plan, rows)}</p>",
            *_summary(titles, rows),
            "<table><thead><tr><th>product</th><th>verdict</th><th>reason</th><th>probability</th>"
            "<th>best score</th>"
            "<th>pairs</th><th>best pair</th></tr></thead><tbody>",
            *(_row(row, titles.get(row["product_id"])) for row in rows),
            "</tbody></table></body></html>",
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


def _rule(plan: Plan, rows: Sequence[Verdict]) -> str:
    """Says how the audit decides, and how many rows a run of single products decided otherwise."""
    if plan.risk is None:
        rule = f"A match is a product with a pair of at least {plan.threshold:.3f}."
    else:
        rule = f"At most {plan.risk:.1%} of what is decided is wrong on validation; less sure products are close calls."
    otherwise = sum((row["risk"], row["threshold"]) != (plan.risk, plan.threshold) for row in rows)
    return f"{rule} {otherwise} products were decided otherwise (columns risk and threshold)." if otherwise else rule


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _summary(titles: Mapping[str, str | None], rows: Sequence[Verdict]) -> list[str]:
    verdicts = Counter(row["verdict"] for row in rows)
    reasons = Counter(row["reason"] for row in rows if row["reason"] and row["verdict"] == "undecided")
    lines = [
        f"<p><strong>{len(rows)}</strong> products: "
        + ", ".join(f'<strong class="{name}">{verdicts[name]}</strong> {name}' for name in VERDICT_NAMES)
        + "</p>"
    ]
    if len(rows) < len(titles):
        lines.append(f'<p class="no_match">{len(titles) - len(rows)} products of the plan have no verdict yet.</p>')
    if reasons:
        items = "".join(f"<li>{escape(reason)}: {count}</li>" for reason, count in sorted(reasons.items()))
        lines.append(f"<p>Undecided because of:</p><ul>{items}</ul>")
    return lines


def _row(row: Verdict, title: str | None) -> str:
    name = escape(row["product_id"])
    evidence = ""
    if row["evidence_uri"]:
        link = "../../" + quote(evidence_key(row["audit_date"], row["product_id"]))
        where = escape(f"{row['best_catalogue_image']} and {row['best_document']}, page {row['best_page']}")
        evidence = f'<a href="{link}"><img loading="lazy" src="{link}" alt="{name}: best pair"></a><br>'
        evidence += f'<span class="note">{where}</span>'
    pairs = f"{row['n_catalogue_images']} x {row['n_document_images']}"
    if row["n_pairs_failed"]:
        pairs += f", {row['n_pairs_failed']} failed"
    return (
        f'<tr><td>{name}<br><span class="note">{escape(title or "")}</span></td>'
        f'<td class="{row["verdict"]}">{row["verdict"]}</td><td>{escape(row["reason"] or "")}</td>'
        f'<td class="number">{_number(row["probability"])}</td><td class="number">{_number(row["best_score"])}</td>'
        f'<td class="number">{pairs}</td><td>{evidence}</td></tr>'
    )
