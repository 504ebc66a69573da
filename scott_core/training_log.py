"""What a training run says while it runs: a line a second, to its log and to stderr.

The log is JSON, a line each: `pandas.read_json("runs/NAME/log.jsonl", lines=True)` has the curves. A line of steps has

    step, seconds       of training so far in this process
    steps_per_second, images_per_second
    drawing             share of the time in which batches were queued (on a CPU: made)
    busy                share of the last second in which the GPU computed; null on a CPU, and where NVML is missing
    objective, match, mask_a, mask_b, contrast      losses of the last step

and a line of validation step, roc_auc, f1 and the other measures of `scott_core.metrics.evaluate_scores`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import torch
from torch import Tensor

EVERY = 1.0  # seconds


class TrainingLog:
    """Appends to `path` (None: stderr alone). Reading the losses waits for the device: once in EVERY, no more."""

    def __init__(self, path: Path | None, device: torch.device, *, is_on: bool = True):
        self.device = device
        self.is_on = is_on
        self._file: IO[str] | None = path.open("a", encoding="utf-8") if path and is_on else None
        self._seconds = 0.0
        self._last = time.monotonic()
        self._since = {"steps": 0, "images": 0, "drawing": 0.0, "seconds": 0.0}

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def step(self, step: int, images: int, losses: Mapping[str, Tensor], drawing: float, seconds: float) -> None:
        """After each step: images shown, and the seconds that it took, of which `drawing` for its batch."""
        for name, value in (("steps", 1), ("images", images), ("drawing", drawing), ("seconds", seconds)):
            self._since[name] += value
        self._seconds += seconds
        now = time.monotonic()
        if not self.is_on or now - self._last < EVERY:
            return
        since = self._since
        self._say(
            {
                "step": step,
                "seconds": round(self._seconds, 1),
                "steps_per_second": round(since["steps"] / since["seconds"], 3),
                "images_per_second": round(since["images"] / since["seconds"], 1),
                "drawing": round(since["drawing"] / since["seconds"], 3),
                "busy": _busy(self.device),
                **{name: round(value.item(), 4) for name, value in losses.items()},
            }
        )
        self._last = now
        self._since = dict.fromkeys(since, 0)

    def validated(self, step: int, measures: Mapping[str, float]) -> None:
        """After each validation."""
        if self.is_on:
            self._say({"step": step, **{name: round(value, 4) for name, value in measures.items()}})

    def _say(self, line: dict[str, Any]) -> None:
        if self._file:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        sys.stderr.write("  ".join(f"{name} {value}" for name, value in line.items()) + "\n")


def _busy(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    try:
        return torch.cuda.utilization(device) / 100
    except (ModuleNotFoundError, RuntimeError):  # NVML's Python package, or its library
        return None
