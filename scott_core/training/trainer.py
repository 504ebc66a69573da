"""Training in the paper's two steps (section 4.3), from a pack.

Step 1 trains encoder and sigma on matching pairs with the mask losses. Step 2 trains everything on all pairs with the
multi-task loss, without gradient through sigma for pairs that do not match. A training run is a YAML file and a pack;
its state is one checkpoint file, and since batch k depends on (seed, k) alone, a run that was stopped or killed resumes
as if it had not been. Batch-norm statistics stay those of the backbone (the model is in evaluation mode throughout).

One process trains on its GPU, or on the CPU; under `torchrun` several do, with DistributedDataParallel: process r of n
takes batches r, r + n, ..., and the first validates and saves.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from scott_core.card import read_card
from scott_core.checkpoint import load_checkpoint, save_checkpoint
from scott_core.data.batches import Batch, Batches
from scott_core.data.pack import pack_digest, write_pack
from scott_core.data.recipe import recipe_of
from scott_core.data.store import load_store
from scott_core.errors import InputError
from scott_core.evaluation.calibration import ALPHAS, calibrate
from scott_core.evaluation.validation import ValidationSet
from scott_core.inference.precision import PRECISIONS
from scott_core.model.scott import Scott
from scott_core.training.average import Average
from scott_core.training.config import TrainingConfig, read_config
from scott_core.training.held_out import HeldOut
from scott_core.training.log import TrainingLog
from scott_core.training.objective import Objective
from scott_core.training.start import build_for_training

CLIP = 5.0  # norm of the gradient, at most
# Fields of a configuration that may change when a run goes on.
FREE = ("data", "validation", "runs", "validate_every", "checkpoint_every", "threads")


def train(
    config_path: Path, overrides: list[str], *, pack: Path | None = None, minutes: float | None = None
) -> dict[str, Any]:
    """Train, resuming from runs/<name>/checkpoint.pt where there is one; returns the card of the weights it leaves.

    Without `pack`, the configuration's `data` is packed whole to runs/<name>/data.pack, once. `minutes` of training
    stop the run early: its averaged weights are runs/<name>/last.safetensors, and the same command goes on. At the last
    step alpha is chosen for the weights with the highest ROC AUC on validation, runs/<name>/best.safetensors; those
    that the run started from count, too.
    """
    return Trainer(read_config(config_path, overrides), pack).run(minutes)


def overfit_one_batch(config_path: Path, overrides: list[str], *, pack: Path | None = None) -> dict[str, float]:
    """Train on the first batch alone, and keep no weights: losses that do not fall show a mistake in a minute.

    Returns the first and the last losses.
    """
    return Trainer(read_config(config_path, overrides), pack).overfit()


class Trainer:
    """A training run and its state."""

    def __init__(self, config: TrainingConfig, pack: Path | None = None):
        self.config = config
        self.folder = Path(config.runs) / config.name
        self.rank, self.world, self.device = _join_processes()
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        objective = Objective(
            build_for_training(config), negatives=config.negatives, contrast=config.contrast, seed=config.seed
        )
        self.objective = objective.to(self.device).to(memory_format=torch.channels_last)
        self.module: nn.Module = self.objective
        if self.world > 1:
            self.module = DistributedDataParallel(self.objective, find_unused_parameters=True)
        backbone, rest = self._parameters()
        self.optimiser = torch.optim.AdamW(
            [{"params": backbone, "peak": config.lr_trunk}, {"params": rest, "peak": config.lr}],
            weight_decay=config.weight_decay,
        )
        self.average = Average(self.model, config.ema)
        self.step = 0
        self.best = -1.0
        self.seconds = 0.0
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pack = pack or self._own_pack()
        self.batches = Batches(
            load_store(self.pack, config.families, group_size=config.group_size).to(self.device),
            recipe_of(config.augment),
            families=config.families,
            groups=config.groups,
            group_size=config.group_size,
            look_alikes=config.look_alikes,
            size=config.image_size,
            seed=config.seed,
        )
        self.validation = ValidationSet(self.pack)
        self.held_out = HeldOut(self.pack, size=config.image_size, group_size=config.group_size, device=self.device)

    @property
    def model(self) -> Scott:
        """The model in training, without its wrappers."""
        scott: Scott = self.objective.scott
        return scott

    def run(self, minutes: float | None = None) -> dict[str, Any]:
        """Train to the last step, or for `minutes`; returns the card of the best weights, or of the last."""
        self._resume()
        config = self.config
        numbers = range(self.step * self.world + self.rank, config.steps * self.world, self.world)
        with TrainingLog(self.folder / "log.jsonl", self.device, is_on=self.rank == 0) as log:
            if self.step == 0:
                self._alone(lambda: self._validate(log))  # what it starts from, and must be better than
            for _ in self._steps((self.batches[number] for number in numbers), log, minutes):
                if self.step % config.validate_every == 0 or self.step == config.steps:
                    self._alone(lambda: self._validate(log))
                if self.step % config.checkpoint_every == 0:
                    self._alone(self._save)
            self._alone(self._save)
            if self.step < config.steps:
                self._alone(lambda: self._keep(self.folder / "last.safetensors", log))
                return dict(read_card(self.folder / "last.safetensors").raw)
            self._alone(self._choose_alpha)
        return dict(read_card(self.folder / "best.safetensors").raw)

    def overfit(self) -> dict[str, float]:
        """Every step on the first batch; returns the first and the last losses."""
        first = self.batches[self.rank]
        with TrainingLog(None, self.device, is_on=self.rank == 0) as log:
            history = list(self._steps((first for _ in range(self.config.steps)), log))
        ends = {"first": history[0], "last": history[-1]}
        return {f"{end}_{name}": float(value) for end, losses in ends.items() for name, value in losses.items()}

    def _own_pack(self) -> Path:
        """The configuration's data, packed whole when the run began, so that it stays what it was."""
        path = self.folder / "data.pack"
        sources = self.config.data if isinstance(self.config.data, list) else [self.config.data]
        val = Path(self.config.validation)
        self._alone(lambda: path.is_file() or write_pack([Path(source) for source in sources], path, val=val))
        return path

    def _parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        named = [(name, p) for name, p in self.objective.named_parameters() if p.requires_grad]
        backbone = [p for name, p in named if name.startswith("scott.encoder.trunk")]
        return backbone, [p for name, p in named if not name.startswith("scott.encoder.trunk")]

    def _steps(
        self, batches: Iterable[Batch], log: TrainingLog, minutes: float | None = None
    ) -> Iterator[dict[str, Tensor]]:
        """One step a batch, until `minutes` of steps are over; yields the losses."""
        ends = time.monotonic() + 60 * minutes if minutes is not None else math.inf
        started = time.monotonic()
        for batch in batches:
            drawn = time.monotonic()
            losses = self.advance(batch)
            self.step += 1
            log.step(self.step, len(batch.group) * 2, losses, drawn - started)
            self.seconds += time.monotonic() - started
            yield losses
            started = time.monotonic()
            if self._any_says(started >= ends):
                return

    def advance(self, batch: Batch) -> dict[str, Tensor]:
        """One step on a batch; returns the losses."""
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * _schedule(self.step, config.steps)
        with self._autocast():
            losses: dict[str, Tensor] = self.module(batch, self.step < config.steps_segmentation)
        self.optimiser.zero_grad(set_to_none=True)
        losses["objective"].backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.objective.parameters(), CLIP)
        self.optimiser.step()
        self.average.update(self.model, self.step)
        return {name: value.detach() for name, value in losses.items()}

    def _autocast(self) -> Any:
        dtype = PRECISIONS[self.config.precision]
        return nullcontext() if dtype == torch.float32 else torch.autocast(self.device.type, dtype)

    def _alone(self, work: Callable[[], object]) -> None:
        """The first process works, the others wait for it."""
        if self.rank == 0:
            work()
        if self.world > 1:
            dist.barrier()

    def _any_says(self, is_over: bool) -> bool:
        """Whether it is over for any process: all stop at the same step."""
        if self.world == 1:
            return is_over
        said = torch.tensor(float(is_over), device=self.device)
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said > 0)

    def _validate(self, log: TrainingLog) -> None:
        """Calibrate and measure the averaged weights; keep them where they are the best so far."""
        card = self._measured(log)
        if card["validation"]["roc_auc"] > self.best:
            self.best = card["validation"]["roc_auc"]
            save_checkpoint(self.average.model, card, self.folder / "best.safetensors")

    def _keep(self, path: Path, log: TrainingLog) -> None:
        save_checkpoint(self.average.model, self._measured(log), path)

    def _measured(self, log: TrainingLog) -> dict[str, Any]:
        card = calibrate(self.average.model, self._card(), self.validation)
        log.validated(self.step, {**card["validation"], "held_out_roc_auc": self.held_out.roc_auc(self.average.model)})
        return card

    def _choose_alpha(self) -> None:
        """The best weights once more, with alpha chosen on validation and the calibration that goes with it."""
        best = load_checkpoint(self.folder / "best.safetensors")
        card = calibrate(best.model, dict(best.card.raw), self.validation, alphas=ALPHAS)
        save_checkpoint(best.model, card, self.folder / "best.safetensors")

    def _card(self) -> dict[str, Any]:
        config = self.config
        shown = self.step * config.groups * config.group_size * 2 * self.world
        return {
            "name": config.name,
            "architecture": config.architecture,
            "image_size": config.score_size,
            "threshold": 0.5,
            "slope": 1.0,
            "bias": 0.0,
            "training": {
                "step": self.step,
                "seconds": round(self.seconds),
                "seed": config.seed,
                "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
                "processes": self.world,
                "precision": config.precision,
                "images_per_second": round(shown / max(self.seconds, 1e-9), 1),
            },
        }

    def _save(self) -> None:
        state = {
            "objective": self.objective.state_dict(),
            "average": self.average.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
            "seconds": self.seconds,
            "run": self._run(),
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)  # AdamW's counters belong on the host
        was, now = state.get("run", {}), self._run()
        if differ := sorted(name for name in now if was.get(name) != now[name]):
            raise InputError(f"{path} is of another run: {', '.join(differ)} differ; give a name= of its own")
        self.objective.load_state_dict(state["objective"])
        self.average.model.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best, self.seconds = state["step"], state["best"], state["seconds"]

    def _run(self) -> dict[str, Any]:
        """What a run must have in common with the one that it goes on from, for both to end the same."""
        config = {name: value for name, value in asdict(self.config).items() if name not in FREE}
        return {**config, "pack": pack_digest(self.pack), "processes": self.world}


def _join_processes() -> tuple[int, int, torch.device]:
    """This process's number, how many there are (torchrun says so in the environment), and its device."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(device)
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if has_gpu else "gloo")
    return rank, world, device


def _schedule(step: int, steps: int, warm_up: int = 50) -> float:
    """Linear warm-up, then half a cosine down to 2%."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
