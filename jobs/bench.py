"""`scott bench`: what a pair costs, stage by stage, against its floor, the literal reference and the peers.

One product of N_CATALOGUE x N_DOCUMENT pictures, half toys of the sample catalogue and half printed cartons: objects as
large as in real photographs (docs/speed.md). Each time is the median of repeated runs after a warm-up, with the device
synchronised; all of them are of one run, so that on a shared machine the ratios hold where the milliseconds do not. The
engine and the literal reference take turns, and the reference is in a process of its own: what the engine does to the
memory and the threads of this one would speed it up or slow it down. A stage's floor is the time that its operations
take at the highest rate measured in the same run, or its bytes at that of a large copy, whichever is longer.
"""

from __future__ import annotations

import functools
import io
import multiprocessing
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL.Image import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count
from tqdm import tqdm

from jobs.cores import cores
from jobs.schemas import SCHEMAS
from jobs.scorers import load_scorer
from scott_core import Predictor, read_image
from scott_core.checkpoints import Checkpoint, load_checkpoint
from scott_core.data.cartons import carton_on_white
from scott_core.encoders import State, take
from scott_core.engine import Engine
from scott_core.images import to_batch
from scott_core.matcher import Matcher, gather_foreground, pooled_pairs
from scott_core.matcher_reference import pooled_pairs_reference
from scott_core.methods import installed_baselines
from scott_core.precision import PRECISIONS, Scores, available, flips
from scott_core.scott_reference import Reference

N_CATALOGUE, N_DOCUMENT = 8, 16
PEERS = ("lightglue", "orb", "embedding")
LITERAL_PAIRS = 16  # of the product's, evenly; the others cost the same
TURNS = 3
SAMPLE = Path(__file__).parent / "sample" / "catalogue"

CPU = torch.device("cpu")
_Timed = tuple[str, int, Callable[[], object], float | None]  # stage, items, run, milliseconds of an item's floor


@dataclass(frozen=True)
class Stage:
    """Of one item: milliseconds, and those of its floor (None where the work has no natural one)."""

    stage: str
    items: int
    ms: float
    floor_ms: float | None


@dataclass(frozen=True)
class Method:
    """The whole product, from decoded pictures to scores."""

    method: str
    pairs_per_second: float
    times_literal: float


@dataclass(frozen=True)
class Check:
    """Scores of pairs by a precision: how they differ from exact ones."""

    precision: str
    pairs: int
    largest_difference: float
    flips: int  # verdicts that differ
    sure_flips: int  # those of them where the exact score is not near the threshold: `scott_core.precision.flips`

    @classmethod
    def of(cls, precision: str, score: Scores, exact: Scores, threshold: float) -> Check:
        flipped, sure = flips(score, exact, threshold)
        return cls(precision, len(score), float(np.abs(score - exact).max()), int(flipped.sum()), int(sure.sum()))


def measure(weights: str = "default") -> dict[str, Any]:
    """hardware, version, precision, peak (operations and bytes a second), stages and methods, as plain values.

    Raises WeightsError. Peers that are not installed are left out, and the log says so.
    """
    predictor = load_scorer("scott", weights)
    checkpoint = load_checkpoint(weights)
    engines = engines_beside(predictor, checkpoint)
    a, b, product = _product()
    peak = _peak(engines, predictor.device)
    return {
        "hardware": hardware(predictor.device),
        "version": predictor.version,
        "image_size": predictor.size,
        "precision": predictor.engine.precision,
        "product": [N_CATALOGUE, N_DOCUMENT],
        "peak": peak,
        "stages": [asdict(stage) for stage in _stages(predictor, b, peak)],
        "methods": [asdict(method) for method in _rates(predictor, engines, weights, a, b, product)],
        "sample": [asdict(check) for check in _checks(engines, *_toys())],
    }


def engines_beside(predictor: Predictor, checkpoint: Checkpoint) -> dict[str, Predictor]:
    """One for each precision that the predictor's device multiplies, the predictor itself among them."""
    own, device = predictor.engine.precision, str(predictor.device)
    return {
        name: predictor if name == own else Predictor(checkpoint, device=device, precision=name)
        for name in available(predictor.device)
    }


