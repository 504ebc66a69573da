"""The state of a training run, from which it goes on after it was stopped or killed: runs/<name>/checkpoint.pt.

Batch k depends on (seed, k) alone, so that the state determines the rest of the run.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from scott_core.data.pack import pack_digest
from scott_core.errors import InputError
from scott_core.training.config import TrainingConfig

FREE = ("data", "validation", "runs", "validate_every", "checkpoint_every", "threads")
"""Fields of a configuration that may change between stopping and going on: none of them changes the weights."""


class RunState(TypedDict):
    """The checkpoint file's content; its keys are a file format."""

    objective: dict[str, Tensor]  # state dict of the model in training and of the contrastive projector
    average: dict[str, Tensor]  # state dict of the averaged model
    optimiser: dict[str, Any]  # state dict of AdamW
    step: int  # steps that are done
    best: float  # highest ROC AUC on validation so far
    seconds: float  # of training so far, in all processes that went before
    run: dict[str, Any]  # `run_identity` of the run that wrote the file


def run_identity(config: TrainingConfig, pack: Path, processes: int) -> dict[str, Any]:
    """All that the end of a run depends on: the configuration but for FREE, the pack's digest, the processes.

    Raises PairsError for a file that is no pack.
    """
    fields = {name: value for name, value in asdict(config).items() if name not in FREE}
    return {**fields, "pack": pack_digest(pack), "processes": processes}


def save_state(state: RunState, path: Path) -> None:
    """Writes `path`, whole or not at all."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_state(path: Path, identity: dict[str, Any]) -> RunState | None:
    """The state of `path` with its tensors on the CPU (AdamW's counters belong there); None where there is no file.

    Raises InputError, naming what differs, where the file is of a run of another `run_identity`.
    """
    if not path.is_file():
        return None
    state: RunState = torch.load(path, map_location="cpu", weights_only=True)
    saved = state.get("run", {})
    if differ := sorted(name for name in identity if saved.get(name) != identity[name]):
        raise InputError(f"{path} is of another run: {', '.join(differ)} differ; give a name= of its own")
    return state
