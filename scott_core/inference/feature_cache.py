"""The feature cache: the cached features of the images used last, on the device of the model.

Each part of CachedFeatures is one tensor with a row for each image. A row belongs to the digest of its image; when all
rows are taken, the digest that was used longest ago loses its row (least recently used).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from scott_core.model.encoder import CachedFeatures, select_cached


class FeatureCache:
    """Cached features by digest. Several threads may `put` at the same time; no thread may `take` meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[bytes, int] = OrderedDict()  # the one used longest ago comes first
        self._parts: CachedFeatures = ()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._rows

    def forget(self) -> None:
        """Drop all features; the tensors stay allocated for the next ones."""
        self._rows.clear()

    def touch(self, digest: bytes) -> bool:
        """Whether `digest` is in the cache; if it is, it becomes the one used last."""
        if digest not in self._rows:
            return False
        self._rows.move_to_end(digest)
        return True

    def put(self, digests: Sequence[bytes], features: CachedFeatures, capacity: int) -> None:
        """Keep the first len(digests) rows of `features`; in a full cache they replace those used longest ago.

        `capacity`, in images, is the size of the cache; it counts in the first call only.
        """
        with self._lock:
            if not self._parts:
                self._parts = tuple(_allocate(part, capacity) for part in features)
            rows = []
            for digest in digests:
                if digest not in self._rows:
                    is_full = len(self._rows) == len(self._parts[0])
                    self._rows[digest] = self._rows.popitem(last=False)[1] if is_full else len(self._rows)
                rows.append(self._rows[digest])
            index = torch.tensor(rows, device=self._parts[0].device)
            for kept, part in zip(self._parts, features, strict=True):
                kept[index] = part[: len(digests)]

    def take(self, digests: Sequence[bytes]) -> CachedFeatures:
        """The features of `digests`, one row each. Raises KeyError for a digest that is not in the cache."""
        rows = torch.tensor([self._rows[digest] for digest in digests], device=self._parts[0].device)
        return select_cached(self._parts, rows)


def _allocate(part: Tensor, capacity: int) -> Tensor:
    """Uninitialised memory for `capacity` rows like those of `part`; a CPU assigns its pages as they are written."""
    is_last = part.dim() == 4 and part.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if is_last else torch.contiguous_format
    return torch.empty((capacity, *part.shape[1:]), dtype=part.dtype, device=part.device, memory_format=layout)
