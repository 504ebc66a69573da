"""The growth of cost with the number of pairs: `scott score` on 10^2 to 10^5 of them, each run a process of its own.

    python -m jobs.bench.growth.pairs WORKDIR results/growth-NAME.json docs/growth.png

The pairs are those of products of N_CATALOGUE x N_DOCUMENT images, no two alike, written to WORKDIR as JPEG. Seconds
are those of the whole command minus those of a run on no pair, which imports torch and loads the weights. Memory is the
largest resident set of the process.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from jobs.bench.hardware import Hardware, read_hardware
from jobs.bench.product import N_CATALOGUE, N_DOCUMENT, sample_files

SIZES = (100, 1000, 10_000, 100_000)


@dataclass(frozen=True)
class Cost:
    """The cost of one run; the field names are those of results/growth-*.json."""

    pairs: int
    pictures: int  # images
    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Growth:
    """The cost of each of SIZES, and the seconds of a run on no pair, which are not in it."""

    hardware: Hardware
    start_seconds: float
    runs: list[Cost]


def measure_growth(folder: Path) -> Growth:
    """Run `scott score` on each of SIZES, with images in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    start, _ = _run(folder, [])
    rows = []
    for n in SIZES:
        pairs = _products(folder, n)
        seconds, megabytes = _run(folder, pairs)
        images = len({name for pair in pairs for name in pair})
        rows.append(Cost(n, images, seconds - start, megabytes))
        sys.stderr.write(f"{rows[-1]}\n")
    return Growth(read_hardware(), start, rows)


def draw_growth(result: Growth, out: Path) -> None:
    """Draw seconds and memory over pairs as the PNG `out`, with the line of a constant cost for each pair."""
    runs = result.runs
    pairs = [run.pairs for run in runs]
    each = runs[-1].seconds / pairs[-1]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.loglog(pairs, [run.seconds for run in runs], "o-", label="measured")
    left.loglog(pairs, [each * n for n in pairs], "--", color="0.6", label=f"{1000 * each:.2f} ms a pair")
    left.set(xlabel="pairs", ylabel="seconds", title="Cost")
    left.legend()
    right.semilogx(pairs, [run.megabytes for run in runs], "o-")
    right.set(
        xlabel="pairs", ylabel="MB, most held", title="Memory", ylim=(0, 1.2 * max(run.megabytes for run in runs))
    )
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})


def _products(folder: Path, n: int) -> list[tuple[str, str]]:
    """The first n pairs of as many products as they need, with their images in `folder`."""
    size = N_CATALOGUE * N_DOCUMENT
    pairs = []
    for product in tqdm(range(-(-n // size)), desc=f"pictures of {n} pairs", unit="product"):
        names = [f"{product}-{k}.jpg" for k in range(N_CATALOGUE + N_DOCUMENT)]
        for k, name in enumerate(names):
            if not (folder / name).exists():
                _image(product * len(names) + k).save(folder / name, quality=85)
        pairs += [(a, b) for a in names[:N_CATALOGUE] for b in names[N_CATALOGUE:]]
    return pairs[:n]


def _image(number: int) -> Image.Image:
    """An image of the sample, tinted by `number` so that no two are alike."""
    files = sample_files()
    with Image.open(files[number % len(files)]) as image:
        pixels = np.asarray(image.convert("RGB"), np.float32)
    tint = np.random.default_rng(number).uniform(0.6, 1.0, 3)
    return Image.fromarray((pixels * tint).astype(np.uint8))


def _run(folder: Path, pairs: list[tuple[str, str]]) -> tuple[float, float]:
    """Seconds and megabytes of `scott score` on these pairs. Raises RuntimeError where it fails."""
    with (folder / "pairs.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("image_a", "image_b"), *pairs])
    command = [sys.executable, "-c", "import sys; from jobs.cli import main; sys.exit(main())", "score"]
    begin = time.perf_counter()
    process = subprocess.Popen([*command, folder / "pairs.csv", "--out", folder / "scores.parquet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"scott score ended with {status}")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


if __name__ == "__main__":
    measured = measure_growth(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(asdict(measured), indent=1) + "\n", encoding="utf-8")
    draw_growth(measured, Path(sys.argv[3]))
