"""Training in the paper's two steps (section 4.3).

Step 1 trains encoder and sigma on matching pairs with the mask losses. Step 2 trains everything on all pairs with the
multi-task loss, without gradient through sigma for pairs that do not match. A training is a YAML file; its state is
one checkpoint file, and since batch k depends on (seed, k) alone, a killed training resumes as if it had not been.
Devices, their processes and mixed precision are Lightning Fabric's work; curves are TensorBoard's.
Batch-norm statistics stay those of the trunk (the model is in evaluation mode throughout).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from scott_core.checkpoints import load_checkpoint, read_card, save_checkpoint
from scott_core.data.batches import Batch, Batches
from scott_core.data.instances import read_instances, read_toys
from scott_core.efficientnet_lite import EfficientNetLite0, load_imagenet
from scott_core.encoders import TwinLite
from scott_core.errors import InputError
from scott_core.objective import Objective
from scott_core.registry import build
from scott_core.scott import Scott
from scott_core.training_config import TrainingConfig, read_config
from scott_core.validation import ALPHAS, ValidationSet, calibrate

LOG_EVERY = 20


def train(config_path: Path, overrides: list[str]) -> dict[str, Any]:
    """Train, resuming from runs/<name>/checkpoint.pt where there is one; write the best weights and their card.

    Returns the card. The weights are those of the validation with the highest ROC AUC.
    """
    return Trainer(read_config(config_path, overrides)).run()


def overfit_one_batch(config_path: Path, overrides: list[str]) -> dict[str, float]:
    """Train on the first batch alone, and keep nothing: losses that do not fall show a mistake in a minute.

    Returns the first and the last losses.
    """
    return Trainer(read_config(config_path, overrides)).overfit()


class Trainer:
    """One training and its state."""

    def __init__(self, config: TrainingConfig):
        self.config = config
        self.folder = Path(config.runs) / config.name
        torch.set_num_threads(config.threads)
        cv2.setNumThreads(1)
        self.fabric = Fabric(
            devices=config.devices,
            precision=cast(Any, config.precision),
            strategy="auto" if config.devices == 1 else "ddp_find_unused_parameters_true",
            loggers=TensorBoardLogger(config.runs, name=config.name, version=""),
        )
        self.fabric.launch()
        self.fabric.seed_everything(config.seed, verbose=False)
        self.objective = Objective(
            build_for_training(config), negatives=config.negatives, contrast=config.contrast, seed=config.seed
        ).to(memory_format=torch.channels_last)
        trunk, rest = self._parameters()
        optimiser = torch.optim.AdamW(
            [{"params": trunk, "peak": config.lr_trunk}, {"params": rest, "peak": config.lr}],
            weight_decay=config.weight_decay,
        )
        self.module, self.optimiser = self.fabric.setup(self.objective, optimiser)
        self.ema = AveragedModel(self.model, avg_fn=_moving_average(config.ema))
        self.step = 0
        self.best = -1.0
        self.seconds = 0.0
        instances, backgrounds = read_instances(Path(config.data))
        if config.families.get("toy"):
            instances += read_toys(Path(config.toys))
        self.batches = Batches(
            instances,
            backgrounds,
            weights=config.families,
            n_groups=config.groups,
            group_size=config.group_size,
            size=config.image_size,
            seed=config.seed,
            steps=config.steps * self.fabric.world_size,
        )
        self.validation = ValidationSet(Path(config.validation))

    @property
    def model(self) -> Scott:
        """The model in training, without its wrappers."""
        return self.objective.scott

    def _parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        named = [(name, p) for name, p in self.objective.named_parameters() if p.requires_grad]
        trunk = [p for name, p in named if name.startswith("scott.encoder.trunk")]
        return trunk, [p for name, p in named if not name.startswith("scott.encoder.trunk")]

    def run(self) -> dict[str, Any]:
        """Train to the last step; returns the card of the best weights."""
        self._resume()
        config = self.config
        for losses in self._steps(self._batches()):
            if self.step % LOG_EVERY == 0:
                self.fabric.log_dict({**losses, "lr": self.optimiser.param_groups[1]["lr"]}, self.step)
            if self.step % config.validate_every == 0 or self.step == config.steps:
                self._on_rank_zero(self._validate)
            if self.step % config.checkpoint_every == 0 or self.step == config.steps:
                self._on_rank_zero(self._save)
        self._on_rank_zero(self._choose_alpha)
        return read_card(self.folder / "best.safetensors")

    def overfit(self) -> dict[str, float]:
        """Every step on the first batch; returns the first and the last losses."""
        first = self.batches[self.fabric.global_rank]
        history = list(self._steps(first for _ in range(self.config.steps)))
        ends = {"first": history[0], "last": history[-1]}
        return {f"{end}_{name}": float(value) for end, losses in ends.items() for name, value in losses.items()}

    def _batches(self) -> Iterable[Batch]:
        """This process's batches from the present step on: every world_size-th of all."""
        world, rank = self.fabric.world_size, self.fabric.global_rank
        todo = Subset(self.batches, range(self.step * world + rank, self.config.steps * world, world))
        return DataLoader(todo, batch_size=None, num_workers=1, prefetch_factor=3)

    def _steps(self, batches: Iterable[Batch]) -> Iterable[dict[str, Tensor]]:
        config = self.config
        with tqdm(
            total=config.steps,
            initial=self.step,
            desc=config.name,
            unit="step",
            disable=not self.fabric.is_global_zero,
        ) as bar:
            for batch in batches:
                started = time.monotonic()
                losses = self._advance(batch)
                self.step += 1
                self.seconds += time.monotonic() - started
                bar.update()
                bar.set_postfix({name: f"{value.item():.3f}" for name, value in losses.items()})
                yield losses

    def _advance(self, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * _schedule(self.step, config.steps)
        losses: dict[str, Tensor] = self.module(batch.to(self.fabric.device), self.step < config.steps_segmentation)
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(losses["objective"])
        self.fabric.clip_gradients(self.module, self.optimiser, max_norm=5.0, error_if_nonfinite=False)
        self.optimiser.step()
        self.ema.update_parameters(self.model)
        return {name: value.detach() for name, value in losses.items()}

    def _on_rank_zero(self, work: Callable[[], None]) -> None:
        if self.fabric.is_global_zero:
            work()
        self.fabric.barrier()

    def _validate(self) -> None:
        """Calibrate and measure the averaged weights; keep them where they are the best so far."""
        model = cast(Scott, self.ema.module)
        card = calibrate(model, self._card(), self.validation)
        measured = card["validation"]
        self.fabric.log_dict({f"validation/{name}": measured[name] for name in ("roc_auc", "f1")}, self.step)
        if measured["roc_auc"] > self.best:
            self.best = measured["roc_auc"]
            save_checkpoint(model, card, self.folder / "best.safetensors")

    def _choose_alpha(self) -> None:
        """The best weights once more, with alpha chosen on validation and the calibration that goes with it."""
        best = load_checkpoint(self.folder / "best.safetensors")
        card = calibrate(best.model, best.card, self.validation, alphas=ALPHAS)
        save_checkpoint(best.model, card, self.folder / "best.safetensors")

    def _card(self) -> dict[str, Any]:
        config = self.config
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
                "device": str(self.fabric.device),
                "processes": self.fabric.world_size,
                "precision": config.precision,
                "instances_per_second": round(self.step * config.groups * config.group_size / self.seconds, 2),
            },
        }

    def _save(self) -> None:
        state = {
            "objective": self.objective.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
            "seconds": self.seconds,
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.fabric.device, weights_only=True)
        self.objective.load_state_dict(state["objective"])
        self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best, self.seconds = state["step"], state["best"], state["seconds"]


