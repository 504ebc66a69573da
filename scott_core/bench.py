"""Where the time of scoring goes: stage by stage over one product of N x M pictures, in one run.

`scott bench` prints what `measure` returns. Times are medians of repeated runs after a warm-up; on a shared machine
read the ratios, not the milliseconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from tqdm import tqdm

from scott_core.data.cartons import carton_on_white
from scott_core.images import Letterbox, to_batch
from scott_core.matcher import gather_foreground, pooled_pairs
from scott_core.matcher_reference import pooled_pairs_reference
from scott_core.methods import load_scorer
from scott_core.predictor import Predictor
from scott_core.similarity import cosine

N_CATALOGUE, N_DOCUMENT, REPEATS = 8, 16, 3


def measure(weights: str = "default") -> list[dict[str, Any]]:
    """One row for each stage: stage, items, ms (of one item), per_second."""
    predictor = Predictor.load(weights)
    model, size, d = predictor.model, predictor.size, predictor.model.encoder.d
    images_a = [carton_on_white(seed, 0, size=320) for seed in range(N_CATALOGUE)]
    images_b = [carton_on_white(seed, 1, size=320) for seed in range(N_DOCUMENT)]
    pairs = [(i, j) for i in range(N_CATALOGUE) for j in range(N_DOCUMENT)]
    pixels = to_batch([Letterbox.of(image, size).apply(image) for image in images_b]).to(predictor.device)
    cells = size // model.encoder.stride
    with torch.inference_mode():
        states = model.encode_image(pixels, "b")
        f_a, f_b = model.encoder.exchange(states, states)
        region = torch.rand(len(images_b), cells, cells, device=predictor.device) > 0.6
        r, counts = gather_foreground(f_a, region)
        k = 8

        def literal() -> None:
            for n, count in enumerate(counts):
                pooled_pairs_reference(r[n, :count], r[n, :count], k, cosine)

        stages: list[tuple[str, int, Callable[[], object]]] = [
            ("letterbox", N_DOCUMENT, lambda: [Letterbox.of(i, size).apply(i) for i in images_b]),
            ("encode", N_DOCUMENT, lambda: model.encode_image(pixels, "b")),
            ("exchange", N_DOCUMENT, lambda: model.encoder.exchange(states, states)),
            ("segment", N_DOCUMENT, lambda: (model.sigma_a(f_a, f_b), model.sigma_b(f_b, f_a))),
            ("merge", N_DOCUMENT, lambda: model.merge(f_a, region, f_b, region)),
            (f"pool pairs, K = {k}, d = {d}", N_DOCUMENT, lambda: pooled_pairs(r, counts, r, counts, k, cosine)),
            (f"pool pairs, literal, K = {k}, d = {d}", N_DOCUMENT, literal),
            (f"{predictor.version}: all pairs", len(pairs), lambda: predictor.score_pairs(images_a, images_b, pairs)),
        ]
        for method in ("orb", "embedding"):
            scorer = load_scorer(method)
            stages.append(
                (f"{scorer.version}: all pairs", len(pairs), lambda s=scorer: s.score_pairs(images_a, images_b, pairs))  # type: ignore[misc]
            )
        return [_row(name, items, _median_seconds(run)) for name, items, run in tqdm(stages, unit="stage")]


def _row(name: str, items: int, seconds: float) -> dict[str, Any]:
    return {"stage": name, "items": items, "ms": 1000 * seconds / items, "per_second": items / seconds}


def _median_seconds(run: Callable[[], object]) -> float:
    def timed() -> float:
        _synchronise()
        start = time.perf_counter()
        run()
        _synchronise()
        return time.perf_counter() - start

    timed()
    return statistics.median(timed() for _ in range(REPEATS))


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
