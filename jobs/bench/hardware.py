"""The hardware that a measurement was made on."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

import torch

from jobs.bench.timing import CPU
from jobs.scoring.cores import cores


@dataclass(frozen=True)
class Hardware:
    """The hardware and the torch version of a measurement."""

    cpu: str  # model, family and vector instructions
    cores: int  # those of this process
    gpu: str | None
    torch: str  # its version


def read_hardware(device: torch.device = CPU) -> Hardware:
    """The hardware of this process, which computes on `device`."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    fields = dict(re.findall(r"^(model name|cpu family)\s*:\s*(.+?)\s*$", told, re.MULTILINE))
    model = fields.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in fields:  # the model name of a virtual CPU often tells only its maker
        model += f" family {fields['cpu family']}"
    model += f" {torch.backends.cpu.get_cpu_capability()}"
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return Hardware(model, cores(), gpu, torch.__version__)
