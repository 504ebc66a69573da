"""`scott bench`: what a pair costs, stage by stage, against its floor, the literal reference and the peers.

One product of N_CATALOGUE x N_DOCUMENT pictures of the sample catalogue, so nothing else is needed. Each time is the
median of repeated runs after a warm-up, with the device synchronised; all of them are of one run, so that on a shared
machine the ratios hold where the milliseconds do not. A stage's floor is the time that its operations take at the
highest rate measured in the same run, or its bytes at that of a large copy, whichever is longer.
"""

from __future__ import annotations

import io
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL.Image import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from jobs.cores import cores
from jobs.schemas import SCHEMAS
from scott_core import Predictor, read_image
from scott_core.checkpoints import load_checkpoint
from scott_core.encoders import State, take
from scott_core.engine import Engine, Prepared
from scott_core.images import to_batch
from scott_core.matcher import Matcher, gather_foreground, pooled_pairs
from scott_core.matcher_reference import pooled_pairs_reference
from scott_core.methods import installed_baselines
from scott_core.precision import PRECISIONS
from scott_core.scott_reference import Reference

N_CATALOGUE, N_DOCUMENT = 8, 16
PEERS = ("lightglue", "orb", "embedding")
LITERAL_PAIRS = 16  # of the product's, evenly; the others cost the same
SAMPLE = Path(__file__).parent / "sample" / "catalogue"


@dataclass(frozen=True)
class Stage:
    """Of one item: milliseconds, and those of its floor (None where the work has no natural one)."""

    stage: str
    items: int
    ms: float
    floor_ms: float | None


@dataclass(frozen=True)
class Method:
    """The whole product from decoded pictures to scores; how the scores of all sample pairs differ from float32's."""

    method: str
    pairs_per_second: float
    times_literal: float
    largest_difference: float | None = None
    flips: int | None = None


def measure(weights: str = "default", *, peers: Sequence[str] = PEERS) -> dict[str, Any]:
    """hardware, version, precision, peak (operations and bytes a second), stages and methods, as plain values.

    Raises WeightsError. Peers that are not installed are left out, and the log says so.
    """
    torch.set_num_threads(cores())
    checkpoint = load_checkpoint(weights)
    predictor = Predictor(checkpoint)
    files = sorted(SAMPLE.glob("*/images/*.jpg"))
    fronts = [file for file in files if file.stem == "1"]
    images_a = [read_image(file) for file in fronts]
    images_b = [read_image(file) for file in files if file not in fronts]
    peak = _peak(predictor.device)
    return {
        "hardware": hardware(predictor.device),
        "version": predictor.version,
        "image_size": predictor.size,
        "precision": predictor.engine.precision.name,
        "product": [N_CATALOGUE, N_DOCUMENT],
        "peak": peak,
        "stages": [asdict(stage) for stage in _stages(predictor, files, images_b[:N_DOCUMENT], peak)],
        "methods": [asdict(method) for method in _methods(predictor, Reference(checkpoint), images_a, images_b, peers)],
    }


