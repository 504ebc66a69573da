"""Scoring a file of pairs: `scott score`. What it writes is measured by jobs/evaluate.py.

PAIRS.csv has the header `image_a,image_b[,label]`, its paths relative to its own folder; a is the
catalogue image, b the document image. SCORES.parquet has one row for each input row, in its order.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import BadArgument
from jobs.outputs import check_output, writing
from jobs.scoring.cores import cores
from jobs.scoring.images import Pictures, in_blocks, read_ahead, side_by_side
from jobs.scoring.scorers import load_scorer, scored_columns

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
    check_output(out)
    scorer = load_scorer(method, weights)
    pictures = Pictures(scorer)
    needed = [(pair["image_a"], pair["image_b"]) for pair in pairs]
    order = side_by_side(needed)  # a shuffled file is scored as fast as one in its products' order
    blocks = in_blocks(((pairs[n], needed[n]) for n in order), scorer.images_at_once)
    about = {"method": method, "version": str(scorer.version), "threshold": repr(float(scorer.threshold))}
    schema = SCORES.with_metadata(about)
    tables = [schema.empty_table()]
    for block, found in read_ahead(lambda name: (name, pictures.get(name, folder / name)), blocks, cores()):
        tables.append(pa.Table.from_pylist(_score_block(scorer, block, dict(found), progress), schema))
    table = pa.concat_tables(tables).take(np.argsort(order))
    with writing(out):
        pq.write_table(table, out, compression="zstd")
    return {
        "n_pairs": len(table),
        "n_failed": len(table) - table["error"].null_count,
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


def _score_block(scorer: Any, block: list[Row], pictures: dict[str, Any], progress: Progress) -> list[Row]:
    """The rows of one block, of prepared pictures or, as text, why one cannot be read."""
    errors = [
        next(
            (f"{side}: {p}" for side in ("image_a", "image_b") if isinstance(p := pictures[pair[side]], str)),
            None,
        )
        for pair in block
    ]
    good = [pair for pair, error in zip(block, errors, strict=True) if error is None]
    readable = {name: picture for name, picture in pictures.items() if not isinstance(picture, str)}
    at = {name: place for place, name in enumerate(readable)}
    found = scorer.score_pairs(
        list(readable.values()),
        list(readable.values()),
        [(at[pair["image_a"]], at[pair["image_b"]]) for pair in good],
        progress=progress,
    )
    progress(len(block) - len(good))
    scored = map(scored_columns, found.score, found.region_a, found.region_b, repeat(scorer.threshold))
    return [
        {**pair, "error": error} if error is not None else {**pair, **next(scored)}
        for pair, error in zip(block, errors, strict=True)
    ]
