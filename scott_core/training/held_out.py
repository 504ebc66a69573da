"""TODO."""

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

HELD_OUT_BATCHES, HELD_OUT_GROUPS = 12, 4


class HeldOut:
    """Objects of a pack's split val, composed into pairs as in training, the same at each measurement.

    Beside a validation set of few products, they say how the model does on many: a match and a pair of two objects of
    one category for each of HELD_OUT_BATCHES batches' objects.
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
                groups=HELD_OUT_GROUPS,
                group_size=group_size,
                look_alikes=0.5,
                size=size,
                seed=0,
            )

    @torch.no_grad()
    def roc_auc(self, model: Scott) -> float | None:
        """ROC AUC of the match logits; None where the pack has no such objects."""
        if self.batches is None:
            return None
        labels, logits = [], []
        for number in range(HELD_OUT_BATCHES):
            batch = self.batches[number]
            i, j = pair_grid(batch.instance, batch.group, 1, Chance(0, number, batch.group.device))
            cached_a, cached_b = model.encode_image(batch.images_a, "a"), model.encode_image(batch.images_b, "b")
            logits.append(
                model.score_pairs(select_cached(cached_a, i), select_cached(cached_b, j)).match.float().cpu().numpy()
            )
            labels.append((i == j).cpu().numpy())
        return evaluate_scores(np.concatenate(labels), np.concatenate(logits), 0.0)["roc_auc"]
