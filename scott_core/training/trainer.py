"""Training in the paper's two steps (section 4.3), from a pack.

Step 1 trains the encoder and sigma on matching pairs with the mask losses. Step 2 trains everything on all pairs with
the multi-task loss, without a gradient through sigma for pairs that do not match. A training run is a YAML file and a
pack; a run that was stopped or killed goes on from its checkpoint file as if it had not been (`run_state`). Batch-norm
statistics stay those of the backbone: the model is in evaluation mode throughout.

One process trains on its GPU, or on the CPU; under `torchrun` several do (`processes`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scott_core.card import read_card
from scott_core.checkpoint import load_checkpoint, save_checkpoint
from scott_core.data.batches import Batch, Batches
from scott_core.data.pack import write_pack
from scott_core.data.recipe import recipe_of
from scott_core.data.store import Store, load_store
from scott_core.evaluation.calibration import ALPHAS, calibrate
from scott_core.evaluation.validation import ValidationSet
from scott_core.inference.precision import PRECISIONS
from scott_core.model.scott import Scott
from scott_core.training.average import Average
from scott_core.training.config import TrainingConfig, read_config
from scott_core.training.held_out import HeldOut
from scott_core.training.log import TrainingLog
from scott_core.training.objective import Objective
from scott_core.training.optimiser import CLIP, build_optimiser, set_learning_rates
from scott_core.training.processes import join_processes
from scott_core.training.run_state import RunState, load_state, run_identity, save_state
from scott_core.training.start import build_for_training


def train(
    config_path: Path, overrides: list[str], *, pack: Path | None = None, minutes: float | None = None
) -> dict[str, Any]:
    """Trains, from runs/<name>/checkpoint.pt on where there is one; returns the card of the weights it leaves.

    Without `pack`, the configuration's `data` is packed whole to runs/<name>/data.pack, once. After `minutes` of
    training the run stops early: its averaged weights are runs/<name>/last.safetensors, and the same command goes on.
    runs/<name>/best.safetensors has the weights of the highest ROC AUC on validation, the first weights included; at
    the last step their alpha is chosen. Raises InputError, PairsError and WeightsError for a configuration, a pack or
    weights that cannot be used, and InputError for a checkpoint of another run.
    """
    return Trainer(read_config(config_path, overrides), pack).run(minutes)


def overfit_one_batch(config_path: Path, overrides: list[str], *, pack: Path | None = None) -> dict[str, float]:
    """Trains on the first batch alone and keeps no weights: losses that do not fall show a mistake in a minute.

    Returns the first and the last losses, as `first_match`, `last_match` and so on. Raises as `train` does.
    """
    return Trainer(read_config(config_path, overrides), pack).overfit()


class Trainer:
    """A training run: its model, optimiser, data and step."""

    def __init__(self, config: TrainingConfig, pack: Path | None = None):
        self.config = config
        self.folder = Path(config.runs) / config.name
        self.processes = join_processes()
        self.device = self.processes.device
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        objective = Objective(
            build_for_training(config), negatives=config.negatives, contrast=config.contrast, seed=config.seed
        )
        self.objective = objective.to(self.device).to(memory_format=torch.channels_last)
        self.module = self.processes.wrap(self.objective)
        self.optimiser = build_optimiser(self.objective, config)
        self.average = Average(self.model, config.ema)
        self.step = 0  # steps done
        self.best = -1.0  # highest ROC AUC on validation so far
        self.seconds = 0.0  # of training so far
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pack = pack or self._own_pack()
        self.batches = Batches(
            self._store().to(self.device),
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
        """Trains to the last step, or for `minutes`; returns the card of the best weights, or of the last."""
        self.resume()
        config, alone, world = self.config, self.processes.alone, self.processes.world
        numbers = range(self.step * world + self.processes.rank, config.steps * world, world)
        with TrainingLog(self.folder / "log.jsonl", self.device, is_on=self.processes.is_first) as log:
            if self.step == 0:
                alone(lambda: self._validate(log))  # training must end better than it starts
            for _ in self._steps((self.batches[number] for number in numbers), log, minutes):
                if self.step % config.validate_every == 0 or self.step == config.steps:
                    alone(lambda: self._validate(log))
                if self.step % config.checkpoint_every == 0:
                    alone(self._save)
            alone(self._save)
            if self.step < config.steps:
                alone(lambda: self._keep(self.folder / "last.safetensors", log))
                return dict(read_card(self.folder / "last.safetensors").raw)
            alone(self._choose_alpha)
        return dict(read_card(self.folder / "best.safetensors").raw)

    def overfit(self) -> dict[str, float]:
        """Trains on the first batch at every step; returns the first and the last losses."""
        first = self.batches[self.processes.rank]
        with TrainingLog(None, self.device, is_on=self.processes.is_first) as log:
            history = list(self._steps((first for _ in range(self.config.steps)), log))
        ends = {"first": history[0], "last": history[-1]}
        return {f"{end}_{name}": float(value) for end, losses in ends.items() for name, value in losses.items()}

    def _store(self) -> Store:
        config = self.config
        return load_store(self.pack, config.families, group_size=config.group_size, left_out=config.left_out)

    def _own_pack(self) -> Path:
        """The configuration's data, packed whole when the run begins, so that later steps see the same data."""
        path = self.folder / "data.pack"
        sources = self.config.data if isinstance(self.config.data, list) else [self.config.data]
        val = Path(self.config.validation)
        self.processes.alone(lambda: path.is_file() or write_pack([Path(source) for source in sources], path, val=val))
        return path

    def _steps(
        self, batches: Iterable[Batch], log: TrainingLog, minutes: float | None = None
    ) -> Iterator[dict[str, Tensor]]:
        """Trains one step on each batch until `minutes` are over; yields the losses of each step."""
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
            if self.processes.any_says(started >= ends):
                return

    def advance(self, batch: Batch) -> dict[str, Tensor]:
        """Trains one step on a batch; returns the losses, scalar tensors on the device."""
        config = self.config
        set_learning_rates(self.optimiser, self.step, config.steps)
        with self._autocast():
            losses: dict[str, Tensor] = self.module(batch, self.step < config.steps_segmentation)
        self.optimiser.zero_grad(set_to_none=True)
        losses["objective"].backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.objective.parameters(), CLIP)
        self.optimiser.step()
        self.average.update(self.model, self.step)
        return {name: value.detach() for name, value in losses.items()}

    def _autocast(self) -> AbstractContextManager[object]:
        dtype = PRECISIONS[self.config.precision]
        return nullcontext() if dtype == torch.float32 else torch.autocast(self.device.type, dtype)

    def _validate(self, log: TrainingLog) -> None:
        """Calibrates and measures the averaged weights, and keeps them where they are the best so far."""
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
        """Saves the best weights again with the alpha that is best on validation, calibrated for it."""
        best = load_checkpoint(self.folder / "best.safetensors")
        card = calibrate(best.model, dict(best.card.raw), self.validation, alphas=ALPHAS)
        save_checkpoint(best.model, card, self.folder / "best.safetensors")

    def _card(self) -> dict[str, Any]:
        config = self.config
        shown = self.step * config.groups * config.group_size * 2 * self.processes.world
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
                "processes": self.processes.world,
                "precision": config.precision,
                "images_per_second": round(shown / max(self.seconds, 1e-9), 1),
            },
        }

    def _identity(self) -> dict[str, Any]:
        return run_identity(self.config, self.pack, self.processes.world)

    def _save(self) -> None:
        state: RunState = {
            "objective": self.objective.state_dict(),
            "average": self.average.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
            "seconds": self.seconds,
            "run": self._identity(),
        }
        save_state(state, self.folder / "checkpoint.pt")

    def resume(self) -> None:
        """Goes on from the run's checkpoint, where there is one. Raises InputError where it is of another run."""
        state = load_state(self.folder / "checkpoint.pt", self._identity())
        if state is None:
            return
        self.objective.load_state_dict(state["objective"])
        self.average.model.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best, self.seconds = state["step"], state["best"], state["seconds"]
