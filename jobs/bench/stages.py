"""TODO."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL.Image import Image
from torch import Tensor
from tqdm import tqdm

from jobs.bench.product import N_CATALOGUE, N_DOCUMENT, _files
from jobs.bench.roofline import operations
from jobs.bench.timing import _median
from jobs.tables.schemas import PAIR_SCORES
from scott_core import Predictor, read_image
from scott_core.images import to_batch
from scott_core.inference.engine import Engine
from scott_core.model.encoder import CachedFeatures, select_cached
from scott_core.model.matcher import Matcher, gather_foreground, pooled_pairs
from scott_core.reference import pooled_pairs_reference

_Timed = tuple[str, int, Callable[[], object], float | None]  # stage, items, run, milliseconds of an item's floor


@dataclass(frozen=True)
class Stage:
    """Of one item: milliseconds, and those of its floor (None where the work has no natural one)."""

    stage: str
    items: int
    ms: float
    floor_ms: float | None


def _stages(predictor: Predictor, images: list[Image], peak: dict[str, float]) -> list[Stage]:
    """From the file to the row, for one picture or one pair each."""
    engine, device = predictor.engine, predictor.device
    files = _files()
    data = [file.read_bytes() for file in files]
    n_encode, n_pair = engine.batches.encode, engine.batches.pair
    pixels = to_batch([predictor.prepare(image).pixels for image in images]).to(device)
    rows = [_ROW] * (N_CATALOGUE * N_DOCUMENT)
    places = torch.arange(n_pair, device=device)
    with torch.inference_mode():
        state = engine.model.encode_image(pixels, "b")
        a, b = select_cached(state, places % len(images)), select_cached(state, (places + 1) % len(images))
        f_a, f_b = engine.model.encoder.encode_pair(a, b)
        each = engine.workers
        regions = [engine.model.foreground(mask) for mask in engine.model.segment(f_a, f_b)]

        def encode() -> CachedFeatures:
            return engine.model.encode_image(pixels[:n_encode], "b")

        def encode_pair() -> tuple[Tensor, Tensor]:
            return engine.model.encoder.encode_pair(a, b)

        def segment() -> tuple[Tensor, Tensor]:
            return engine.model.segment(f_a, f_b)

        def merge() -> Tensor:
            logits: Tensor = engine.model.merge(f_a, regions[0], f_b, regions[1])
            return logits

        def at_once(run: Callable[[], object]) -> Callable[[], object]:
            """By every worker of the engine."""

            def one(_: int) -> None:
                with torch.inference_mode():
                    run()

            return lambda: list(engine.map(one, range(each)))

        def floor(run: Callable[[], object], items: int) -> float:
            return 1000 * operations(run) / peak[engine.precision] / items

        copied = 1000 / peak["bytes"]  # milliseconds of a byte
        pair_parts: dict[str, Callable[[], object]] = {"exchange": encode_pair, "segment": segment, "merge": merge}
        cache_bytes = sum(part[0].nbytes for part in state)
        decoded = sum(3 * image.width * image.height for image in images) / len(images)
        floors = {name: floor(run, n_pair) for name, run in pair_parts.items()}
        timed: list[_Timed] = [
            (
                "read",
                len(files),
                lambda: [file.read_bytes() for file in files],
                copied * sum(map(len, data)) / len(data),
            ),
            ("decode", len(data), lambda: [read_image(each) for each in data], copied * decoded),
            ("letterbox", len(images), lambda: [predictor.prepare(i) for i in images], copied * pixels[0].nbytes),
            ("encode", each * n_encode, at_once(encode), floor(encode, n_encode)),
            (
                "take states",
                each * n_pair,
                at_once(lambda: select_cached(state, places % len(images))),
                copied * 2 * cache_bytes,
            ),
            *((name, each * n_pair, at_once(run), floors[name]) for name, run in pair_parts.items()),
            (
                "pair, from its states",
                each * n_pair,
                at_once(lambda: engine.model.score_pairs(a, b)),
                sum(floors.values()),
            ),
            ("write", len(rows), lambda: _write(rows), None),
            *_pooling(engine, f_a, regions[0], f_b, regions[1]),
        ]
        return [_timed(*stage, device) for stage in tqdm(timed, desc="stages", unit="stage")]


def _pooling(engine: Engine, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> list[_Timed]:
    """The matcher's pooling: fast, literal and, on a GPU, by the Triton kernel."""
    matcher = next((each for each in engine.model.merge.modules() if isinstance(each, Matcher)), None)
    if matcher is None:
        return []
    n = min(4, len(f_a))
    (r_a, n_a), (r_b, n_b) = gather_foreground(f_a[:n], region_a[:n]), gather_foreground(f_b[:n], region_b[:n])
    k, similarity = matcher.k, matcher.similarity

    def literal() -> None:
        for i in range(n):
            pooled_pairs_reference(r_a[i, : n_a[i]], r_b[i, : n_b[i]], k, similarity)

    stages: list[_Timed] = [
        (f"pooling, K = {k}", n, lambda: pooled_pairs(r_a, n_a, r_b, n_b, k, similarity), None),
        (f"pooling, K = {k}, literal", n, literal, None),
    ]
    if engine.device.type == "cuda":
        from scott_core.inference.triton_pooling import pooled_pairs_fused

        stages.append(
            (f"pooling, K = {k}, Triton", n, lambda: pooled_pairs_fused(r_a, n_a, r_b, n_b, k, similarity), None)
        )
    return stages


def _write(rows: list[dict[str, Any]]) -> None:
    """The Parquet of rows of `pair_scores`, in memory."""
    pq.write_table(pa.Table.from_pylist(rows, schema=PAIR_SCORES.schema), io.BytesIO(), compression="zstd")


_ROW: dict[str, Any] = {
    "audit_date": "2026-01-01", "product_id": "P", "catalogue_image": "catalogue/P/images/1.jpg",
    "catalogue_sha256": "0" * 64, "document": "catalogue/P/documents/report.pdf", "page": 1,
    "bbox": [0.0, 0.0, 100.0, 100.0], "digest": "0" * 64, "score": 0.5, "region_a": 0.5, "region_b": 0.5,
    "is_match": True, "model_version": "v", "run_id": "r", "schema_version": 1,
}  # fmt: skip


def _timed(stage: str, items: int, run: Callable[[], object], floor_ms: float | None, device: torch.device) -> Stage:
    return Stage(stage, items, 1000 * _median(run, device) / items, floor_ms)