def hardware(device: torch.device) -> dict[str, Any]:
    """What the times were measured on: processor, cores, accelerator, torch."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        model = found[1].strip() if found else model
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"cpu": model, "cores": cores(), "gpu": gpu, "torch": torch.__version__}


def result_name(result: dict[str, Any]) -> str:
    """A file name by hardware and weights."""
    on = result["hardware"]
    machine = on["gpu"] or f"{on['cpu']} {on['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", f"{machine} {result['version'].split('+')[0]}".lower()).strip("-") + ".json"


def _stages(predictor: Predictor, files: list[Path], images: list[Image], peak: dict[str, float]) -> list[Stage]:
    """From the file to the row, for one picture or one pair each."""
    engine, device = predictor.engine, predictor.device
    data = [file.read_bytes() for file in files]
    prepared = [predictor.prepare(image) for image in images]
    n_encode, n_pair = engine.batches.encode, engine.batches.pair
    pixels = _on(device, prepared, n_encode)
    with torch.inference_mode():
        state = _state(engine, prepared)
        places = torch.arange(n_pair, device=device)
        a, b = take(state, places % len(prepared)), take(state, (places + 1) % len(prepared))
        f_a, f_b = engine.pairing.encoder.exchange(a, b)
        segment = _segment(engine, f_a, f_b)
        regions = [engine.pairing.foreground(mask) for mask in segment()]
        encode_type, pair_type = (str(t).removeprefix("torch.") for t in (engine.precision.encode, engine.precision.pair))
        rows = [_row() for _ in range(N_CATALOGUE * N_DOCUMENT)]

        def encode() -> State:
            return engine.encoding.encode_image(pixels, "b")

        def exchange() -> tuple[Tensor, Tensor]:
            return engine.pairing.encoder.exchange(a, b)

        def merge() -> Tensor:
            logits: Tensor = engine.pairing.merge(f_a, regions[0], f_b, regions[1])
            return logits

        def floor(run: Callable[[], object], kind: str, items: int) -> float:
            return 1000 * operations(run) / peak[kind] / items

        copied = 1000 / peak["bytes"]
        state_bytes = sum(part[0].nbytes for part in state)
        timed: list[tuple[str, int, Callable[[], object], float | None]] = [
            ("read", len(files), lambda: [file.read_bytes() for file in files], copied * sum(map(len, data)) / len(data)),
            ("decode", len(data), lambda: [read_image(each) for each in data], copied * 3 * 400 * 400),
            ("letterbox", len(images), lambda: [predictor.prepare(i) for i in images], copied * prepared[0].pixels.nbytes),
            ("encode", n_encode, encode, floor(encode, encode_type, n_encode)),
            ("gather states", n_pair, lambda: take(state, places % len(prepared)), copied * 2 * state_bytes),
            ("exchange", n_pair, exchange, floor(exchange, pair_type, n_pair)),
            ("segment", n_pair, segment, floor(segment, pair_type, n_pair)),
            ("merge", n_pair, merge, floor(merge, pair_type, n_pair)),
            ("pair", n_pair, lambda: engine.pairing.score_pairs(a, b), None),
            ("write", len(rows), lambda: _write(rows), None),
        ]
        whole = timed[8]
        timed[8] = (*whole[:3], sum(stage[3] or 0 for stage in timed[5:8]))
        timed += _pooling(engine, f_a, regions[0], f_b, regions[1])
        return [_timed(*stage, device) for stage in tqdm(timed, desc="stages", unit="stage")]


def _pooling(engine: Engine, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> list[Any]:
    """The matcher's pooling: fast, literal and, on a GPU, by the Triton kernel."""
    matcher = next((each for each in engine.pairing.merge.modules() if isinstance(each, Matcher)), None)
    if matcher is None:
        return []
    n = min(4, len(f_a))
    (r_a, n_a), (r_b, n_b) = gather_foreground(f_a[:n], region_a[:n]), gather_foreground(f_b[:n], region_b[:n])
    k, similarity = matcher.k, matcher.similarity

    def literal() -> None:
        for i in range(n):
            pooled_pairs_reference(r_a[i, : n_a[i]], r_b[i, : n_b[i]], k, similarity)

    stages: list[Any] = [
        (f"pooling, K = {k}", n, lambda: pooled_pairs(r_a, n_a, r_b, n_b, k, similarity), None),
        (f"pooling, K = {k}, literal", n, literal, None),
    ]
    if engine.device.type == "cuda":
        from scott_core.matcher_triton import pooled_pairs_fused

        stages.append((f"pooling, K = {k}, Triton", n, lambda: pooled_pairs_fused(r_a, n_a, r_b, n_b, k, similarity), None))
    return stages


def _methods(
    checkpoint: Checkpoint, default: str, images_a: list[Image], images_b: list[Image], peers: Sequence[str]
) -> list[Method]:
    """The literal reference, the engine in each precision, of which `default` names one, and the peers."""
    device = default_device()
    a, b = images_a[:N_CATALOGUE], images_b[:N_DOCUMENT]
    product = [(i, j) for i in range(N_CATALOGUE) for j in range(N_DOCUMENT)]
    sample = [(i, j) for i in range(len(images_a)) for j in range(len(images_b))]
    some = product[:: len(product) // LITERAL_PAIRS]
    reference = Reference(checkpoint, device=str(predictor.device))
    literal = len(some) / _median(lambda: reference.score_pairs(a, b, some), device, repeats=1)
    found = [Method("literal reference", literal, 1.0)]
    engines = {name: Predictor(checkpoint, precision=name) for name in PRECISIONS}
    exact = engines["float32"].score_pairs(images_a, images_b, sample).score
    for name, engine in tqdm(engines.items(), desc="precisions", unit="engine"):

        def cold(engine: Predictor = engine) -> None:
            engine.engine.forget()
            engine.score_pairs(a, b, product)

        rate = len(product) / _median(cold, device)
        score = engine.score_pairs(images_a, images_b, sample).score
        flips = int(((score >= engine.threshold) != (exact >= engine.threshold)).sum())
        said = f"{predictor.version}, {name}{' (default)' * (name == predictor.engine.precision.name)}"
        found.append(Method(said, rate, rate / literal, float(np.abs(score - exact).max()), flips))
    for name, peer in tqdm(installed_baselines(peers).items(), desc="peers", unit="method"):
        rate = len(product) / _median(lambda p=peer: p.score_pairs(a, b, product), device, repeats=1)  # type: ignore[misc]
        found.append(Method(name, rate, rate / literal))
    return found


def _peak(device: torch.device) -> dict[str, float]:
    """Operations a second of the fastest product or convolution tried, by type; bytes a second of a large copy."""
    peak = {}
    side = 4096 if device.type == "cuda" else 2048
    for dtype in (torch.float32, torch.bfloat16):
        square = torch.randn(side, side, device=device, dtype=dtype)
        picture = torch.randn(16, 128, 32, 32, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        layer = nn.Conv2d(128, 128, 3, padding=1).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.inference_mode():
            rates = [operations(run) / _median(run, device) for run in (lambda: square @ square, lambda: layer(picture))]
        peak[str(dtype).removeprefix("torch.")] = max(rates)
    source = torch.empty(1 << 28, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    return {**peak, "bytes": 2 * source.nbytes / _median(lambda: target.copy_(source), device)}


def operations(run: Callable[[], object]) -> int:
    """Floating-point operations of `run`: of its convolutions, matrix products and attention."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


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
