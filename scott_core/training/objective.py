"""The objective of a training step: the losses of section 4.3, and a contrastive one, of a batch of look-alikes.

A batch of n matching image pairs gives n matching pairs and `negatives` * n others: image a of one object with image b
of another.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.data.batches import Batch
from scott_core.data.chance import Chance
from scott_core.model.encoder import select_cached
from scott_core.model.scott import Scott
from scott_core.training.losses import multi_task_loss

TEMPERATURE = 0.1  # of the contrastive loss; within the usual 0.05 to 0.2, not tuned
HARDNESS = 0.15  # exponent on the likelihood of a look-alike as a negative; 0 draws evenly (docs/experiments.md)
TRUE_SHARE = 0.5  # of pairs with a known mask: the matching head sees the true region (decision 2)


class Objective(nn.Module):
    """Scott and its losses as one module: one forward pass is one step, also for DistributedDataParallel.

    The contrastive loss (InfoNCE of van den Oord et al. 2018, in both directions) averages an image's cached features
    over its object, projects them, and asks for the object's other image among all of the batch. Its logits also say
    which negatives are hard. `contrast` is its weight; at 0 it is left out.
    """

    def __init__(self, scott: Scott, *, negatives: int, contrast: float, seed: int):
        super().__init__()
        self.scott = scott
        self.projector = nn.Linear(scott.encoder.d, scott.encoder.d) if contrast > 0 else None
        self.negatives = negatives
        self.contrast = contrast
        self.seed = seed

    def forward(self, batch: Batch, matching_only: bool) -> dict[str, Tensor]:
        """The losses, scalar tensors: `objective` is to be minimised, the others are its terms, detached.

        `matching_only` is step 1 of section 4.3: matching pairs and mask losses alone.
        """
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
            likeness = likeness.masked_fill(repeated(batch.instance), -torch.inf)
            parts["contrast"] = (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2
            objective = objective + self.contrast * parts["contrast"]
        return {"objective": objective, **{name: value.detach() for name, value in parts.items()}}

    def _likeness(
        self, cached_a: Tensor, mask_a: Tensor, known_a: Tensor, cached_b: Tensor, mask_b: Tensor, known_b: Tensor
    ) -> Tensor | None:
        """Logits [n, n] of the contrastive loss, (i, j) of image a of i and image b of j; None without its weight."""
        if self.projector is None:
            return None
        seen = []
        for cached, mask, known in ((cached_a, mask_a, known_a), (cached_b, mask_b, known_b)):
            grid = F.adaptive_avg_pool2d(mask, (cached.shape[2], cached.shape[3]))
            weight = torch.where(known[:, None, None, None] > 0, grid, torch.ones_like(grid))
            mean = (cached * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1e-3)
            seen.append(F.normalize(self.projector(mean), dim=1))
        likeness: Tensor = seen[0] @ seen[1].T / TEMPERATURE
        return likeness


def pair_grid(
    instance: Tensor, group: Tensor, negatives: int, chance: Chance, likeness: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Pairs (i, j) of a batch of n, two int64 tensors [n * (1 + negatives)]: first every (i, i), then the negatives.

    A negative is of another instance. The first of each i is of its own group, the others of any. With `likeness`
    [n, n], look-alikes are drawn more often. A group holds two instances or more, and none of them twice.
    """
    every = torch.arange(len(group), device=group.device)
    same = (group[:, None] == group[None]).float()
    other = (instance[:, None] != instance[None]).float()
    if likeness is not None:
        other = other * torch.softmax(likeness.detach().float() * HARDNESS, 1).clamp(min=1e-6)
    drawn = [draw_columns(same * other if k == 0 else other, chance) for k in range(negatives)]
    return every.repeat(1 + negatives), torch.cat([every, *drawn])


def repeated(instance: Tensor) -> Tensor:
    """Whether i and j show one instance, bool [n, n], but for i == j: a batch may hold an instance in two groups."""
    return (instance[:, None] == instance[None]).fill_diagonal_(False)


def draw_columns(weight: Tensor, chance: Chance) -> Tensor:
    """One column of each row, int64 [n], drawn in proportion to `weight` [n, m].

    An exponential time of rate `weight` is drawn for each column, and the shortest wins.
    """
    return (-torch.log(chance.uniform(*weight.shape).clamp(min=1e-30)) / weight).argmin(1)


def _sometimes_true(mask: Tensor, known: Tensor, chance: Chance) -> Tensor:
    """The region that the matching head is given, [B, h, w]: the true one for TRUE_SHARE of the pairs with a mask.

    It is NaN for the others, whose region is the predicted one.
    """
    use = (known > 0) & (chance.uniform(len(known)) < TRUE_SHARE)
    return torch.where(use[:, None, None], mask[:, 0], torch.nan)
