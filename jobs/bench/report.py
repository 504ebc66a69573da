"""The runs of `scott bench` in results/, as the Markdown tables of docs/speed.md.

python -m jobs.bench.report results/*-scott-*.json
"""

from __future__ import annotations

import sys
from pathlib import Path

from jobs.bench.result import BenchResult
from jobs.bench.stages import Stage
from jobs.bench.throughput import Throughput


def tables(result: BenchResult) -> str:
    """Two tables of one run: the throughput of each method, and the stages beside their rooflines (`floor`)."""
    on = result.hardware
    machine = on.gpu or f"{on.cores} cores of {on.cpu}"
    n, m = result.product
    lines = [
        f"{result.version} at {result.image_size} px, one product of {n} x {m} pictures, on {machine}, "
        f"torch {on.torch}.",
        "",
        "| method | pairs/s | times the literal |",
        "|---|---|---|",
        *(_method(method) for method in result.methods),
        "",
        *(
            f"{check.precision} against float32 on {check.pairs} pairs of the sample: largest difference "
            f"of a score {check.largest_difference:.1g}; {check.flips} verdicts differ, "
            f"{check.sure_flips} of them where float32 is sure.\n"
            for check in result.sample
        ),
        f"Highest rates measured: {', '.join(_rate(name, rate) for name, rate in result.peak.items())}. "
        f"Stages: of one picture or pair, {result.precision}.",
        "",
        "| stage | ms | floor, ms | floor / measured |",
        "|---|---|---|---|",
        *(_stage(stage) for stage in result.stages),
    ]
    return "\n".join(lines)


def _rate(name: str, rate: float) -> str:
    return f"{rate / 1e9:.0f} " + ("GB/s copied" if name == "bytes" else f"GFLOP/s in {name}")


def _method(row: Throughput) -> str:
    return f"| {row.method} | {row.pairs_per_second:.3g} | {row.times_literal:.1f} |"


def _stage(row: Stage) -> str:
    shown = "- | -" if row.floor_ms is None else f"{row.floor_ms:.3g} | {row.floor_ms / row.ms:.0%}"
    return f"| {row.stage} | {row.ms:.3g} | {shown} |"


if __name__ == "__main__":
    runs = (BenchResult.from_json(Path(file).read_text(encoding="utf-8")) for file in sys.argv[1:])
    sys.stdout.write("\n\n".join(tables(run) for run in runs) + "\n")
