"""Held-out objects: how a model in training does on the many objects of a pack's split val.

A validation set has few products (60 in ../shared/data). Its ROC AUC is therefore logged beside one over objects that
are composed into pairs as in training, but were never trained on.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch

from scott_core.data.batches import Batches
from scott_core.data.chance import Chance
from scott_core.data.pack import read_rows
from scott_core.data.recipe import Recipe
from scott_core.data.store import load_store
from scott_core.evaluation.metrics import evaluate_scores
from scott_core.model.encoder import select_cached
from scott_core.model.scott import Scott
from scott_core.training.objective import pair_grid

BATCHES = 12  # measured each time: with GROUPS, 192 matching pairs for groups of 4
GROUPS = 4  # of look-alikes in a batch
LOOK_ALIKES = 0.5  # share of groups whose objects are nearest in colour
SEED = 0  # the same pairs at each measurement, in every run


class HeldOut:
    """Pairs of a pack's split val: image a of each drawn object with its own image b, and with that of a look-alike.

    Families with fewer than `group_size` objects there are left out. The pairs are the same at each measurement.
    Raises PairsError for a file that is no pack, and InputError as `load_store` does.
    """

    def __init__(self, pack: Path, *, size: int, group_size: int, device: torch.device):
        _, rows = read_rows(pack)
        objects = Counter(f for f, _ in {(row.family, row.key) for row in rows if row.split == "val" and row.is_object})
        families = {family: float(n >= group_size) for family, n in objects.items()}
        self.batches: Batches | None = None
        if any(families.values()):
            self.batches = Batches(
                load_store(pack, families, group_size=group_size, split="val").to(device),
                Recipe(),
                families=families,
                groups=GROUPS,
                group_size=group_size,
                look_alikes=LOOK_ALIKES,
                size=size,
                seed=SEED,
            )

    @torch.no_grad()
    def roc_auc(self, model: Scott) -> float | None:
        """ROC AUC of the match logits over the pairs, 0 to 1; None where the pack has no such objects."""
        if self.batches is None:
            return None
        labels, logits = [], []
        for number in range(BATCHES):
            batch = self.batches[number]
            i, j = pair_grid(batch.instance, batch.group, 1, Chance(SEED, number, batch.group.device))
            cached_a, cached_b = model.encode_image(batch.images_a, "a"), model.encode_image(batch.images_b, "b")
            logits.append(
                model.score_pairs(select_cached(cached_a, i), select_cached(cached_b, j)).match.float().cpu().numpy()
            )
            labels.append((i == j).cpu().numpy())
        return evaluate_scores(np.concatenate(labels), np.concatenate(logits), 0.0)["roc_auc"]
