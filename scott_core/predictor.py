"""Predictor: images in, calibrated scores and masks out.

Sigmoid, thresholds and resizing live here, not in the network; batches and the feature cache live in
`scott_core.inference.engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scott_core.checkpoint import Checkpoint, load_checkpoint, probability
from scott_core.images import Letterbox
from scott_core.inference.engine import Engine, Pairs
from scott_core.inference.precision import resolve
from scott_core.inference.prepared import Prepared
from scott_core.match import MaskCodes, Match, encode_mask
from scott_core.progress import Progress

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class PairScores:
    """For each pair, float32 [n] in 0..1: the probability of a match, and each image's share of foreground.

    `masks(i)` gives the codes of the masks of pair i (scott_core/match.py); None of a scorer that finds no regions.
    """

    score: Scores
    region_a: Scores
    region_b: Scores
    masks: Callable[[int], MaskCodes] | None = None


class Predictor:
    """The PairScorer of a checkpoint. a is the catalogue image, b the document image: score(a, b) is not score(b, a).

    `device` is a name of torch, by default CUDA where there is one. `precision` is a name of PRECISIONS, by default
    the card's where the device multiplies it, else float32. `fused` is the engine's.
    """

    finds_regions = True

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str | None = None,
        precision: str | None = None,
        fused: bool = False,
    ):
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.card = checkpoint.card
        resolved = resolve(precision, self.card.precision, self.device)
        self.engine = Engine(checkpoint.model, resolved, self.device, fused=fused)
        self.alpha = checkpoint.model.alpha
        self.size = self.card.image_size
        self.version = self.card.version
        self.threshold = self.card.threshold

    @classmethod
    def load(
        cls, weights: str | Path = "default", *, device: str | None = None, precision: str | None = None
    ) -> Predictor:
        """The predictor of shipped weights, by name, or of a .safetensors file with its card beside it.

        Raises WeightsError as `load_checkpoint` does, and InputError for a precision that is unknown or not available.
        """
        return cls(load_checkpoint(weights), device=device, precision=precision)

    @property
    def pairs_at_once(self) -> int:
        """Pairs scored at the same time."""
        return self.engine.pairs_at_once

    @property
    def images_at_once(self) -> int:
        """Prepared images, of 0.3 MB each, that a caller should hold: enough for several batches of pairs."""
        return 4 * self.pairs_at_once

    def prepare(self, image: Image.Image) -> Prepared:
        """The image letterboxed; `score_pairs` does it itself unless the caller did it earlier, in any thread."""
        return Prepared.of(image, self.size)

    def score_pairs(
        self,
        images_a: Sequence[Image.Image | Prepared],
        images_b: Sequence[Image.Image | Prepared],
        pairs: Pairs,
        *,
        progress: Progress | None = None,
    ) -> PairScores:
        """Score pairs of indices (into images_a, images_b), in their order.

        `progress` is called with the number of pairs just done. Regions are shares of the image itself, without the
        white around it.
        """
        a, b = self._prepared(images_a), self._prepared(images_b)
        parts: list[Tensor] = []
        logits_of: list[Tensor] = []
        for chunk, out in self.engine.run(self.engine.model.score_pairs, a, b, pairs):
            regions = (self.engine.model.foreground(mask).float().mean((1, 2)) for mask in (out.mask_a, out.mask_b))
            parts.append(torch.stack([out.match.float(), *regions])[:, : len(chunk)])
            logits_of.append(torch.stack([out.mask_a[: len(chunk), 0], out.mask_b[: len(chunk), 0]], 1).half())
            if progress:
                progress(len(chunk))
        if not parts:
            return PairScores(*np.zeros((3, 0), np.float32))
        logits, cells_a, cells_b = torch.cat(parts, 1).cpu()  # the first line that waits for the device
        covered_a, covered_b = ([a[i].box.covers for i, _ in pairs], [b[j].box.covers for _, j in pairs])
        region_a, region_b = (
            (cells / torch.tensor(covered)).clamp(max=1.0).numpy()
            for cells, covered in ((cells_a, covered_a), (cells_b, covered_b))
        )
        masks = torch.cat(logits_of).cpu().numpy()  # [n, 2, h, w]

        def codes(n: int) -> MaskCodes:
            i, j = pairs[n]
            code_a, code_b = (
                encode_mask(each.astype(np.float32), self.alpha, image.box.within(*each.shape))
                for each, image in zip(masks[n], (a[i], b[j]), strict=True)
            )
            return code_a, code_b

        return PairScores(self._probability(logits).numpy(), region_a, region_b, codes)

    def likeness(
        self, images_a: Sequence[Image.Image | Prepared], images_b: Sequence[Image.Image | Prepared], pairs: Pairs
    ) -> Scores:
        """An estimate of how likely each pair is to match, float32 [n], from its images alone: an order to score in.

        With a siamese encoder it is the cosine of the images' mean features, otherwise zeros.
        """
        if not self.engine.model.encoder.is_siamese or not pairs:
            return np.zeros(len(pairs), np.float32)
        a, b = self._prepared(images_a), self._prepared(images_b)
        index_a, index_b = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
        of_a = dict(zip(index_a, self.engine.summaries("a", [a[i] for i in index_a]), strict=True))
        of_b = dict(zip(index_b, self.engine.summaries("b", [b[j] for j in index_b]), strict=True))
        return np.array([float(of_a[i] @ of_b[j]) for i, j in pairs], np.float32)

    def logits_at(
        self, alphas: Sequence[float], images_a: Sequence[Image.Image], images_b: Sequence[Image.Image], pairs: Pairs
    ) -> Scores:
        """Match logits before calibration, float32 [n, len(alphas)], of pairs as in `score_pairs`, at each alpha."""
        compare = partial(self.engine.model.match_at, alphas=alphas)
        found = self.engine.run(compare, self._prepared(images_a), self._prepared(images_b), pairs)
        logits: Scores = torch.cat([out[: len(chunk)].float().cpu() for chunk, out in found]).numpy()
        return logits

    def matches(
        self, images_a: Sequence[Image.Image], images_b: Sequence[Image.Image], pairs: Pairs
    ) -> Iterator[Match]:
        """Pairs of indices (into images_a, images_b) in full, in their order; the masks of one pair are in memory."""
        a, b = self._prepared(images_a), self._prepared(images_b)
        for chunk, out in self.engine.run(self.engine.model.score_pairs, a, b, pairs):
            scores = self._probability(out.match.float().cpu()).tolist()
            for n, (i, j) in enumerate(chunk):
                mask_a = _mask(out.mask_a[n : n + 1], a[i].box, images_a[i])
                mask_b = _mask(out.mask_b[n : n + 1], b[j].box, images_b[j])
                yield Match(scores[n], scores[n] >= self.threshold, mask_a, mask_b, self.alpha)

    def match(self, image_a: Image.Image, image_b: Image.Image) -> Match:
        """One pair in full."""
        return next(self.matches([image_a], [image_b], [(0, 0)]))

    def _probability(self, logits: Tensor) -> Tensor:
        return probability(logits, self.card.slope, self.card.bias)

    def _prepared(self, images: Sequence[Image.Image | Prepared]) -> list[Prepared]:
        raw = [each for each in images if not isinstance(each, Prepared)]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # Pillow releases the GIL while it resizes
            prepared = pool.map(self.prepare, raw)
            return [each if isinstance(each, Prepared) else next(prepared) for each in images]


@torch.inference_mode()
def _mask(logits: Tensor, box: Letterbox, image: Image.Image) -> Scores:
    """Mask logits of the square, [1, 1, h, w] -> probabilities of the image's own pixels, float32 [H, W]."""
    square = F.interpolate(logits.float(), size=(box.size, box.size), mode="bilinear", align_corners=False)
    own = F.interpolate(box.crop(square), size=image.size[::-1], mode="bilinear", align_corners=False)
    mask: Scores = torch.sigmoid(own)[0, 0].cpu().numpy()
    return mask
