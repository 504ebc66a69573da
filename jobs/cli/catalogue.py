"""The verbs of a catalogue's audit: audit, extract, explain and prune."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.cli.text import counted, printable, progress_bar, rows_table, table
from jobs.cli.verbs import AddVerb
from jobs.errors import BadArgument
from scott_core.product import Risk, parse_risk
from scott_core.progress import Progress


def add_verbs(verb: AddVerb) -> None:
    """Add audit, extract, explain and prune."""
    v = verb("audit", audit)
    v.add_argument("--root", required=True, metavar="URI", help="a folder, file:// or s3:// with a catalogue")
    v.add_argument("--audit-date", metavar="D", help="YYYY-MM-DD (default: today, UTC)")
    v.add_argument("--product", nargs="+", action="extend", metavar="ID", help="only these products")
    v.add_argument(
        "--weights",
        metavar="W",
        help="default, a .safetensors file, or a baseline: orb, embedding, ... (default: SCOTT_WEIGHTS, or default)",
    )
    v.add_argument("--threshold", type=float, metavar="T", help="score from which a pair is a match")
    v.add_argument(
        "--risk",
        type=_risk,
        metavar="R",
        help="share of decided products that may be wrong; what is less sure is undecided. none: every product with a "
        "matching pair matches (default: SCOTT_RISK, or 0.05)",
    )
    v.add_argument(
        "--stop-at-match",
        action=argparse.BooleanOptionalAction,
        help="likelier pairs first, none after a product's first match (default: SCOTT_STOP_AT_MATCH, or all pairs)",
    )

    v.add_argument(
        "--inputs-from",
        action="append",
        metavar="URI",
        help="read images and documents from under URI too; may be given again (default: SCOTT_INPUTS_FROM, or the "
        "root alone)",
    )

    v.add_argument(
        "--full",
        action="store_true",
        help="audit every product anew (default: verdicts of products whose images and documents are as they were in "
        "an earlier audit, under the same settings, are carried over; those of --product never are)",
    )
    v.add_argument(
        "--verify", action="store_true", help="read every file to see whether it is as it was, whatever storage says"
    )

    v = verb("extract", extract)
    v.add_argument("file", type=Path, metavar="FILE.pdf")
    v.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the images")
    v.add_argument("--json", action="store_true", help="print one JSON object")
    v.add_argument("--password", metavar="P", help="to open an encrypted file")

    v = verb("explain", explain)
    v.add_argument("product_id", metavar="PRODUCT_ID")
    v.add_argument("--root", required=True, metavar="URI")
    v.add_argument("--audit-date", metavar="D", help="YYYY-MM-DD (default: the newest audit)")
    v.add_argument("--json", action="store_true", help="print one JSON object")

    v = verb("prune", prune)
    v.add_argument("--root", required=True, metavar="URI")
    v.add_argument(
        "--keep",
        required=True,
        type=int,
        metavar="N",
        help="audits of the whole catalogue to keep, the newest ones that were finished",
    )
    v.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def audit(arguments: argparse.Namespace) -> int:
    """Audit a catalogue, print its verdicts and where the report is."""
    from jobs.audit import run_audit
    from jobs.audit.report import read_verdicts
    from jobs.audit.settings import Settings, configured
    from jobs.audit.verdicts import VERDICT_NAMES
    from jobs.storage import open_storage

    now = datetime.now(UTC)
    day = now.date().isoformat() if arguments.audit_date is None else arguments.audit_date
    environment = {name.lower(): value for name, value in os.environ.items()}
    settings = Settings.read({**environment, "scott_root": arguments.root}.get)
    with progress_bar("plan", "step") as bar:

        def stages(name: str, total: int) -> Progress:
            bar.total = total
            bar.set_description(name)
            return bar.update

        result = run_audit(
            arguments.root,
            day,
            run_name=f"cli-{now.isoformat(timespec='microseconds')}",
            requested_at=now.isoformat(),
            product_ids=arguments.product,
            full=arguments.full,
            verify=arguments.verify,
            stages=stages,
            **configured(
                settings,
                day,
                arguments.product,
                weights=arguments.weights,
                threshold=arguments.threshold,
                risk=arguments.risk,
                stop_at_match=arguments.stop_at_match,
                inputs_from=arguments.inputs_from,
            ),
        )
    _, rows = read_verdicts(open_storage(arguments.root), day)
    ours = [row for row in rows if row["run_id"] == result.reconciled["run_id"]]
    print(
        rows_table(("product_id", "verdict", "reason", "probability", "best_score", "n_pairs", "n_pairs_failed"), ours)
    )
    counts = ", ".join(f"{result.reconciled[verdict]} {verdict}" for verdict in VERDICT_NAMES)
    rules = {row["risk"] for row in ours}
    rule = "" if len(rules) != 1 else f", by {_rule(rules.pop())}"
    carried = result.reconciled["n_carried"]
    since = f"; {carried} of them carried over" if carried else ""
    taken = result.reconciled["n_superseded"]
    since += f"; a newer run has taken {counted(taken, 'product')}" if taken else ""
    print(f"\n{counted(len(ours), 'product')}: {counts}{rule}{since}\nreport: {result.report_uri}")
    return 0


def _rule(risk: float | None) -> str:
    return "the paper's rule" if risk is None else f"probability at risk {risk:g}"


def _risk(text: str) -> Risk:
    try:
        return parse_risk(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a share nor none") from error


def extract(arguments: argparse.Namespace) -> int:
    """Extract the images of one PDF; 2 where it cannot be read."""
    from extractors import extract_document
    from jobs.tables.schemas import READABLE

    try:
        with progress_bar("extract", "page") as bar:

            def progress(read: int, pages: int) -> None:
                bar.total = pages
                bar.update(read - bar.n)

            found = extract_document(arguments.file, arguments.out, password=arguments.password, progress=progress)
    except OSError as error:
        raise BadArgument(f"{error.filename or arguments.file}: {error.strerror or error}") from error
    if arguments.json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        columns = ("file", "page", "size", "kind", "class", "used", "reason")
        rows = [
            [p.file, p.page, f"{p.width}x{p.height}", p.kind, p.image_class, p.used, p.reason] for p in found.images
        ]
        if rows:
            print(table(columns, rows) + "\n")
        used = sum(p.used for p in found.images)
        print(f"{found.status}: {counted(found.pages, 'page')}, {counted(len(rows), 'image')}, {used} used")
    if found.status in READABLE:
        return 0
    print(printable(f"scott: {arguments.file}: {found.status}: {found.detail}"), file=sys.stderr)
    return 2


def explain(arguments: argparse.Namespace) -> int:
    """Say why a product has its verdict."""
    from jobs.audit import explain_product
    from jobs.storage import open_storage
    from jobs.tables.plan import latest_audit

    day = latest_audit(open_storage(arguments.root)) if arguments.audit_date is None else arguments.audit_date
    found = explain_product(arguments.root, day, arguments.product_id)
    if arguments.json:
        print(json.dumps(found.to_json(), indent=1, default=str))
        return 0
    product, verdict = found.product, found.verdict
    print(f"{product.product_id}  {printable(product.title or '')}  (audit of {day})")
    if verdict is None:
        print("no verdict yet")
    else:
        best = "" if verdict["best_score"] is None else f", best score {verdict['best_score']:.3f}"
        reason = f" ({verdict['reason']})" if verdict["reason"] else ""
        sure = "" if verdict["probability"] is None else f", probability {verdict['probability']:.3f}"
        rule = f"by {_rule(verdict['risk'])}"
        print(f"{verdict['verdict']}{reason}{sure}, {rule}{best}, threshold {verdict['threshold']:.3f}")
        print(f"model {verdict['model_version']}, run {verdict['run_id']}")
        if verdict["carried_from"]:
            print(f"carried over from the audit of {verdict['carried_from']}: nothing has changed since")
        if verdict["review"]:
            who = ", ".join(map(printable, verdict["reviewed_by"] or ()))
            why = f" ({verdict['machine_reason']})" if verdict["machine_reason"] else ""
            print(f"reviewed by {who}: {verdict['review']}; the machine says {verdict['machine_verdict']}{why}")
        print(f"evidence: {printable(verdict['evidence_uri'] or 'none')}")
    reviews = [
        {
            **row,
            "masks": sum(row[name] is not None for name in ("mask_a_key", "mask_b_key")),
            "of_now": verdict is not None and row["inputs_digest"] == verdict["inputs_digest"],
        }
        for row in found.reviews
    ]
    sections: tuple[tuple[str, Sequence[Mapping[str, Any]], tuple[str, ...]], ...] = (
        ("documents", found.documents, ("document", "document_status", "document_pages", "document_detail")),
        (
            "pictures",
            found.images,
            (
                "document",
                "page",
                "bbox",
                "width",
                "height",
                "kind",
                "image_class",
                "photo_probability",
                "used",
                "reason",
            ),
        ),
        ("pairs", found.pairs, ("score", "is_match", "catalogue_image", "document", "page", "bbox", "error")),
        ("reviews", reviews, ("audit_date", "reviewer", "reviewed_at", "answer", "pair_answer", "masks", "of_now")),
    )
    for heading, rows, columns in sections:
        print(f"\n{heading}: {len(rows)}")
        if rows:
            print(rows_table(columns, [{**row, "bbox": _points(row.get("bbox"))} for row in rows]))
    return 0


def _points(bbox: Sequence[float] | None) -> str | None:
    """A box in points, as a cell: a page may have several images."""
    return None if bbox is None else " ".join(f"{value:.0f}" for value in bbox)


def prune(arguments: argparse.Namespace) -> int:
    """Remove old audits, and pictures that no other audit refers to; not while an audit runs."""
    from jobs.audit import prune_audits

    with progress_bar("prune", "object") as bar:
        found = prune_audits(arguments.root, arguments.keep, bar.update, dry_run=arguments.dry_run)
    done = "would be removed" if arguments.dry_run else "removed"
    objects = ", ".join(f"{count} {folder}" for folder, count in found["objects"].items()) or "no object"
    print(f"{counted(len(found['audits']), 'audit')} {done}: {objects}")
    return 0
