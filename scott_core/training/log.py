"""The log of a training run: a line a second, to its file and to stderr.

Each line is a JSON object: `pandas.read_json("runs/NAME/log.jsonl", lines=True)` has the curves. A line of steps has

    step                steps done
    seconds             of training in this process
    steps_per_second, images_per_second
    drawing             share of the time in which batches were queued (on a CPU: made)
    busy                share of the last second in which the GPU computed; null on a CPU, and where NVML is missing
    objective, match, mask_a, mask_b, contrast      losses of the last step

A line of validation has step, roc_auc, f1 and the other measures of `scott_core.evaluation.metrics.evaluate_scores`,
and held_out_roc_auc where the pack has objects of split val (`scott_core.training.held_out`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import torch
from torch import Tensor

EVERY = 1.0  # seconds between lines


@dataclass
class _Since:
    """The counts since the last line."""

    steps: int = 0
    images: int = 0
    drawing: float = 0.0  # seconds in which batches were queued
    started: float = field(default_factory=time.monotonic)  # seconds of the monotonic clock


class TrainingLog:
    """Appends lines to `path`, or writes to stderr alone where it is None; `is_on` false writes nothing.

    Reading the losses waits for the device, so they are read for a line only, once in EVERY seconds.
    """

    def __init__(self, path: Path | None, device: torch.device, *, is_on: bool = True):
        self.device = device
        self.is_on = is_on
        self._file: IO[str] | None = path.open("a", encoding="utf-8") if path and is_on else None
        self._has_nvml = device.type == "cuda" and _has_nvml(device)
        self._seconds = 0.0
        self._since = _Since()

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def step(self, step: int, images: int, losses: Mapping[str, Tensor], drawing: float) -> None:
        """Is called when a step is queued: `images` is how many it showed, `drawing` the seconds to queue its batch."""
        since = self._since
        since.steps, since.images, since.drawing = since.steps + 1, since.images + images, since.drawing + drawing
        if not self.is_on or time.monotonic() - since.started < EVERY:
            return
        values = {name: round(value.item(), 4) for name, value in losses.items()}  # waits for the device
        seconds = time.monotonic() - since.started
        self._seconds += seconds
        self._say(
            {
                "step": step,
                "seconds": round(self._seconds, 1),
                "steps_per_second": round(since.steps / seconds, 3),
                "images_per_second": round(since.images / seconds, 1),
                "drawing": round(since.drawing / seconds, 3),
                "busy": self._busy(),
                **values,
            }
        )
        self._since = _Since()

    def validated(self, step: int, measures: Mapping[str, float | None]) -> None:
        """Is called after each validation; measures that are None are left out."""
        if self.is_on:
            known = {name: round(value, 4) for name, value in measures.items() if value is not None}
            self._say({"step": step, **known})
        self._since = _Since()  # validation is not training time

    def _say(self, line: dict[str, Any]) -> None:
        if self._file:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        sys.stderr.write("  ".join(f"{name} {value}" for name, value in line.items()) + "\n")

    def _busy(self) -> float | None:
        return torch.cuda.utilization(self.device) / 100 if self._has_nvml else None


def _has_nvml(device: torch.device) -> bool:
    """Whether the GPU's utilisation can be read: NVML's Python package and its library are there."""
    try:
        import pynvml
    except ModuleNotFoundError:
        return False
    try:
        torch.cuda.utilization(device)
    except (RuntimeError, pynvml.NVMLError):
        return False
    return True
