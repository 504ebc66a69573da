"""How fast a configuration trains, and what limits it: its batches alone, its steps alone, both together.

    python -m scott_core.training_bench CONFIG.yaml --pack FILE [--steps 10] [key=value ...]

Prints one JSON object: seconds to decode the pack, steps a second of each, images a second together, and `share`: both
together by the slower of the two alone. On a GPU batches and steps are queued one after the other, and nothing waits.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from scott_core.training import Trainer
from scott_core.training_config import read_config

WARM_UP = 2


def measure(config_path: Path, overrides: list[str], pack: Path, steps: int) -> dict[str, float | str]:
    """Times each part over `steps` steps of step 2, and keeps nothing. Raises as `scott_core.training.train` does."""
    with tempfile.TemporaryDirectory(prefix="scott-bench-") as folder:
        started = time.monotonic()
        trainer = Trainer(read_config(config_path, [*overrides, f"runs={folder}"]), pack)
        ready = time.monotonic() - started
    trainer.step = trainer.config.steps_segmentation  # all pairs and all losses, as most of a run is
    same = trainer.batches[0]

    def draw(number: int) -> None:
        _ = trainer.batches[number]

    def both(number: int) -> None:
        trainer.advance(trainer.batches[number])

    drawing = _steps_per_second(draw, steps, trainer.device)
    advancing = _steps_per_second(lambda _: trainer.advance(same), steps, trainer.device)
    together = _steps_per_second(both, steps, trainer.device)
    return {
        "device": torch.cuda.get_device_name() if trainer.device.type == "cuda" else "cpu",
        "seconds_to_start": round(ready, 1),
        "batches_per_second": round(drawing, 3),
        "steps_per_second_on_one_batch": round(advancing, 3),
        "steps_per_second": round(together, 3),
        "images_per_second": round(together * len(same.group) * 2, 1),
        "share": round(together / min(drawing, advancing), 3),
    }


def _steps_per_second(work: Callable[[int], object], steps: int, device: torch.device) -> float:
    for number in range(WARM_UP):
        work(number)
    _wait(device)
    started = time.monotonic()
    for number in range(steps):
        work(WARM_UP + number)
    _wait(device)
    return steps / (time.monotonic() - started)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m scott_core.training_bench", description=main.__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG.yaml")
    parser.add_argument("--pack", type=Path, required=True, metavar="FILE")
    parser.add_argument("--steps", type=int, default=10)
    options, overrides = parser.parse_known_args(argv)
    json.dump(measure(options.config, overrides, options.pack, options.steps), sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
