"""`scott bench`: what a pair costs, stage by stage, against its floor, the literal reference and the peers.

One product of N_CATALOGUE x N_DOCUMENT pictures, half toys of the sample catalogue and half printed cartons: objects as
large as in real photographs (docs/speed.md). Each time is the median of repeated runs after a warm-up, with the device
synchronised; all of them are of one run, so that on a shared machine the ratios hold where the milliseconds do not. The
engine and the literal reference take turns, and the reference is in a process of its own: what the engine does to the
memory and the threads of this one would speed it up or slow it down. A stage's floor is the time that its operations
take at the highest rate measured in the same run, or its bytes at that of a large copy, whichever is longer.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from jobs.bench.hardware import hardware
from jobs.bench.precision import _checks, engines_beside
from jobs.bench.product import N_CATALOGUE, N_DOCUMENT, _product, _toys
from jobs.bench.roofline import _peak
from jobs.bench.stages import _stages
from jobs.bench.throughput import _rates
from jobs.scoring.scorers import load_predictor
from scott_core.checkpoint import load_checkpoint


def measure(weights: str = "default") -> dict[str, Any]:
    """hardware, version, precision, peak (operations and bytes a second), stages and methods, as plain values.

    Raises WeightsError. Peers that are not installed are left out, and the log says so.
    """
    predictor = load_predictor(weights)
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


def result_name(result: dict[str, Any]) -> str:
    """A file name by hardware and weights."""
    on = result["hardware"]
    machine = on["gpu"] or f"{on['cpu']} {on['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", f"{machine} {result['version'].split('+')[0]}".lower()).strip("-") + ".json"
