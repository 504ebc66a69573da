"""Milliseconds of each stage, from the file to the row, beside what the roofline allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from PIL.Image import Image
from torch import Tensor
from tqdm import tqdm

from jobs.bench.product import N_CATALOGUE, N_DOCUMENT, sample_files
from jobs.bench.roofline import operations
from jobs.bench.timing import median_seconds
from jobs.tables.rows import encode_rows
from jobs.tables.schemas import PAIR_SCORES, PairScore
from scott_core import Predictor, read_image
from scott_core.images import to_batch
from scott_core.inference.engine import Engine
from scott_core.model.encoder import CachedFeatures, select_cached
from scott_core.model.matcher import Matcher, gather_foreground, pooled_pairs
from scott_core.reference import pooled_pairs_reference

POOLED_PAIRS = 4  # pairs that the stages of pooling see; the literal form builds P x Q x 2d for each

Run = Callable[[], object]


@dataclass(frozen=True)
class Stage:
    """Milliseconds of one stage, for one item: an image up to `take states`, a pair after it.

    `items` are those of one measured run. `floor_ms` is the roofline: the milliseconds of the item's operations at the
    highest rate measured, or of its bytes at that of a large copy; None where neither bounds the stage. The field names
    and the names of the stages (exchange: cross-attention, merge: matching head, states: cached features) are those of
    `scott bench --json`.
    """

    stage: str
    items: int
    ms: float
    floor_ms: float | None


@dataclass(frozen=True)
class _Task:
    """A stage that is to be measured: `run` does it for `items` items."""

    stage: str
    items: int
    run: Run
    floor_ms: float | None


def measure_stages(predictor: Predictor, images: list[Image], peak: dict[str, float]) -> list[Stage]:
    """The stages of `predictor` on `images`, with `peak` as `roofline.peak_rates` gives it."""
    with torch.inference_mode():
        tasks = [
            *_reading(predictor, images, peak),
            *_network(predictor, images, peak),
        ]
        found = []
        for task in tqdm(tasks, desc="stages", unit="stage"):
            seconds = median_seconds(task.run, predictor.device)
            found.append(Stage(task.stage, task.items, 1000 * seconds / task.items, task.floor_ms))
        return found


def _reading(predictor: Predictor, images: list[Image], peak: dict[str, float]) -> list[_Task]:
    """From the file of an image to the square that the model sees; the roofline is that of the bytes written."""
    files = sample_files()
    data = [file.read_bytes() for file in files]
    copied = 1000 / peak["bytes"]  # milliseconds of a byte
    decoded = sum(3 * image.width * image.height for image in images) / len(images)
    square = 3 * predictor.size**2
    return [
        _Task(
            "read", len(files), lambda: [file.read_bytes() for file in files], copied * sum(map(len, data)) / len(data)
        ),
        _Task("decode", len(data), lambda: [read_image(each) for each in data], copied * decoded),
        _Task("letterbox", len(images), lambda: [predictor.prepare(each) for each in images], copied * square),
    ]


def _network(predictor: Predictor, images: list[Image], peak: dict[str, float]) -> list[_Task]:
    """From the square to the row: each part of the network, in the engine's batches and by all of its workers."""
    engine = predictor.engine
    model = engine.model
    n_encode, n_pair = engine.batch_sizes.encode, engine.batch_sizes.pair
    pixels, cached, rows = encoded(predictor, images)
    a, b = select_cached(cached, rows % len(images)), select_cached(cached, (rows + 1) % len(images))
    f_a, f_b = model.encoder.encode_pair(a, b)
    region_a, region_b = (model.foreground(mask) for mask in model.segment(f_a, f_b))

    def task(stage: str, n: int, run: Run, floor_ms: float) -> _Task:
        return _Task(stage, engine.workers * n, _by_all_workers(engine, run), floor_ms)

    def floor(run: Run, n: int) -> float:
        return 1000 * operations(run) / peak[engine.precision] / n

    encode = partial(model.encode_image, pixels[:n_encode], "b")
    parts: dict[str, Run] = {
        "exchange": partial(model.encoder.encode_pair, a, b),
        "segment": partial(model.segment, f_a, f_b),
        "merge": partial(model.merge, f_a, region_a, f_b, region_b),
    }
    floors = {name: floor(run, n_pair) for name, run in parts.items()}
    taken = 2 * 1000 / peak["bytes"] * sum(part[0].nbytes for part in cached)  # those of a pair's two images
    written = [_ROW] * (N_CATALOGUE * N_DOCUMENT)
    return [
        task("encode", n_encode, encode, floor(encode, n_encode)),
        task("take states", n_pair, partial(select_cached, cached, rows % len(images)), taken),
        *(task(name, n_pair, run, floors[name]) for name, run in parts.items()),
        task("pair, from its states", n_pair, partial(model.score_pairs, a, b), sum(floors.values())),
        _Task("write", len(written), partial(encode_rows, PAIR_SCORES, written), None),
        *_pooling(engine, f_a, region_a, f_b, region_b),
    ]


def encoded(predictor: Predictor, images: list[Image]) -> tuple[Tensor, CachedFeatures, Tensor]:
    """The squares of `images`, their cached features, and the numbers of the pairs of one batch of the engine."""
    pixels = to_batch([predictor.prepare(image).pixels for image in images]).to(predictor.device)
    rows = torch.arange(predictor.engine.batch_sizes.pair, device=predictor.device)
    return pixels, predictor.engine.model.encode_image(pixels, "b"), rows


def _by_all_workers(engine: Engine, run: Run) -> Run:
    """`run`, once by every worker of the engine at the same time."""

    def one(_: int) -> None:
        with torch.inference_mode():  # a mode is of one thread
            run()

    return lambda: list(engine.map(one, range(engine.workers)))


def _pooling(engine: Engine, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> list[_Task]:
    """The pooling of MATCHER: the separated form, the literal one and, on a GPU, the Triton kernel."""
    matcher = next((each for each in engine.model.merge.modules() if isinstance(each, Matcher)), None)
    if matcher is None:
        return []
    n = min(POOLED_PAIRS, len(f_a))
    (r_a, n_a), (r_b, n_b) = gather_foreground(f_a[:n], region_a[:n]), gather_foreground(f_b[:n], region_b[:n])
    k, similarity = matcher.k, matcher.similarity
    padded = (r_a, n_a, r_b, n_b, k, similarity)

    def literal() -> None:
        for i in range(n):
            pooled_pairs_reference(r_a[i, : n_a[i]], r_b[i, : n_b[i]], k, similarity)

    tasks = [
        _Task(f"pooling, K = {k}", n, partial(pooled_pairs, *padded), None),
        _Task(f"pooling, K = {k}, literal", n, literal, None),
    ]
    if engine.device.type == "cuda":
        from scott_core.inference.triton_pooling import pooled_pairs_fused

        tasks.append(_Task(f"pooling, K = {k}, Triton", n, partial(pooled_pairs_fused, *padded), None))
    return tasks


_ROW: PairScore = {
    "audit_date": "2026-01-01", "product_id": "P", "catalogue_image": "catalogue/P/images/1.jpg",
    "catalogue_sha256": "0" * 64, "document": "catalogue/P/documents/report.pdf", "page": 1,
    "bbox": [0.0, 0.0, 100.0, 100.0], "digest": "0" * 64, "score": 0.5, "region_a": 0.5, "region_b": 0.5,
    "mask_a": None, "mask_b": None, "is_match": True, "error": None,
    "model_version": "v", "run_id": "r", "schema_version": 1,
}  # fmt: skip
