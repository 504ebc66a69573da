"""The speed of a training configuration, and what limits it: batches alone, steps alone, and both together.

    scott train CONFIG.yaml --pack FILE --time-steps 10 [key=value ...]

On a GPU each step is waited for, which training does not do, so that a run is a little faster than this says.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypedDict, TypeVar

import torch

from scott_core.training.config import read_config
from scott_core.training.trainer import Trainer

T = TypeVar("T")
WARM_UP = 2  # untimed steps, in which kernels are chosen and memory is allocated


class Timing(TypedDict):
    """The speed of training; its keys are what `scott train --time-steps` prints."""

    device: str
    seconds_to_start: float  # with the pack decoded
    batches_per_second: float  # batches alone
    steps_per_second_on_drawn_batches: float  # steps alone
    steps_per_second: float  # both together, as are the images
    images_per_second: float
    share: float  # time of the slower part alone by the time of both together


def time_steps(config_path: Path, overrides: list[str], steps: int, *, pack: Path | None = None) -> Timing:
    """Times each part over `steps` steps of all pairs with all losses; keeps nothing, and raises as `train` does."""
    with tempfile.TemporaryDirectory(prefix="scott-bench-") as folder:
        started = time.monotonic()
        trainer = Trainer(read_config(config_path, [*overrides, f"runs={folder}"]), pack)
        ready = time.monotonic() - started
    trainer.step = trainer.config.steps_segmentation  # step 2 of section 4.3, as most steps of a run are
    for number in range(WARM_UP):
        trainer.advance(trainer.batches[number])
    seconds = {"drawing": 0.0, "advancing": 0.0, "together": 0.0}
    for number in range(WARM_UP, WARM_UP + steps):  # in turns, since the machine's other load changes
        draw = partial(trainer.batches.__getitem__, number)
        batch, took = _timed(draw, trainer.device)
        seconds["drawing"] += took
        seconds["advancing"] += _timed(partial(trainer.advance, batch), trainer.device)[1]
        seconds["together"] += _timed(partial(_draw_and_advance, trainer, number), trainer.device)[1]
    slower = max(seconds["drawing"], seconds["advancing"])
    return {
        "device": torch.cuda.get_device_name() if trainer.device.type == "cuda" else "cpu",
        "seconds_to_start": round(ready, 1),
        "batches_per_second": round(steps / seconds["drawing"], 3),
        "steps_per_second_on_drawn_batches": round(steps / seconds["advancing"], 3),
        "steps_per_second": round(steps / seconds["together"], 3),
        "images_per_second": round(steps * len(batch.group) * 2 / seconds["together"], 1),
        "share": round(slower / seconds["together"], 3),
    }


def _draw_and_advance(trainer: Trainer, number: int) -> None:
    trainer.advance(trainer.batches[number])


def _timed(work: Callable[[], T], device: torch.device) -> tuple[T, float]:
    """The result of `work`, and the seconds until the device has finished it."""
    _wait(device)
    started = time.monotonic()
    found = work()
    _wait(device)
    return found, time.monotonic() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
