"""Pairs a second of a whole product: the engine in each precision, the literal reference and the baselines."""

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

from jobs.bench.product import make_product
from jobs.bench.timing import median_seconds
from scott_core import Predictor
from scott_core.checkpoint import load_checkpoint
from scott_core.reference import Reference
from scott_core.scorers import installed_baselines

BASELINES = ("lightglue", "orb", "embedding")
LITERAL_PAIRS = 16  # pairs that the reference scores, evenly spread over the product; all cost it the same
TURNS = 3  # of the reference and the engine


@dataclass(frozen=True)
class Throughput:
    """The rate of one method, from decoded images to scores, and its ratio to the literal reference's.

    The field names are those of `scott bench --json`.
    """

    method: str
    pairs_per_second: float
    times_literal: float


def measure_throughput(
    predictor: Predictor,
    engines: dict[str, Predictor],
    weights: str,
    a: list[Image],
    b: list[Image],
    product: list[tuple[int, int]],
) -> list[Throughput]:
    """The rates of the literal reference, of the engine in each precision, and of the installed baselines.

    `predictor` is the engine in its default precision. The engine starts each run with an empty feature cache.
    """
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

                turns[name].append(len(product) / median_seconds(cold, device, repeats=3))
    literal = statistics.median(turns.pop("literal"))
    found = [Throughput("literal reference", literal, 1.0)]
    for name, rates in turns.items():
        rate = statistics.median(rates)
        default = " (default)" if name == predictor.engine.precision else ""
        found.append(Throughput(f"{predictor.version}, {name}{default}", rate, rate / literal))
    for name, baseline in tqdm(installed_baselines(BASELINES).items(), desc="baselines", unit="method"):
        rate = len(product) / median_seconds(partial(baseline.score_pairs, a, b, product), device, repeats=1)
        found.append(Throughput(name, rate, rate / literal))
    return found


@functools.cache
def _reference(weights: str, device: str) -> Reference:
    return Reference(load_checkpoint(weights), device=device)


def _literal_seconds(weights: str, device: str, threads: int) -> float:
    """Seconds of the literal reference for LITERAL_PAIRS pairs; it runs in a process of its own."""
    torch.set_num_threads(threads)
    a, b, product = make_product()
    some = product[:: len(product) // LITERAL_PAIRS]
    return median_seconds(partial(_reference(weights, device).score_pairs, a, b, some), torch.device(device), repeats=3)
