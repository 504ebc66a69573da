"""Training in the paper's two steps (section 4.3).

Step 1 trains encoder and sigma on matching pairs with the mask losses. Step 2 trains everything on all pairs with the
multi-task loss, without gradient through sigma for pairs that do not match. A training is a YAML file; its state is
one checkpoint file, and since batch k depends on (seed, k) alone, a killed training resumes as if it had not been.
Batch-norm statistics stay those of the trunk (the model is in evaluation mode throughout).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from scott_core.checkpoints import load_checkpoint, read_card, save_checkpoint
from scott_core.data.batches import Batch, Batches
from scott_core.data.instances import read_manifest, read_toys
from scott_core.efficientnet_lite import load_imagenet
from scott_core.encoders import TwinLite
from scott_core.errors import InputError
from scott_core.losses import Losses, multi_task_loss
from scott_core.registry import build
from scott_core.scott import Scott
from scott_core.validation import ValidationSet, calibrate, choose_alpha


@dataclass(frozen=True)
class TrainingConfig:
    """A training, as its YAML file says it; scott_core/configs explains each field."""

    name: str
    data: str
    toys: str
    runs: str
    image_size: int
    architecture: dict[str, Any]
    imagenet: bool
    frozen_blocks: int
    families: dict[str, float]
    groups: int
    group_size: int
    negatives: int
    steps_segmentation: int
    steps: int
    lr: float
    lr_trunk: float
    weight_decay: float
    ema: float
    seed: int
    validate_every: int
    checkpoint_every: int
    threads: int


def read_config(path: Path, overrides: list[str]) -> TrainingConfig:
    """The YAML file with `key=value` overrides, dotted for what is nested. Raises InputError for what does not fit."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    for override in overrides:
        key, sign, value = override.partition("=")
        *parents, last = key.split(".")
        place = values
        for parent in parents:
            place = place.get(parent, {}) if isinstance(place, dict) else {}
        if not sign or not isinstance(place, dict) or last not in place:
            raise InputError(f"{override!r} is no key=value of {path}")
        place[last] = yaml.safe_load(value)
    names = {field.name for field in fields(TrainingConfig)}
    if not isinstance(values, dict) or set(values) != names:
        raise InputError(f"{path}: keys {sorted(set(values) ^ names)} are missing or unknown")
    return TrainingConfig(**values)


def train(config_path: Path, overrides: list[str]) -> dict[str, Any]:
    """Train, resuming from runs/<name>/checkpoint.pt where there is one; write the best weights and their card.

    Returns the card. The weights are those of the validation with the highest ROC AUC.
    """
    config = read_config(config_path, overrides)
    return Trainer(config).run()


