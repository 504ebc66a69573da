"""Measuring SCORES.parquet: `scott evaluate`. Pairs are scored once, by `scott score`; all else is measured from that.

With the pairs file, also by family and by kind of negative. With a folder to write into: `measures.json` (all that is
measured), `figure9.png` (F1 by size of the regions) and, with the pairs file, `failures.html` (the worst failures,
drawn). Only the last, and the IoU of regions where the pairs file has true masks, run the model again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.errors import BadArgument
from jobs.outputs import check_output, writing
from jobs.scoring.scorers import load_predictor
from scott_core.errors import InputError
from scott_core.pairs import Pair, read_pairs
from scott_core.progress import Stages, silent_stages

if TYPE_CHECKING:
    from PIL.Image import Image

    from scott_core.evaluation.regions import MeanIous
    from scott_core.match import Match
    from scott_core.predictor import Predictor

FILES = ("measures.json", "figure9.png", "failures.html")


@dataclass(frozen=True)
class Scored:
    """SCORES.parquet: columns [n] with null as NaN, and how it was made, by its metadata."""

    path: Path
    table: pa.Table
    label: NDArray[np.float64]
    score: NDArray[np.float64]
    threshold: float
    method: str
    version: str | None

    @property
    def about(self) -> str:
        """Model and threshold, in words."""
        return f"{self.version or self.method}, threshold {self.threshold:.3f}"

    def column(self, name: str) -> pa.ChunkedArray:
        """A column by name. BadArgument where the file has none."""
        if name not in self.table.column_names:
            raise BadArgument(f"{self.path} has no column {name}: expected the output of `scott score`")
        return self.table[name]


@dataclass(frozen=True)
class Measures:
    """Measures by name (scott_core.evaluation.metrics), and a 95% interval of each that has one: low, high.

    Of rows that lack a class only the counts `n` and `n_positive` are measured, and there are no intervals.
    """

    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] | None = None

    def to_json(self) -> dict[str, object]:
        """The measures with their `intervals` beside them."""
        return {**self.values, **({"intervals": self.intervals} if self.intervals is not None else {})}


@dataclass(frozen=True)
class Evaluation:
    """The measures of SCORES.parquet. A field is None where it was not asked for or cannot be measured."""

    all: Measures
    groups: Mapping[str, Measures] | None = None  # by family and by kind of negative; needs the pairs file
    mask_iou: MeanIous | None = None
    files: Sequence[str] | None = None  # those written

    def to_json(self) -> dict[str, object]:
        """The object that `scott evaluate --json` prints and measures.json holds; what is NaN is null there."""
        found = self.all.to_json()
        if self.groups is not None:
            found["groups"] = {name: group.to_json() for name, group in self.groups.items()}
        more = {"mask_iou": self.mask_iou, "files": self.files}
        found |= {name: value for name, value in more.items() if value is not None}
        finite: dict[str, object] = json.loads(json.dumps(found), parse_constant=lambda _: None)
        return finite


def evaluate_file(
    path: Path,
    threshold: float | None = None,
    *,
    pairs: Path | None = None,
    out: Path | None = None,
    weights: str | None = None,
    n_failures: int = 24,
    stages: Stages = silent_stages,
) -> Evaluation:
    """Measure SCORES.parquet against its labels, at `threshold` (None: the one it was scored with).

    Rows without a label are left out; a pair without a score never counts as a match. With `pairs`, the file that was
    scored, groups are measured too. With `out`, a folder, its files are written, and with both the IoU of regions is
    measured where the pairs have masks. Raises BadArgument, and scott_core's InputError where `pairs` is not the file
    that was scored or `weights` are not those that it was scored with.
    """
    scored = read_scores(path, threshold)
    rows = read_scored_pairs(pairs, scored) if pairs else []
    if n_failures < 0:
        raise BadArgument(f"--failures {n_failures}: 0 or more is expected")
    if out:
        import scott_core.evaluation.figure9  # noqa: F401 (where matplotlib is missing, that is said before the work)

        for name in FILES:
            check_output(out / name)
    predictor = _predictor(scored, weights) if out and rows else None
    labelled = ~np.isnan(scored.label)
    evaluation = Evaluation(
        _measure(scored, labelled),
        groups=_measure_groups(scored, rows, labelled) if rows else None,
        mask_iou=_measure_regions(scored, rows, predictor, stages) if predictor else None,
        files=[str(out / name) for name in FILES if rows or name != "failures.html"] if out else None,
    )
    if out:
        _write_figure(out / "figure9.png", scored, labelled)
        if rows:
            _write_failures(out / "failures.html", scored, rows, predictor, n_failures, stages)
        with writing(out / "measures.json"):
            text = json.dumps(evaluation.to_json(), indent=1) + "\n"
            (out / "measures.json").write_text(text, encoding="utf-8")
    return evaluation


def read_scores(path: Path, threshold: float | None = None) -> Scored:
    """SCORES.parquet, with at least one label, and `threshold` or else its own. BadArgument where it is not that."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BadArgument(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    missing = [name for name in ("label", "score") if name not in table.column_names]
    if missing:
        raise BadArgument(f"{path} has no column {missing[0]}: expected the output of `scott score`")
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if threshold is None:
        if "threshold" not in about:
            raise BadArgument(f"{path} does not say its threshold: give --threshold")
        threshold = float(about["threshold"])
    if not 0 <= threshold <= 1:
        raise BadArgument(f"threshold {threshold} is not in [0, 1]")
    label, score = (_floats(table[name]) for name in ("label", "score"))
    if np.isnan(label).all():
        raise BadArgument(f"{path} has no labelled pair: give PAIRS.csv a column label of 0 and 1")
    if np.isnan(score[~np.isnan(label)]).all():
        errors = table["error"].drop_null() if "error" in table.column_names else []
        first = f": {errors[0].as_py()}" if len(errors) else ""
        raise BadArgument(f"{path} has no labelled pair with a score{first}")
    return Scored(path, table, label, score, threshold, about.get("method", "scott"), about.get("version"))


