"""The objective of a training step: a batch of look-alikes in, the losses of section 4.3 (and of a contrast) out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.data.batches import Batch
from scott_core.data.chance import Chance
from scott_core.model.encoder import select_cached
from scott_core.model.scott import Scott
from scott_core.training.losses import multi_task_loss

TEMPERATURE = 0.1  # of the contrastive loss
HARDNESS = 0.15  # how strongly look-alikes are preferred as negatives; 0 draws evenly


class Objective(nn.Module):
    """Scott and its losses as one module, so that one forward is one step on every device.

    Beside the multi-task loss there may be a contrastive one over the batch (InfoNCE, both directions): the mean of an
    image's state over its object, projected, must find its own counterpart among all objects of the batch. Its
    likenesses also say which negatives are hard.
    """

    def __init__(self, scott: Scott, *, negatives: int, contrast: float, seed: int):
        super().__init__()
        self.scott = scott
        self.projector = nn.Linear(scott.encoder.d, scott.encoder.d) if contrast > 0 else None
        self.negatives = negatives
        self.contrast = contrast
        self.seed = seed

    def forward(self, batch: Batch, matching_only: bool) -> dict[str, Tensor]:
        """The losses, scalars: `objective` is what to minimise. Step 1 of section 4.3 is `matching_only`."""
        chance = Chance(self.seed + 1, batch.number, batch.group.device)
        images = [images.contiguous(memory_format=torch.channels_last) for images in (batch.images_a, batch.images_b)]
        cached_a = self.scott.encode_image(images[0], "a")
        cached_b = self.scott.encode_image(images[1], "b")
        cells = images[0].shape[2] // self.scott.encoder.stride
        mask_a, mask_b = (F.adaptive_avg_pool2d(mask, cells) for mask in (batch.mask_a, batch.mask_b))
        likeness = self._likeness(cached_a[0], mask_a, batch.has_mask_a, cached_b[0], mask_b, batch.has_mask_b)
        i, j = pair_grid(batch.instance, batch.group, 0 if matching_only else self.negatives, chance, likeness)
        logits = self.scott.score_pairs(
            select_cached(cached_a, i),
            select_cached(cached_b, j),
            true_a=_sometimes_true(mask_a[i], batch.has_mask_a[i], chance),
            true_b=_sometimes_true(mask_b[j], batch.has_mask_b[j], chance),
        )
        losses = multi_task_loss(
            logits, (i == j).float(), mask_a[i], mask_b[j], batch.has_mask_a[i], batch.has_mask_b[j]
        )
        objective = losses.mask_a + losses.mask_b if matching_only else losses.total
        parts = {"match": losses.match, "mask_a": losses.mask_a, "mask_b": losses.mask_b}
        if likeness is not None:
            own = torch.arange(len(likeness), device=likeness.device)
            likeness = likeness.masked_fill(_repeated(batch.instance), -torch.inf)
            parts["contrast"] = (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2
            objective = objective + self.contrast * parts["contrast"]
        return {"objective": objective, **{name: value.detach() for name, value in parts.items()}}

    def _likeness(
        self, cached_a: Tensor, mask_a: Tensor, known_a: Tensor, cached_b: Tensor, mask_b: Tensor, known_b: Tensor
    ) -> Tensor | None:
        """Logits [n, n] of the contrastive loss; None where it has no weight."""
        if self.projector is None:
            return None
        seen = []
        for state, mask, known in ((cached_a, mask_a, known_a), (cached_b, mask_b, known_b)):
            grid = F.adaptive_avg_pool2d(mask, (state.shape[2], state.shape[3]))
            weight = torch.where(known[:, None, None, None] > 0, grid, torch.ones_like(grid))
            mean = (state * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1e-3)
            seen.append(F.normalize(self.projector(mean), dim=1))
        likeness: Tensor = seen[0] @ seen[1].T / TEMPERATURE
        return likeness


def pair_grid(
    instance: Tensor, group: Tensor, negatives: int, chance: Chance, likeness: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Indices of the pairs of a batch: every (i, i), and for each i `negatives` others: one of its group, then any.

    Others are of another instance. With `likeness` [n, n], those that look alike are drawn more often. Each group holds
    two instances or more, no instance twice.
    """
    every = torch.arange(len(group), device=group.device)
    same = (group[:, None] == group[None]).float()
    other = (instance[:, None] != instance[None]).float()
    if likeness is not None:
        other = other * torch.softmax(likeness.detach().float() * HARDNESS, 1).clamp(min=1e-6)
    drawn = [_one_of_each_row(same * other if k == 0 else other, chance) for k in range(negatives)]
    return every.repeat(1 + negatives), torch.cat([every, *drawn])


def _repeated(instance: Tensor) -> Tensor:
    """bool [n, n]: (i, j) show one instance, but are not the drawn pair i == j."""
    return (instance[:, None] == instance[None]).fill_diagonal_(False)


def _one_of_each_row(weight: Tensor, chance: Chance) -> Tensor:
    """A column of each row of `weight` [n, m], drawn in proportion to it: the first of m exponential clocks to ring."""
    return (-torch.log(chance.uniform(*weight.shape).clamp(min=1e-30)) / weight).argmin(1)


def _sometimes_true(mask: Tensor, known: Tensor, chance: Chance) -> Tensor:
    """The region the merge sees: the true one for half of the pairs that have it, else NaN, as predicted. [B, h, w]"""
    use = (known > 0) & (chance.uniform(len(known)) < 0.5)
    return torch.where(use[:, None, None], mask[:, 0], torch.nan)
