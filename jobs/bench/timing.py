"""Time of a function, with the device synchronised."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

CPU = torch.device("cpu")


def median_seconds(run: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """The median seconds of `repeats` runs, after a warm-up run; each waits until `device` has finished."""

    def timed() -> float:
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    timed()
    return statistics.median(timed() for _ in range(repeats))
