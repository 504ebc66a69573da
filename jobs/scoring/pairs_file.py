"""Scores a file of pairs (`scott score`); jobs/evaluate.py measures the result.

PAIRS.csv has the header `image_a,image_b[,label]`, its paths relative to its own folder (scott_core/pairs.py); a is the
catalogue image, b the document image. SCORES.parquet has one row for each input row, in its order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.outputs import check_parquet_output, writing
from jobs.scoring.blocks import in_blocks, side_by_side
from jobs.scoring.cores import cores
from jobs.scoring.images import Prepared, PreparedImages, read_ahead
from jobs.scoring.pairs import ScoreColumns, score_block, score_columns
from jobs.scoring.scorers import load_scorer
from jobs.tables.failed import Failed
from scott_core.pairs import Pair
from scott_core.progress import Progress, silent

if TYPE_CHECKING:
    from scott_core import PairScorer

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


class ScoreRow(ScoreColumns):
    """One row of SCORES.parquet."""

    image_a: str
    image_b: str
    label: int | None


@dataclass(frozen=True)
class ScoredFile:
    """Counts of a scored file, and its scorer's version and threshold, which the file's metadata hold too."""

    n_pairs: int
    n_failed: int
    version: str
    threshold: float
    first_error: str | None  # of the first pair that failed


def score_pairs_file(
    pairs: Sequence[Pair],
    out: Path,
    *,
    method: str = "scott",
    weights: str | None = None,
    progress: Progress = silent,
) -> ScoredFile:
    """Score `pairs` (of scott_core.pairs.read_pairs) into the Parquet file `out`.

    A pair whose image cannot be read has a null score and a reason in `error`. Raises BadArgument where `out` cannot be
    written, and scott_core's InputError and WeightsError.
    """
    check_parquet_output(out)
    scorer = load_scorer(method, weights)
    images = PreparedImages(scorer)
    needed = [(pair.path_a, pair.path_b) for pair in pairs]
    order = side_by_side(needed)  # a shuffled file is scored as fast as one in its products' order
    blocks = in_blocks(((pairs[n], needed[n]) for n in order), scorer.images_at_once)
    about = {"method": method, "version": str(scorer.version), "threshold": repr(float(scorer.threshold))}
    schema = SCORES.with_metadata(about)
    tables = [schema.empty_table()]
    for block, found in read_ahead(lambda path: (path, images.get(path, path)), blocks, cores()):
        rows = _score_rows(scorer, block, dict(found), progress)
        tables.append(pa.Table.from_pylist(list(rows), schema))
    table = pa.concat_tables(tables).take(np.argsort(order))
    with writing(out):
        pq.write_table(table, out, compression="zstd")
    errors = table["error"].drop_null()
    first = errors[0].as_py() if len(errors) else None
    return ScoredFile(len(table), len(errors), str(scorer.version), float(scorer.threshold), first)


def _score_rows(
    scorer: PairScorer, block: Sequence[Pair], images: Mapping[Path, Prepared | Failed], progress: Progress
) -> list[ScoreRow]:
    """The rows of one block of pairs."""
    failed = {n: failure for n, pair in enumerate(block) if (failure := _unreadable(pair, images))}
    progress(len(failed))
    readable = {path: image for path, image in images.items() if not isinstance(image, Failed)}
    asked = [(pair.path_a, pair.path_b) for n, pair in enumerate(block) if n not in failed]
    scored = iter(score_block(scorer, readable, asked, scorer.threshold, progress))
    return [
        {
            "image_a": pair.image_a,
            "image_b": pair.image_b,
            "label": pair.label,
            **score_columns(failed[n] if n in failed else next(scored)),
        }
        for n, pair in enumerate(block)
    ]


def _unreadable(pair: Pair, images: Mapping[Path, Prepared | Failed]) -> Failed | None:
    """The first side of a pair whose image was not read, with the reason; None where both were read."""
    for side, path in (("image_a", pair.path_a), ("image_b", pair.path_b)):
        image = images[path]
        if isinstance(image, Failed):
            return Failed(side, image.detail)
    return None