def read_scored_pairs(path: Path, scored: Scored) -> list[Pair]:
    """The rows of PAIRS.csv that `scored` was made from. InputError names the first row that differs."""
    pairs = read_pairs(path)
    names = list(zip(*(scored.column(side).to_pylist() for side in ("image_a", "image_b")), strict=True))
    if len(pairs) != len(names):
        raise InputError(f"{path} has {len(pairs)} pairs, {scored.path} {len(names)}: they are not of one another")
    for n, (pair, name) in enumerate(zip(pairs, names, strict=True), 1):
        if (pair.image_a, pair.image_b) != name:
            said = f"{path} pair {n} is {pair.image_a} and {pair.image_b}"
            raise InputError(f"{said}, in {scored.path} {' and '.join(name)}: score it again")
        label = scored.label[n - 1]
        known = None if np.isnan(label) else int(label)
        if pair.label != known:
            raise InputError(f"{path} pair {n} has label {pair.label}, in {scored.path} {known}: score it again")
    return pairs


def _measure(scored: Scored, rows: NDArray[np.bool_]) -> Measures:
    """The measures of the chosen rows, with their intervals. InputError where they lack a class."""
    from scott_core.evaluation.metrics import bootstrap_intervals, evaluate_scores

    label, score = scored.label[rows], scored.score[rows]
    values = evaluate_scores(label, score, scored.threshold)
    n_failed = float(np.isnan(score).sum())
    return Measures({**values, "n_failed": n_failed}, bootstrap_intervals(label, score, scored.threshold))


def _measure_groups(scored: Scored, pairs: Sequence[Pair], labelled: NDArray[np.bool_]) -> dict[str, Measures]:
    from scott_core.evaluation.regions import group_rows

    groups = {}
    for name, chosen in group_rows(pairs).items():
        rows = labelled & chosen
        n, n_positive = rows.sum(), scored.label[rows].sum()
        if 0 < n_positive < n:
            groups[name] = _measure(scored, rows)
        else:
            groups[name] = Measures({"n": float(n), "n_positive": float(n_positive)})
    return groups


def _measure_regions(scored: Scored, pairs: Sequence[Pair], predictor: Predictor, stages: Stages) -> MeanIous | None:
    """IoU of the regions of the matching pairs that could be read and have masks; None where none has."""
    from scott_core.evaluation.regions import mask_ious, masked_pairs, summarise_ious

    masked = masked_pairs([pair for pair, score in zip(pairs, scored.score, strict=True) if not np.isnan(score)])
    if not masked:
        return None
    return summarise_ious(mask_ious(predictor, masked, progress=stages("IoU", len(masked))))


def _predictor(scored: Scored, weights: str | None) -> Predictor | None:
    """The model that gave the scores; None for a baseline, which has no regions."""
    if scored.method != "scott":
        return None
    predictor = load_predictor(weights)
    if scored.version not in (None, predictor.version):
        raise InputError(f"{scored.path} was scored with {scored.version}, not {predictor.version}: give its --weights")
    return predictor


def _write_figure(out: Path, scored: Scored, rows: NDArray[np.bool_]) -> None:
    from scott_core.evaluation.figure9 import draw_figure9

    said = scored.score >= scored.threshold
    region_a, region_b = (_floats(scored.column(name)) for name in ("region_a", "region_b"))
    with writing(out):
        draw_figure9(scored.label[rows], said[rows], region_a[rows], region_b[rows], out, title=scored.about)


def _write_failures(
    out: Path, scored: Scored, pairs: list[Pair], predictor: Predictor | None, limit: int, stages: Stages
) -> None:
    from scott_core.evaluation.failures import Failure, failures_page, worst_failures
    from scott_core.overlay import draw_match

    chosen = worst_failures(scored.label, scored.score, [pair.family for pair in pairs], scored.threshold, limit)
    worst = [pairs[row] for row in chosen]
    failures = []
    for row, pair, (image_a, image_b, match) in zip(chosen, worst, _drawn(predictor, worst, stages), strict=True):
        score = float(scored.score[row])
        match = replace(match, score=score, is_match=score >= scored.threshold)
        drawn = draw_match(image_a, image_b, match)
        failures.append(
            Failure(pair.image_a, pair.image_b, int(scored.label[row]), pair.kind, pair.family, score, drawn)
        )
    wrong = int(((scored.score >= scored.threshold) != (scored.label == 1))[~np.isnan(scored.label)].sum())
    unscored = int(np.isnan(scored.score).sum())
    note = f"{scored.about}. The worst {len(failures)} of {wrong} wrong pairs; {unscored} pairs have no score."
    page = failures_page(failures, title=f"Failures of {scored.path.name}", note=note)
    with writing(out):
        out.write_text(page, encoding="utf-8")


def _drawn(predictor: Predictor | None, pairs: list[Pair], stages: Stages) -> Iterator[tuple[Image, Image, Match]]:
    """Both images of each pair and its Match; a baseline is not run again, and nothing is marked."""
    from scott_core.evaluation.regions import match_files
    from scott_core.images import read_image
    from scott_core.match import Match

    files = [(pair.path_a, pair.path_b) for pair in pairs]
    if predictor:
        yield from match_files(predictor, files, progress=stages("failures", len(files)))
        return
    for images in ([read_image(file) for file in names] for names in files):
        yield images[0], images[1], Match.without_regions(0.0, False, *images)


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(), np.float64)