def build_for_training(config: TrainingConfig) -> Scott:
    """The configured architecture, filled as `start` says: random, imagenet (the trunk's), or weights to go on from.

    Weights may come from a smaller architecture: what they lack keeps its fresh values. Raises WeightsError, and
    InputError for an `imagenet_share` of what has no trained ImageNet trunk.
    """
    torch.manual_seed(config.seed)
    model = build(config.architecture).eval()
    if isinstance(model.encoder, TwinLite):
        trunk = model.encoder.trunk
        if config.start == "imagenet":
            load_imagenet(trunk)
        for part in (trunk.stem, *trunk.blocks[: config.frozen_blocks]):
            part.requires_grad_(False)
    if config.start not in ("random", "imagenet"):
        model.load_state_dict(load_checkpoint(config.start).model.state_dict(), strict=False)
    if config.imagenet_share:
        if config.start in ("random", "imagenet") or not isinstance(model.encoder, TwinLite):
            raise InputError("imagenet_share is for twin_lite0, going on from trained weights")
        _pull_to_imagenet(model.encoder.trunk, config.imagenet_share)
    return model


@torch.no_grad()
def _pull_to_imagenet(trunk: EfficientNetLite0, share: float) -> None:
    """The trunk moved this far back on the line to ImageNet's weights (Wortsman et al. 2022, WiSE-FT).

    What fine-tuning on rendered and composited pictures took from the features of photographs comes back.
    """
    imagenet = EfficientNetLite0()
    load_imagenet(imagenet)
    before = imagenet.state_dict()
    for name, value in trunk.state_dict().items():
        if value.is_floating_point():
            value.lerp_(before[name], share)


def _schedule(step: int, steps: int, warm_up: int = 50) -> float:
    """Linear warm-up, then half a cosine down to 2%."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average that forgets its start: the decay of average n is at most (1 + n) / (10 + n)."""

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        n = float(count)
        return torch.lerp(current, averaged, min(decay, (1 + n) / (10 + n)))

    return average
