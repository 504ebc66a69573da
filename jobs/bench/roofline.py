"""TODO."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from jobs.bench.timing import _median
from scott_core.inference.precision import PRECISIONS


def _peak(precisions: Iterable[str], device: torch.device) -> dict[str, float]:
    """Operations a second of the fastest product or convolution tried, by precision; bytes a second of a large copy."""
    peak = {}
    side = 4096 if device.type == "cuda" else 2048
    for name in precisions:
        dtype = PRECISIONS[name]
        square = torch.randn(side, side, device=device, dtype=dtype)
        picture = torch.randn(16, 128, 32, 32, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        layer = nn.Conv2d(128, 128, 3, padding=1).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.inference_mode():
            rates = [
                operations(run) / _median(run, device)
                for run in (partial(torch.mm, square, square), partial(layer, picture))
            ]
        peak[name] = max(rates)
    source = torch.empty(1 << 28, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    return {**peak, "bytes": 2 * source.nbytes / _median(lambda: target.copy_(source), device)}


def operations(run: Callable[[], object]) -> int:
    """Floating-point operations of `run`: of its convolutions, matrix products and attention."""
    with FlopCounterMode(display=False, custom_mapping=_PACKED) as counter:
        run()
    return int(counter.get_total_flops())


def _packed_operations(x: list[int], weight: list[int], *_: Any, out_shape: list[int], **__: Any) -> int:
    """Of scott_core.inference.packed's convolutions, which the counter does not know."""
    return conv_flop_count(x, weight, out_shape)


_PACKED = {torch.ops.mkldnn._convolution_pointwise: _packed_operations}