def hardware(device: torch.device = CPU) -> dict[str, Any]:
    """What the times were measured on: processor, its family and vectors, cores, accelerator, torch."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    fields = dict(re.findall(r"^(model name|cpu family)\s*:\s*(.+?)\s*$", told, re.MULTILINE))
    model = fields.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in fields:  # for a virtual one's name is often that of its maker
        model += f" family {fields['cpu family']}"
    model += f" {torch.backends.cpu.get_cpu_capability()}"
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"cpu": model, "cores": cores(), "gpu": gpu, "torch": torch.__version__}


def result_name(result: dict[str, Any]) -> str:
    """A file name by hardware and weights."""
    on = result["hardware"]
    machine = on["gpu"] or f"{on['cpu']} {on['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", f"{machine} {result['version'].split('+')[0]}".lower()).strip("-") + ".json"


def _files() -> list[Path]:
    """The sample's catalogue images."""
    return sorted(SAMPLE.glob("*/images/*.jpg"))


def _toys() -> tuple[list[Image], list[Image]]:
    """The same: of each toy the first, and all others."""
    fronts = [file for file in _files() if file.stem == "1"]
    return [read_image(file) for file in fronts], [read_image(file) for file in _files() if file not in fronts]


def _product() -> tuple[list[Image], list[Image], list[tuple[int, int]]]:
    """N_CATALOGUE and N_DOCUMENT pictures, and the indices of their pairs."""
    a, b = (
        toys[: n // 2] + [carton_on_white(seed, side, size=320) for seed in range(n // 2)]
        for side, (toys, n) in enumerate(zip(_toys(), (N_CATALOGUE, N_DOCUMENT), strict=True))
    )
    return a, b, [(i, j) for i in range(len(a)) for j in range(len(b))]


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
        a, b = take(state, places % len(images)), take(state, (places + 1) % len(images))
        f_a, f_b = engine.model.encoder.exchange(a, b)
        each = engine.workers
        regions = [engine.model.foreground(mask) for mask in engine.model.segment(f_a, f_b)]

        def encode() -> State:
            return engine.model.encode_image(pixels[:n_encode], "b")

        def exchange() -> tuple[Tensor, Tensor]:
            return engine.model.encoder.exchange(a, b)

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
        pair_parts: dict[str, Callable[[], object]] = {"exchange": exchange, "segment": segment, "merge": merge}
        state_bytes = sum(part[0].nbytes for part in state)
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
                at_once(lambda: take(state, places % len(images))),
                copied * 2 * state_bytes,
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
        from scott_core.matcher_triton import pooled_pairs_fused

        stages.append(
            (f"pooling, K = {k}, Triton", n, lambda: pooled_pairs_fused(r_a, n_a, r_b, n_b, k, similarity), None)
        )
    return stages


def _rates(
    predictor: Predictor,
    engines: dict[str, Predictor],
    weights: str,
    a: list[Image],
    b: list[Image],
    product: list[tuple[int, int]],
) -> list[Method]:
    """The literal reference, the engine in each precision (the predictor's is the default) and the peers."""
    device = predictor.device
    turns: dict[str, list[float]] = {name: [] for name in ("literal", *engines)}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as elsewhere:
        for _ in tqdm(range(TURNS), desc="engine and reference", unit="turn"):
            seconds = elsewhere.submit(_literal_seconds, weights, str(device), torch.get_num_threads()).result()
            turns["literal"].append(LITERAL_PAIRS / seconds)
            for name, engine in engines.items():

                def cold(engine: Predictor = engine) -> None:
                    engine.engine.forget()
                    engine.score_pairs(a, b, product)

                turns[name].append(len(product) / _median(cold, device, repeats=3))
    literal = statistics.median(turns.pop("literal"))
    found = [Method("literal reference", literal, 1.0)]
    for name, rates in turns.items():
        rate = statistics.median(rates)
        default = " (default)" if name == predictor.engine.precision else ""
        found.append(Method(f"{predictor.version}, {name}{default}", rate, rate / literal))
    for name, peer in tqdm(installed_baselines(PEERS).items(), desc="peers", unit="method"):
        rate = len(product) / _median(partial(peer.score_pairs, a, b, product), device, repeats=1)
        found.append(Method(name, rate, rate / literal))
    return found


@functools.cache
def _reference(weights: str, device: str) -> Reference:
    return Reference(load_checkpoint(weights), device=device)


def _literal_seconds(weights: str, device: str, threads: int) -> float:
    """Of LITERAL_PAIRS pairs by the literal reference; for a process of its own."""
    torch.set_num_threads(threads)
    a, b, product = _product()
    some = product[:: len(product) // LITERAL_PAIRS]
    return _median(partial(_reference(weights, device).score_pairs, a, b, some), torch.device(device), repeats=3)


def _checks(engines: dict[str, Predictor], a: list[Image], b: list[Image]) -> list[Check]:
    """All pairs of these pictures, by each other precision beside float32."""
    pairs = [(i, j) for i in range(len(a)) for j in range(len(b))]
    scores = {name: engine.score_pairs(a, b, pairs).score for name, engine in engines.items()}
    exact = scores.pop("float32")
    return [Check.of(name, score, exact, engines[name].threshold) for name, score in scores.items()]


def _write(rows: list[dict[str, Any]]) -> None:
    """The Parquet of rows of `pair_scores`, in memory."""
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS["pair_scores"]), io.BytesIO(), compression="zstd")


