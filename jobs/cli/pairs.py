"""The verbs of image pairs: match, score, evaluate and bench."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.cli.text import counted, interval, printable, progress_bar, table
from jobs.cli.verbs import AddVerb
from jobs.errors import BadArgument

if TYPE_CHECKING:
    from jobs.evaluate import Evaluation, Measures


def add_verbs(verb: AddVerb) -> None:
    """Add match, score, evaluate and bench."""
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

    v = verb("bench", bench)
    v.add_argument("--weights", default="default", metavar="W", help="scott-lite0 (default) or a .safetensors file")
    v.add_argument("--beside", metavar="W2", help="only compare the CPU time of an image and a pair with that of W2")
    v.add_argument("--out", type=Path, metavar="DIR", help="write the run to DIR, in a file named by the hardware")
    v.add_argument("--json", action="store_true", help="print one JSON object")


def match(arguments: argparse.Namespace) -> int:
    """Score one pair: a catalogue image and a document image."""
    from jobs.outputs import check_image_output, writing
    from jobs.scoring.images import read_shown
    from jobs.scoring.scorers import load_predictor
    from scott_core.overlay import draw_match

    if arguments.overlay:
        check_image_output(arguments.overlay)
    image_a, image_b = read_shown(arguments.image_a), read_shown(arguments.image_b)
    predictor = load_predictor(arguments.weights)
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
    from jobs.scoring.pairs_file import score_pairs_file
    from scott_core.pairs import read_pairs

    pairs = read_pairs(arguments.pairs)
    with progress_bar("score", "pair", len(pairs)) as bar:
        result = score_pairs_file(
            pairs,
            arguments.out,
            method=arguments.method,
            weights=arguments.weights,
            progress=bar.update,
        )
    print(f"{counted(result.n_pairs, 'pair')}, {result.n_failed} failed, {result.version}: {arguments.out}")
    if result.first_error:
        print(printable(f"scott: the first that failed: {result.first_error}"), file=sys.stderr)
    return 1 if 0 < result.n_pairs == result.n_failed else 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Measure scores against labels, or masks against masks."""
    from jobs.evaluate import Evaluation, Measures, evaluate_file

    if arguments.masks:
        from scott_core.evaluation.metrics import mask_iou

        if arguments.pairs or arguments.out:
            raise BadArgument("--pairs and --out are for SCORES.parquet, not for --masks")
        for folder in arguments.masks:
            if not folder.is_dir():
                raise BadArgument(f"{folder} is not a folder of masks")
        evaluation = Evaluation(Measures(mask_iou(*arguments.masks)))
    else:
        evaluation = evaluate_file(
            arguments.scores,
            arguments.threshold,
            pairs=arguments.pairs,
            out=arguments.out,
            weights=arguments.weights,
            n_failures=arguments.failures,
            stages=lambda name, total: progress_bar(name, "pair", total).update,
        )
    print(json.dumps(evaluation.to_json(), indent=1) if arguments.json else _tables(evaluation))
    return 0


def bench(arguments: argparse.Namespace) -> int:
    """Measure what a pair costs, stage by stage, beside its roofline, the literal reference and the baselines."""
    from jobs.bench.measure import measure
    from jobs.bench.report import tables
    from jobs.outputs import check_output, writing

    if arguments.beside:
        from jobs.bench.beside import measure_beside, table

        print(table(*measure_beside(arguments.weights, arguments.beside)))
        return 0
    if arguments.out:
        check_output(arguments.out / "run.json")  # the run gives the name
    result = measure(arguments.weights)
    if arguments.out:
        path = arguments.out / result.file_name
        with writing(path):
            path.write_text(result.to_json() + "\n", encoding="utf-8")
    print(result.to_json() if arguments.json else tables(result))
    return 0


def _tables(evaluation: Evaluation) -> str:
    """The measures of an evaluation as tables (all pairs, groups, masks), and the names of its files."""
    measures = evaluation.all
    intervals = measures.intervals or {}
    rows = [
        [name, f"{value:.0f}" if name.startswith("n") else f"{value:.4f}", interval(intervals.get(name))]
        for name, value in measures.values.items()
    ]
    if evaluation.mask_iou is not None:
        found = evaluation.mask_iou
        for side in ("a", "b", "both"):
            rows.append([f"iou {side} ({found['n']} pairs)", f"{found[side]:.4f}", interval(found["intervals"][side])])
    parts = [table(("measure", "value", "95% interval") if intervals else ("measure", "value"), rows)]
    if evaluation.groups is not None:
        columns = ("precision", "recall", "f1", "average_precision", "roc_auc", "ece")
        groups = [
            [name, f"{group.values['n']:.0f}", f"{group.values['n_positive']:.0f}"]
            + [_with_interval(group, column) for column in columns]
            for name, group in evaluation.groups.items()
        ]
        parts.append(table(("group", "n", "n_positive", *columns), groups))
    if evaluation.files is not None:
        parts.append("\n".join(evaluation.files))
    return "\n\n".join(parts)


def _with_interval(group: Measures, name: str) -> str:
    if name not in group.values or group.intervals is None:
        return "-"
    return f"{group.values[name]:.3f} {interval(group.intervals[name], 3)}"
