"""The roofline of this machine (Williams et al. 2009): its highest rates, and the operations of a function.

A function cannot take less time than its operations at the highest rate of arithmetic, nor than its bytes at the
highest rate of memory. Both rates are measured, in the same run as the functions that are compared with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from jobs.bench.timing import median_seconds
from scott_core.inference.precision import PRECISIONS

SIDES = {"cpu": 2048, "cuda": 4096}  # rows of the square matrices that are multiplied
COPIED = 1 << 28  # bytes of the copy: more than any cache holds


def peak_rates(precisions: Iterable[str], device: torch.device) -> dict[str, float]:
    """Operations a second by precision, and `bytes` a second.

    The operations are those of a matrix product or of a 3x3 convolution, whichever is faster; the bytes are those that
    a large copy reads and writes.
    """
    peak = {}
    side = SIDES[device.type]
    for name in precisions:
        dtype = PRECISIONS[name]
        square = torch.randn(side, side, device=device, dtype=dtype)
        maps = torch.randn(16, 128, 32, 32, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        layer = nn.Conv2d(128, 128, 3, padding=1).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.inference_mode():
            rates = [
                operations(run) / median_seconds(run, device)
                for run in (partial(torch.mm, square, square), partial(layer, maps))
            ]
        peak[name] = max(rates)
    source = torch.empty(COPIED, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    return {**peak, "bytes": 2 * source.nbytes / median_seconds(lambda: target.copy_(source), device)}


def operations(run: Callable[[], object]) -> int:
    """Floating-point operations of `run`, counting its convolutions, matrix products and attention."""
    with FlopCounterMode(display=False, custom_mapping=_PACKED) as counter:
        run()
    return int(counter.get_total_flops())


def _packed_operations(x: list[int], weight: list[int], *_: Any, out_shape: list[int], **__: Any) -> int:
    """Operations of a convolution of scott_core.inference.packed, which torch's counter does not know."""
    return conv_flop_count(x, weight, out_shape)


_PACKED = {torch.ops.mkldnn._convolution_pointwise: _packed_operations}
