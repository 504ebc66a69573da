"""TODO."""

from __future__ import annotations

import functools
import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from PIL.Image import Image
from tqdm import tqdm

from jobs.bench.product import _product
from jobs.bench.timing import _median
from scott_core import Predictor
from scott_core.checkpoint import load_checkpoint
from scott_core.reference import Reference
from scott_core.scorers import installed_baselines

BASELINES = ("lightglue", "orb", "embedding")
LITERAL_PAIRS = 16  # of the product's, evenly; the others cost the same
TURNS = 3


@dataclass(frozen=True)
class Method:
    """The whole product, from decoded pictures to scores."""

    method: str
    pairs_per_second: float
    times_literal: float


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
    for name, peer in tqdm(installed_baselines(BASELINES).items(), desc="peers", unit="method"):
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
