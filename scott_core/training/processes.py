"""The processes of one training run: this one alone, or the several that `torchrun` started.

With several, DistributedDataParallel averages their gradients: process r of n takes batches r, r + n, ..., and the
first process validates and saves.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process among those of the training run."""

    rank: int  # number of this process, from 0
    world: int  # number of processes
    device: torch.device  # what this process computes on

    @property
    def is_first(self) -> bool:
        """Whether this process validates, saves and logs."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """`module`, so that its backward pass averages gradients over all processes; unchanged for a single process."""
        return DistributedDataParallel(module, find_unused_parameters=True) if self.world > 1 else module

    def alone(self, work: Callable[[], object]) -> None:
        """Runs `work` in the first process while the others wait for it."""
        if self.is_first:
            work()
        if self.world > 1:
            dist.barrier()

    def any_says(self, is_over: bool) -> bool:
        """Whether `is_over` is true in any process, so that all of them stop at the same step."""
        if self.world == 1:
            return is_over
        said = torch.tensor(float(is_over), device=self.device)
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said > 0)


def join_processes() -> Processes:
    """Joins the processes that `torchrun` names in the environment (RANK, WORLD_SIZE, LOCAL_RANK); alone without it.

    The device is this process's GPU where there is one, else the CPU.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(device)
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if has_gpu else "gloo")
    return Processes(rank, world, device)