class Trainer:
    """One training and its state."""

    def __init__(self, config: TrainingConfig):
        self.config = config
        self.folder = Path(config.runs) / config.name
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = self._build().to(self.device).to(memory_format=torch.channels_last)
        self.ema = AveragedModel(self.model, avg_fn=_moving_average(config.ema))
        trunk, rest = self._parameters()
        self.optimiser = torch.optim.AdamW(
            [{"params": trunk, "peak": config.lr_trunk}, {"params": rest, "peak": config.lr}],
            weight_decay=config.weight_decay,
        )
        self.step = 0
        self.best = -1.0
        self.seconds = 0.0
        instances, backgrounds = read_manifest(Path(config.data))
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
            steps=config.steps,
        )
        self.validation = ValidationSet(Path(config.data) / "pairs" / "val.csv")

    def _build(self) -> Scott:
        model = build(self.config.architecture).eval()
        if isinstance(model.encoder, TwinLite):
            trunk = model.encoder.trunk
            if self.config.imagenet:
                load_imagenet(trunk)
            for part in (trunk.stem, *trunk.blocks[: self.config.frozen_blocks]):
                part.requires_grad_(False)
        return model

    def _parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        trunk = [p for name, p in named if name.startswith("encoder.trunk")]
        return trunk, [p for name, p in named if not name.startswith("encoder.trunk")]

    def run(self) -> dict[str, Any]:
        """Train to the last step; returns the card of the best weights."""
        self._resume()
        config = self.config
        todo = Subset(self.batches, range(self.step, config.steps))
        loader: DataLoader[Batch] = DataLoader(todo, batch_size=None, num_workers=1, prefetch_factor=3)
        with tqdm(total=config.steps, initial=self.step, desc=config.name, unit="step") as bar:
            for batch in loader:
                started = time.monotonic()
                losses = self._advance(batch)
                self.step += 1
                self.seconds += time.monotonic() - started
                bar.update()
                bar.set_postfix(match=f"{losses.match:.3f}", mask=f"{losses.mask_a + losses.mask_b:.3f}")
                if self.step % 20 == 0:
                    self._log(
                        {
                            "loss": losses.total.item(),
                            "match": losses.match.item(),
                            "mask": losses.mask_a.item(),
                        }
                    )
                if self.step % config.validate_every == 0 or self.step == config.steps:
                    self._validate()
                if self.step % config.checkpoint_every == 0 or self.step == config.steps:
                    self._save()
        return self._choose_alpha()

    def _advance(self, batch: Batch) -> Losses:
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * _schedule(self.step, config.steps)
        chance = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        matching_only = self.step < config.steps_segmentation
        index_a, index_b = _pair_grid(batch.group, 0 if matching_only else config.negatives, chance)
        label = (index_a == index_b).float()
        state_a = self.model.encode_image(self._pixels(batch.images_a), "a")
        state_b = self.model.encode_image(self._pixels(batch.images_b), "b")
        cells = config.image_size // self.model.encoder.stride
        mask_a, mask_b = (F.adaptive_avg_pool2d(mask, cells) for mask in (batch.mask_a, batch.mask_b))
        on = self.device
        logits = self.model.score_pairs(
            state_a[index_a],
            state_b[index_b],
            true_a=_sometimes_true(mask_a[index_a], batch.has_mask_a[index_a], chance).to(on),
            true_b=_sometimes_true(mask_b[index_b], batch.has_mask_b[index_b], chance).to(on),
        )
        losses = multi_task_loss(
            logits,
            label.to(on),
            mask_a[index_a].to(on),
            mask_b[index_b].to(on),
            batch.has_mask_a[index_a].to(on),
            batch.has_mask_b[index_b].to(on),
        )
        objective = losses.mask_a + losses.mask_b if matching_only else losses.total
        self.optimiser.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for g in self.optimiser.param_groups for p in g["params"]], 5.0)
        self.optimiser.step()
        self.ema.update_parameters(self.model)
        return losses

    def _pixels(self, images: Tensor) -> Tensor:
        return images.to(self.device).contiguous(memory_format=torch.channels_last)

    def _validate(self) -> None:
        """Calibrate and measure the averaged weights; keep them where they are the best so far."""
        model = cast(Scott, self.ema.module)
        card = calibrate(model, self._card(), self.validation)
        self._log({"validation": card["validation"]})
        if card["validation"]["roc_auc"] > self.best:
            self.best = card["validation"]["roc_auc"]
            save_checkpoint(model, card, self.folder / "best.safetensors")

    def _choose_alpha(self) -> dict[str, Any]:
        """The best weights once more, with alpha chosen on validation and the calibration that goes with it."""
        best = load_checkpoint(self.folder / "best.safetensors")
        best.model.alpha = choose_alpha(best.model, best.card, self.validation)
        architecture = {**best.card["architecture"], "alpha": best.model.alpha}
        card = calibrate(best.model, {**best.card, "architecture": architecture}, self.validation)
        save_checkpoint(best.model, card, self.folder / "best.safetensors")
        return read_card(self.folder / "best.safetensors")

    def _card(self) -> dict[str, Any]:
        config = self.config
        return {
            "name": config.name,
            "architecture": config.architecture,
            "image_size": config.image_size,
            "threshold": 0.5,
            "slope": 1.0,
            "bias": 0.0,
            "training": {
                "step": self.step,
                "seconds": round(self.seconds),
                "seed": config.seed,
                "device": str(self.device),
            },
        }

    def _log(self, values: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, **values}) + "\n")

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
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
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.best, self.seconds = state["step"], state["best"], state["seconds"]


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


def _pair_grid(group: Tensor, negatives: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices of the pairs of a batch: every (i, i), and for each i `negatives` others: one of its group, then any."""
    n = len(group)
    index_a, index_b = [torch.arange(n)], [torch.arange(n)]
    same = (group[:, None] == group[None]).float()
    other = 1 - torch.eye(n)
    for k in range(negatives):
        weight = same * other if k == 0 else other
        rows = torch.nonzero(weight.sum(1) > 0)[:, 0]
        index_a.append(rows)
        index_b.append(torch.multinomial(weight[rows], 1, generator=chance)[:, 0])
    return torch.cat(index_a), torch.cat(index_b)


def _sometimes_true(mask: Tensor, known: Tensor, chance: torch.Generator) -> Tensor:
    """The region the merge sees: the true one for half of the pairs that have it, else NaN, as predicted. [B, h, w]"""
    use = (known > 0) & (torch.rand(len(known), generator=chance) < 0.5)
    return torch.where(use[:, None, None], mask[:, 0], torch.nan)
