"""TODO."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from scott_core.model.encoder import CachedFeatures, select_cached


class FeatureCache:
    """The states of the pictures used last, in one tensor for each part, by digest. Workers may `put` at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[bytes, int] = OrderedDict()  # the one used longest ago first
        self._parts: CachedFeatures = ()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._slots

    def forget(self) -> None:
        self._slots.clear()

    def touch(self, digest: bytes) -> bool:
        """Whether it is kept; if so, it is now the one used last."""
        if digest not in self._slots:
            return False
        self._slots.move_to_end(digest)
        return True

    def put(self, digests: Sequence[bytes], state: CachedFeatures, capacity: int) -> None:
        """Keep the first rows of `state`; where there is no room left, instead of those used longest ago."""
        with self._lock:
            if not self._parts:
                self._parts = tuple(_room(part, capacity) for part in state)
            slots = []
            for digest in digests:
                if digest not in self._slots:
                    is_full = len(self._slots) == len(self._parts[0])
                    self._slots[digest] = self._slots.popitem(last=False)[1] if is_full else len(self._slots)
                slots.append(self._slots[digest])
            index = torch.tensor(slots, device=self._parts[0].device)
            for kept, part in zip(self._parts, state, strict=True):
                kept[index] = part[: len(digests)]

    def take(self, digests: Sequence[bytes]) -> CachedFeatures:
        """Their states, one row each."""
        slots = torch.tensor([self._slots[digest] for digest in digests], device=self._parts[0].device)
        return select_cached(self._parts, slots)


def _room(part: Tensor, capacity: int) -> Tensor:
    """Memory for `capacity` rows like those of `part`; on a CPU it is taken as it is written."""
    is_last = part.dim() == 4 and part.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if is_last else torch.contiguous_format
    return torch.empty((capacity, *part.shape[1:]), dtype=part.dtype, device=part.device, memory_format=layout)
