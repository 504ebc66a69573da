"""Scoring a file of pairs: `scott score`. What it writes is measured by jobs/evaluate.py.

PAIRS.csv has the header `image_a,image_b[,label]`, its paths relative to its own folder; a is the
catalogue image, b the document image. SCORES.parquet has one row for each input row, in its order.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import BadArgument
from jobs.outputs import check_output, writing

SCORES = pa.schema(
    [
        ("image_a", pa.string()),
        ("image_b", pa.string()),
        ("label", pa.int8()),
        ("score", pa.float32()),
        ("region_a", pa.float32()),
        ("region_b", pa.float32()),
        ("is_match", pa.bool_()),
        ("error", pa.string()),
    ]
)
BLOCK_BYTES = 1 << 30  # decoded pictures held at once; within a block each one is encoded once

Row = dict[str, Any]
Progress = Callable[[int], object]


def read_pairs(path: Path) -> list[Row]:
    """The rows of PAIRS.csv: image_a, image_b, label (0, 1 or None). BadArgument names a bad line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = reader.fieldnames or []
            missing = [name for name in ("image_a", "image_b") if name not in header]
            if missing:
                raise BadArgument(f"{path} has no column {missing[0]}: expected image_a,image_b[,label]")
            return [_pair(row, f"{path} line {reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadArgument(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def score_pairs_file(
    pairs: list[Row],
    folder: Path,
    out: Path,
    *,
    method: str = "scott",
    weights: str | None = None,
    progress: Progress = lambda n: None,
) -> dict[str, Any]:
    """Score `pairs` (of read_pairs; paths relative to `folder`) into the Parquet file `out`.

    A pair whose image cannot be read has a null score and a reason in `error`. `progress(n)` is called
    after n more pairs. Returns n_pairs, n_failed, version and threshold, which the file's metadata hold too.
    """
    from scott_core.methods import load_scorer

    check_output(out)
    scorer = load_scorer(method, weights)
    rows: list[Row] = []
    for block, pictures in _blocks(pairs, folder):
        rows += _score_block(scorer, block, pictures, progress)
    about = {"method": method, "version": str(scorer.version), "threshold": repr(float(scorer.threshold))}
    table = pa.Table.from_pylist(rows, schema=SCORES.with_metadata(about))
    with writing(out):
        pq.write_table(table, out, compression="zstd")
    failed = sum(row["error"] is not None for row in rows)
    return {
        "n_pairs": len(rows),
        "n_failed": failed,
        "version": scorer.version,
        "threshold": scorer.threshold,
    }


def _pair(row: Row, where: str) -> Row:
    if not row["image_a"] or not row["image_b"]:
        raise BadArgument(f"{where}: image_a or image_b is empty")
    label = (row.get("label") or "").strip()
    if label not in ("", "0", "1"):
        raise BadArgument(f"{where}: label {label!r} is not 0 or 1")
    return {"image_a": row["image_a"], "image_b": row["image_b"], "label": int(label) if label else None}


def _blocks(pairs: list[Row], folder: Path) -> Iterator[tuple[list[Row], dict[str, Any]]]:
    """Consecutive pairs with their pictures (or, as text, why one cannot be read), of bounded memory."""
    from scott_core import UnreadableImage, read_image

    block: list[Row] = []
    pictures: dict[str, Any] = {}
    held = 0
    for pair in pairs:
        for name in {pair["image_a"], pair["image_b"]} - pictures.keys():
            try:
                pictures[name] = read_image(folder / name)
                held += 3 * pictures[name].width * pictures[name].height
            except UnreadableImage as error:
                pictures[name] = str(error)
        block.append(pair)
        if held >= BLOCK_BYTES:
            yield block, pictures
            block, pictures, held = [], {}, 0
    if block:
        yield block, pictures


def _score_block(scorer: Any, block: list[Row], pictures: dict[str, Any], progress: Progress) -> list[Row]:
    """The rows of one block; each picture goes in once for each side that it is on."""
    errors = [
        next(
            (f"{side}: {p}" for side in ("image_a", "image_b") if isinstance(p := pictures[pair[side]], str)),
            None,
        )
        for pair in block
    ]
    good = [pair for pair, error in zip(block, errors, strict=True) if error is None]
    names_a = list(dict.fromkeys(pair["image_a"] for pair in good))
    names_b = list(dict.fromkeys(pair["image_b"] for pair in good))
    at_a = {name: place for place, name in enumerate(names_a)}
    at_b = {name: place for place, name in enumerate(names_b)}
    found = scorer.score_pairs(
        [pictures[name] for name in names_a],
        [pictures[name] for name in names_b],
        [(at_a[pair["image_a"]], at_b[pair["image_b"]]) for pair in good],
        progress=progress,
    )
    progress(len(block) - len(good))
    scored = map(_scored, found.score, found.region_a, found.region_b, repeat(scorer.threshold))
    return [
        {**pair, "error": error} if error is not None else {**pair, **next(scored)}
        for pair, error in zip(block, errors, strict=True)
    ]


def _scored(score: float, region_a: float, region_b: float, threshold: float) -> Row:
    """The scored columns of one pair."""
    if not math.isfinite(score):
        return {"error": f"score_not_finite: the model gave {score}"}
    score = float(score)
    return {"score": score, "region_a": region_a, "region_b": region_b, "is_match": score >= threshold, "error": None}
