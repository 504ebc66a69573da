"""The command `scott`: each verb is a thin face on one function of jobs, scott_core or extractors.

Exit codes: 0 done; 2 the input or the arguments are wrong (one line on stderr says which); 1 we failed.
Results go to stdout, progress and errors to stderr. Torch is imported by the verbs that need it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.errors import AuditError, BadArgument, JobError
from jobs.memory import keep_freed_memory


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    keep_freed_memory()
    arguments = _parse(argv)
    try:
        return int(arguments.verb(arguments))
    except AuditError as error:
        print(f"scott: {error}", file=sys.stderr)
        return 1
    except _bad_input() as error:
        print(f"scott: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `scott ... | head`
        sys.stderr.close()
        return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; argparse would not take key=value overrides that come after an option."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and (any(each.startswith("-") for each in rest) or not hasattr(arguments, "overrides")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.overrides += rest
    return arguments


def _bad_input() -> tuple[type[Exception], ...]:
    """The errors that mean bad input; scott_core's only where a verb imported it, for it brings torch."""
    core = sys.modules.get("scott_core.errors")
    return (JobError, core.ScottError) if core else (JobError,)


def audit(arguments: argparse.Namespace) -> int:
    """Audit a catalogue, print its verdicts and where the report is."""
    from tqdm import tqdm

    from jobs.audit import run_audit
    from jobs.report import read_verdicts
    from jobs.storage import open_storage
    from jobs.verdicts import VERDICTS

    now = datetime.now(UTC)
    day = arguments.audit_date or now.date().isoformat()
    with tqdm(desc="plan", unit="step", file=sys.stderr, delay=0.5) as bar:

        def progress(step: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_description(step)
            bar.update(done)

        result = run_audit(
            arguments.root,
            day,
            run_name=f"cli-{now.isoformat(timespec='microseconds')}",
            requested_at=now.isoformat(),
            product_ids=arguments.product,
            weights=arguments.weights,
            threshold=arguments.threshold,
            stop_at_match=arguments.stop_at_match,
            progress=progress,
        )
    _, rows = read_verdicts(open_storage(arguments.root), day)
    rows = [row for row in rows if row["run_id"] == result["run_id"]]
    columns = ("product_id", "verdict", "reason", "best_score", "n_pairs", "n_pairs_failed")
    print(_table(columns, [[row[name] for name in columns] for row in rows]))
    counts = ", ".join(f"{result[verdict]} {verdict}" for verdict in VERDICTS)
    print(f"\n{len(rows)} products: {counts}\nreport: {result['report_uri']}")
    return 0


def extract(arguments: argparse.Namespace) -> int:
    """Extract the images of one PDF; 2 where it cannot be read."""
    from extractors import extract_document

    try:
        found = extract_document(arguments.file, arguments.out, password=arguments.password)
    except OSError as error:
        raise BadArgument(f"{error.filename or arguments.file}: {error.strerror or error}") from error
    if arguments.json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        columns = ("file", "page", "size", "kind", "class", "used", "reason")
        rows = [
            [p.file, p.page, f"{p.width}x{p.height}", p.kind, p.image_class, p.used, p.reason] for p in found.images
        ]
        print(_table(columns, rows))
        used = sum(p.used for p in found.images)
        print(f"\n{found.status}: {found.pages} pages, {len(rows)} images, {used} used")
    if found.status in ("ok", "partial"):
        return 0
    print(f"scott: {arguments.file}: {found.status}: {found.detail}", file=sys.stderr)
    return 2


def match(arguments: argparse.Namespace) -> int:
    """Score one pair: a catalogue image and a document image."""
    from jobs.outputs import check_picture_output, writing
    from jobs.scorers import load_scorer
    from scott_core import read_image
    from scott_core.overlay import draw_match

    if arguments.overlay:
        check_picture_output(arguments.overlay)
    image_a, image_b = read_image(arguments.image_a), read_image(arguments.image_b)
    predictor = load_scorer("scott", arguments.weights)
    found = predictor.match(image_a, image_b)
    if arguments.overlay:
        drawn = draw_match(image_a, image_b, found)
        with writing(arguments.overlay):
            drawn.save(arguments.overlay)
    result = {
        "score": found.score,
        "is_match": found.is_match,
        "threshold": predictor.threshold,
        "model_version": predictor.version,
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        said = "match" if found.is_match else "no match"
        print(f"{said}: score {found.score:.3f}, threshold {predictor.threshold:.3f} ({predictor.version})")
    return 0


def score(arguments: argparse.Namespace) -> int:
    """Score a file of pairs."""
    from tqdm import tqdm

    from jobs.pairs import read_pairs, score_pairs_file

    pairs = read_pairs(arguments.pairs)
    with tqdm(total=len(pairs), desc="score", unit="pair", file=sys.stderr, delay=0.5) as bar:
        result = score_pairs_file(
            pairs,
            arguments.pairs.parent,
            arguments.out,
            method=arguments.method,
            weights=arguments.weights,
            progress=bar.update,
        )
    print(f"{result['n_pairs']} pairs, {result['n_failed']} failed, {result['version']}: {arguments.out}")
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Measure scores against labels, or masks against masks."""
    if arguments.masks:
        from scott_core.metrics import mask_iou

        if arguments.pairs or arguments.out:
            raise BadArgument("--pairs and --out are for SCORES.parquet, not for --masks")
        for folder in arguments.masks:
            if not folder.is_dir():
                raise BadArgument(f"{folder} is not a folder of masks")
        measures: dict[str, Any] = dict(mask_iou(*arguments.masks))
    else:
        from tqdm import tqdm

        from jobs.evaluate import evaluate_file

        measures = evaluate_file(
            arguments.scores,
            arguments.threshold,
            pairs=arguments.pairs,
            out=arguments.out,
            weights=arguments.weights,
            n_failures=arguments.failures,
            progress=lambda step, total: tqdm(total=total, desc=step, unit="pair", file=sys.stderr, delay=0.5).update,
        )
    print(json.dumps(measures, indent=1) if arguments.json else _measures(measures))
    return 0


def _measures(measures: dict[str, Any]) -> str:
    """What `evaluate` measured as tables: of all pairs, by group, of masks; and the files written."""
    intervals = measures.get("intervals", {})
    rows = [
        [name, f"{value:.0f}" if name.startswith("n") else f"{value:.4f}", _interval(intervals.get(name))]
        for name, value in measures.items()
        if isinstance(value, float)
    ]
    for name in ("a", "b", "both") if "mask_iou" in measures else ():
        found = measures["mask_iou"]
        rows.append([f"iou {name} ({found['n']} pairs)", f"{found[name]:.4f}", _interval(found["intervals"][name])])
    parts = [_table(("measure", "value", "95% interval") if intervals else ("measure", "value"), rows)]
    if "groups" in measures:
        columns = ("precision", "recall", "f1", "average_precision", "roc_auc", "ece")
        groups = [
            [name, f"{group['n']:.0f}", f"{group['n_positive']:.0f}"]
            + [f"{group[c]:.3f} {_interval(group['intervals'][c], 3)}" if c in group else "-" for c in columns]
            for name, group in measures["groups"].items()
        ]
        parts.append(_table(("group", "n", "n_positive", *columns), groups))
    if "files" in measures:
        parts.append("\n".join(measures["files"]))
    return "\n\n".join(parts)


def _interval(ends: tuple[float, float] | None, digits: int = 4) -> str:
    return f"({ends[0]:.{digits}f}-{ends[1]:.{digits}f})" if ends else ""


def explain(arguments: argparse.Namespace) -> int:
    """Say why a product has its verdict."""
    from jobs.explain import explain_product, latest_audit
    from jobs.storage import open_storage

    day = arguments.audit_date or latest_audit(open_storage(arguments.root))
    found = explain_product(arguments.root, day, arguments.product_id)
    if arguments.json:
        print(json.dumps(found, indent=1, default=str))
        return 0
    product, verdict = found["product"], found["verdict"]
    print(f"{product['product_id']}  {product['title'] or ''}  (audit of {day})")
    if verdict is None:
        print("no verdict yet")
    else:
        best = "" if verdict["best_score"] is None else f", best score {verdict['best_score']:.3f}"
        reason = f" ({verdict['reason']})" if verdict["reason"] else ""
        print(f"{verdict['verdict']}{reason}{best}, threshold {verdict['threshold']:.3f}")
        print(f"model {verdict['model_version']}, run {verdict['run_id']}")
        print(f"evidence: {verdict['evidence_uri'] or 'none'}")
    for heading, columns in (
        ("documents", ("document", "document_status", "document_pages", "document_detail")),
        ("pictures", ("document", "page", "width", "height", "kind", "image_class", "used", "reason")),
        ("pairs", ("score", "is_match", "catalogue_image", "document", "page", "error")),
    ):
        print(f"\n{heading}: {len(found[heading])}")
        if found[heading]:
            print(_table(columns, [[row[name] for name in columns] for row in found[heading]]))
    return 0


def train(arguments: argparse.Namespace) -> int:
    """Train a model from a configuration; print the card of its weights."""
    from scott_core import training
    from scott_core.training_bench import time_steps

    what = (arguments.config, arguments.overrides)
    found: Mapping[str, Any]
    if arguments.overfit_one_batch:
        found = training.overfit_one_batch(*what, pack=arguments.pack)
    elif arguments.time_steps:
        found = time_steps(*what, arguments.time_steps, pack=arguments.pack)
    else:
        found = training.train(*what, pack=arguments.pack, minutes=arguments.minutes)
    print(json.dumps(found, indent=1))
    return 0


def pack(arguments: argparse.Namespace) -> int:
    """Pack training images, masks and validation pairs into one small file."""
    from tqdm import tqdm

    from jobs.outputs import check_output
    from scott_core.data.pack import write_pack

    check_output(arguments.out)
    with tqdm(desc="pack", unit="image", file=sys.stderr, delay=0.5) as bar:
        packed = write_pack(
            arguments.sources,
            arguments.out,
            mib=arguments.mib,
            size=arguments.size,
            val=arguments.val,
            progress=bar.update,
        )
    print(_table(("family, split", "images"), sorted(packed.images.items())))
    for tier, n in packed.left_out.items():
        print(f"left out for want of room: {n} {tier}")
    print(f"\n{packed.val_pairs} validation pairs, {packed.bytes / 2**20:.1f} MiB: {arguments.out}")
    return 0


def release(arguments: argparse.Namespace) -> int:
    """Measure weights beside the baselines and put them, with their full card, among the shipped ones."""
    import yaml

    from scott_core.release import release as release_weights

    card = release_weights(arguments.weights, arguments.data, arguments.notes)
    print(yaml.safe_dump(card, sort_keys=False), end="")
    return 0


def bench(arguments: argparse.Namespace) -> int:
    """Measure what a pair costs, stage by stage, beside its floor, the literal reference and the peers."""
    from jobs.bench import measure, result_name
    from jobs.bench_report import tables
    from jobs.outputs import check_output, writing

    if arguments.out:
        check_output(arguments.out / "run.json")  # what will be its name only the run tells
    result = measure(arguments.weights)
    if arguments.out:
        path = arguments.out / result_name(result)
        with writing(path):
            path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1) if arguments.json else tables(result))
    return 0


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns of text, as wide as their widest cell."""
    cells = [list(columns)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scott", description="Do a product's documents show the product?")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, run: Any) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=run.__doc__, description=run.__doc__)
        found.set_defaults(verb=run)
        return found

    v = verb("audit", audit)
    v.add_argument("--root", required=True, metavar="URI", help="a folder, file:// or s3:// with a catalogue")
    v.add_argument("--audit-date", metavar="D", help="YYYY-MM-DD (default: today, UTC)")
    v.add_argument("--product", nargs="+", action="extend", metavar="ID", help="only these products")
    v.add_argument("--weights", metavar="W", help="default, a .safetensors file, orb, embedding")
    v.add_argument("--threshold", type=float, metavar="T", help="score from which a pair is a match")
    v.add_argument(
        "--stop-at-match",
        action=argparse.BooleanOptionalAction,
        help="likelier pairs first, and none after a product's first match (default: every pair)",
    )

    v = verb("extract", extract)
    v.add_argument("file", type=Path, metavar="FILE.pdf")
    v.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the images")
    v.add_argument("--json", action="store_true", help="print one JSON object")
    v.add_argument("--password", metavar="P", help="to open an encrypted file")

    v = verb("match", match)
    v.add_argument("image_a", type=Path, metavar="A.jpg", help="the catalogue image")
    v.add_argument("image_b", type=Path, metavar="B.jpg", help="the document image")
    v.add_argument("--overlay", type=Path, metavar="OUT.png", help="draw both with the common object marked")
    v.add_argument("--json", action="store_true", help="print one JSON object")
    v.add_argument("--weights", default="default", metavar="W", help="scott-lite0 (default) or a .safetensors file")

    v = verb("score", score)
    v.add_argument("pairs", type=Path, metavar="PAIRS.csv", help="header image_a,image_b[,label]")
    v.add_argument("--out", type=Path, required=True, metavar="SCORES.parquet")
    v.add_argument("--method", default="scott", help="scott, orb, embedding, lightglue, superglue, saliency")
    v.add_argument("--weights", metavar="W", help="scott-lite0 (default) or a .safetensors file")

    v = verb("evaluate", evaluate)
    what = v.add_mutually_exclusive_group(required=True)
    what.add_argument("scores", type=Path, nargs="?", metavar="SCORES.parquet", help="of `scott score`, with labels")
    what.add_argument("--masks", type=Path, nargs=2, metavar=("PRED_DIR", "GT_DIR"), help="mean IoU of mask files")
    v.add_argument("--threshold", type=float, metavar="T", help="default: the one the pairs were scored with")
    v.add_argument("--pairs", type=Path, metavar="PAIRS.csv", help="what was scored: measures by family and kind too")
    v.add_argument("--out", type=Path, metavar="DIR", help="folder for measures.json, figure9.png, failures.html")
    v.add_argument("--weights", metavar="W", help="that gave the scores: a name or a .safetensors file")
    v.add_argument("--failures", type=int, default=24, metavar="N", help="most pairs in failures.html (default: 24)")
    v.add_argument("--json", action="store_true", help="print one JSON object")

    v = verb("explain", explain)
    v.add_argument("product_id", metavar="PRODUCT_ID")
    v.add_argument("--root", required=True, metavar="URI")
    v.add_argument("--audit-date", metavar="D", help="YYYY-MM-DD (default: the newest audit)")
    v.add_argument("--json", action="store_true", help="print one JSON object")

    v = verb("bench", bench)
    v.add_argument("--weights", default="default", metavar="W", help="scott-lite0 (default) or a .safetensors file")
    v.add_argument("--out", type=Path, metavar="DIR", help="write the run to DIR, in a file named by the hardware")
    v.add_argument("--json", action="store_true", help="print one JSON object")

    v = verb("release", release)
    v.add_argument("weights", type=Path, metavar="FILE.safetensors", help="of `scott train`")
    v.add_argument("data", type=Path, metavar="DATA", help="a folder with pairs/val.csv and pairs/test.csv")
    v.add_argument("notes", type=Path, metavar="NOTES.yaml", help="what no program knows: data, licences, failures")

    v = verb("pack", pack)
    v.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="a folder with manifest.csv; a pairs file")
    v.add_argument("out", type=Path, metavar="OUT")
    v.add_argument("--mib", type=float, metavar="N", help="at most N MiB, variety first (default: everything)")
    v.add_argument("--size", type=int, default=256, metavar="PX", help="longest side of an image (default: 256)")
    v.add_argument("--val", type=Path, metavar="PAIRS.csv", help="default: the first SOURCE/pairs/val.csv")

    v = verb("train", train)
    v.add_argument("config", type=Path, metavar="CONFIG.yaml")
    v.add_argument("overrides", nargs="*", metavar="key=value")
    v.add_argument("--pack", type=Path, metavar="FILE", help="of `scott pack` (default: the configuration's data)")
    v.add_argument("--minutes", type=float, metavar="N", help="stop after N minutes; the same command goes on")
    instead = v.add_mutually_exclusive_group()
    instead.add_argument("--overfit-one-batch", action="store_true", help="every step on one batch; keeps nothing")
    instead.add_argument("--time-steps", type=int, metavar="N", help="how fast N steps are, and why; keeps nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