_ROW: dict[str, Any] = {
    "audit_date": "2026-01-01", "product_id": "P", "catalogue_image": "catalogue/P/images/1.jpg",
    "catalogue_sha256": "0" * 64, "document": "catalogue/P/documents/report.pdf", "page": 1,
    "bbox": [0.0, 0.0, 100.0, 100.0], "digest": "0" * 64, "score": 0.5, "region_a": 0.5, "region_b": 0.5,
    "is_match": True, "model_version": "v", "run_id": "r", "schema_version": 1,
}  # fmt: skip


def _peak(precisions: Iterable[str], device: torch.device) -> dict[str, float]:
    """Operations a second of the fastest product or convolution tried, by precision; bytes a second of a large copy."""
    peak = {}
    side = 4096 if device.type == "cuda" else 2048
    for name in precisions:
        dtype = PRECISIONS[name]
        square = torch.randn(side, side, device=device, dtype=dtype)
        picture = torch.randn(16, 128, 32, 32, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        layer = nn.Conv2d(128, 128, 3, padding=1).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.inference_mode():
            rates = [
                operations(run) / _median(run, device)
                for run in (partial(torch.mm, square, square), partial(layer, picture))
            ]
        peak[name] = max(rates)
    source = torch.empty(1 << 28, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    return {**peak, "bytes": 2 * source.nbytes / _median(lambda: target.copy_(source), device)}


def operations(run: Callable[[], object]) -> int:
    """Floating-point operations of `run`: of its convolutions, matrix products and attention."""
    with FlopCounterMode(display=False, custom_mapping=_PACKED) as counter:
        run()
    return int(counter.get_total_flops())


def _packed_operations(x: list[int], weight: list[int], *_: Any, out_shape: list[int], **__: Any) -> int:
    """Of scott_core.packed's convolutions, which the counter does not know."""
    return conv_flop_count(x, weight, out_shape)


_PACKED = {torch.ops.mkldnn._convolution_pointwise: _packed_operations}


def _timed(stage: str, items: int, run: Callable[[], object], floor_ms: float | None, device: torch.device) -> Stage:
    return Stage(stage, items, 1000 * _median(run, device) / items, floor_ms)


def _median(run: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """Seconds of `run`, after a warm-up."""

    def timed() -> float:
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    timed()
    return statistics.median(timed() for _ in range(repeats))
