"""Predictor: pictures in, calibrated scores and masks out.

Sigmoid, thresholds, resizing and batching live here, not in the network. Over N catalogue and M document pictures
each picture is encoded once (N + M), then pairs run through the rest in batches; memory does not grow with the number
of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scott_core.checkpoints import Checkpoint, load_checkpoint, probability
from scott_core.encoders import Role
from scott_core.images import Letterbox, to_batch

T = TypeVar("T")
Progress = Callable[[int], object]
Scores = NDArray[np.float32]
ENCODE_BATCH = 16
PAIR_BATCH = 64


@dataclass(frozen=True)
class PairScores:
    """One value for each pair: the probability of a match, and the share of each picture that is foreground."""

    score: Scores
    region_a: Scores
    region_b: Scores


@dataclass(frozen=True)
class Match:
    """One pair in full; masks are probabilities, float32 [H, W] of each picture's own size, foreground over alpha."""

    score: float
    is_match: bool
    mask_a: Scores
    mask_b: Scores
    alpha: float


class Predictor:
    """Scores pairs with a checkpoint. a is the catalogue picture, b the document's: score(a, b) is not score(b, a)."""

    def __init__(self, checkpoint: Checkpoint, *, device: str | None = None):
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.card = checkpoint.card
        self.model = checkpoint.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.size = int(self.card["image_size"])
        self.version = checkpoint.version
        self.threshold = float(self.card["threshold"])

    @classmethod
    def load(cls, weights: str | Path = "default", *, device: str | None = None) -> Predictor:
        """Shipped weights by name, or a .safetensors file with its card beside it. Raises WeightsError."""
        return cls(load_checkpoint(weights), device=device)

    def score_pairs(
        self,
        images_a: Sequence[Image.Image],
        images_b: Sequence[Image.Image],
        pairs: Sequence[tuple[int, int]],
        *,
        progress: Progress | None = None,
    ) -> PairScores:
        """Score pairs of indices (into images_a, images_b), in their order.

        `progress` is called with the number of pairs just done.
        """
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        with torch.inference_mode():
            for boxes_a, boxes_b, out in self._batches(self.model.score_pairs, images_a, images_b, pairs):
                score = probability(out.match.cpu(), self.card)
                parts.append((score, self._share(out.mask_a, boxes_a), self._share(out.mask_b, boxes_b)))
                if progress:
                    progress(len(score))
        if not parts:
            return PairScores(*(np.zeros(0, np.float32) for _ in range(3)))
        return PairScores(*(torch.cat(column).numpy() for column in zip(*parts, strict=True)))

    @torch.inference_mode()
    def logits_at(
        self,
        alphas: Sequence[float],
        images_a: Sequence[Image.Image],
        images_b: Sequence[Image.Image],
        pairs: Sequence[tuple[int, int]],
    ) -> Scores:
        """Match logits of pairs, as `score_pairs`, before calibration and for each of `alphas`: [n, len(alphas)]."""
        found = self._batches(partial(self.model.match_at, alphas=alphas), images_a, images_b, pairs)
        logits: Scores = torch.cat([out.cpu() for _, _, out in found]).numpy()
        return logits

    @torch.inference_mode()
    def matches(
        self, images_a: Sequence[Image.Image], images_b: Sequence[Image.Image], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[Match]:
        """Pairs of indices (into images_a, images_b) in full, in their order; the masks of one pair in memory."""
        where = iter(pairs)
        for boxes_a, boxes_b, out in self._batches(self.model.score_pairs, images_a, images_b, pairs):
            scores = probability(out.match.cpu(), self.card).tolist()
            for n, score in enumerate(scores):
                i, j = next(where)
                mask_a = self._mask(out.mask_a[n : n + 1], boxes_a[n], images_a[i])
                mask_b = self._mask(out.mask_b[n : n + 1], boxes_b[n], images_b[j])
                yield Match(score, score >= self.threshold, mask_a, mask_b, self.model.alpha)

    def match(self, image_a: Image.Image, image_b: Image.Image) -> Match:
        """One pair, with masks at the pictures' own sizes."""
        return next(self.matches([image_a], [image_b], [(0, 0)]))

    def _batches(
        self,
        compare: Callable[[Tensor, Tensor], T],
        images_a: Sequence[Image.Image],
        images_b: Sequence[Image.Image],
        pairs: Sequence[tuple[int, int]],
    ) -> Iterator[tuple[list[Letterbox], list[Letterbox], T]]:
        """`compare` of the states of `pairs`, PAIR_BATCH at a time, each picture encoded once; with where each lies."""
        boxes_a, boxes_b = ([Letterbox.of(image, self.size) for image in images] for images in (images_a, images_b))
        states_a = self._encode(images_a, boxes_a, "a")
        states_b = self._encode(images_b, boxes_b, "b")
        for start in range(0, len(pairs), PAIR_BATCH):
            index_a, index_b = (list(side) for side in zip(*pairs[start : start + PAIR_BATCH], strict=True))
            out = compare(states_a[index_a].to(self.device), states_b[index_b].to(self.device))
            yield [boxes_a[i] for i in index_a], [boxes_b[j] for j in index_b], out

    def _encode(self, images: Sequence[Image.Image], boxes: Sequence[Letterbox], role: Role) -> Tensor:
        states = []
        for start in range(0, len(images), ENCODE_BATCH):
            chosen = range(start, min(start + ENCODE_BATCH, len(images)))
            batch = to_batch([boxes[i].apply(images[i]) for i in chosen]).to(self.device)
            batch = batch.contiguous(memory_format=torch.channels_last)
            states.append(self.model.encode_image(batch, role).cpu())
        return torch.cat(states) if states else torch.zeros(0)

    def _share(self, mask_logits: Tensor, boxes: Sequence[Letterbox]) -> Tensor:
        """Foreground cells over the cells that the picture (not the white around it) covers, [B]."""
        cells: Tensor = self.model.foreground(mask_logits).float().mean((1, 2)).cpu()
        covered = torch.tensor([box.height * box.width / box.size**2 for box in boxes])
        return (cells / covered).clamp(max=1.0)

    @staticmethod
    def _mask(logits: Tensor, box: Letterbox, image: Image.Image) -> Scores:
        square = F.interpolate(logits, size=(box.size, box.size), mode="bilinear", align_corners=False)
        own = F.interpolate(box.crop(square), size=image.size[::-1], mode="bilinear", align_corners=False)
        mask: Scores = torch.sigmoid(own)[0, 0].cpu().numpy()
        return mask
