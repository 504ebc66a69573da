"""`scott bench`: the cost of a pair, stage by stage, against the roofline, the literal reference and the baselines.

The bench scores one product of N_CATALOGUE x N_DOCUMENT images (`jobs.bench.product`). Each time is the median of
repeated runs after a warm-up, with the device synchronised. All times are of one run, so that on a shared machine the
ratios hold even where the milliseconds do not. The engine and the literal reference take turns, and the reference runs
in a process of its own, because memory and threads that the engine has set up would change its speed.
"""

from __future__ import annotations

from jobs.bench.hardware import read_hardware
from jobs.bench.precision import check_precisions, engines_beside
from jobs.bench.product import N_CATALOGUE, N_DOCUMENT, make_product, sample_toys
from jobs.bench.result import BenchResult
from jobs.bench.roofline import peak_rates
from jobs.bench.stages import measure_stages
from jobs.bench.throughput import measure_throughput
from jobs.scoring.scorers import load_predictor
from scott_core.checkpoint import load_checkpoint


def measure(weights: str = "default") -> BenchResult:
    """One run of the bench.

    Raises WeightsError. Baselines that are not installed are left out, and the log says so.
    """
    predictor = load_predictor(weights)
    checkpoint = load_checkpoint(weights)
    engines = engines_beside(predictor, checkpoint)
    a, b, product = make_product()
    peak = peak_rates(engines, predictor.device)
    return BenchResult(
        hardware=read_hardware(predictor.device),
        version=predictor.version,
        image_size=predictor.size,
        precision=predictor.engine.precision,
        product=(N_CATALOGUE, N_DOCUMENT),
        peak=peak,
        stages=measure_stages(predictor, b, peak),
        methods=measure_throughput(predictor, engines, weights, a, b, product),
        sample=check_precisions(engines, *sample_toys()),
    )
