"""The engine: what a catalogue's pairs cost is what the mathematics says they must.

    never twice      a picture is encoded once (for each role, where they differ: `Scott.has_roles`), however many
                     pairs, products and calls it is in; two files with the same pixels are one picture. The states
                     used last are kept.
    full batches     pairs of any products share batches of one shape; the last one is filled up. So a score does not
                     depend on what else is in its batch, and memory not on the number of pairs.
    every core       of a CPU works on a batch of its own: they wait for one another at the end of many operations, not
                     at that of each.
    out of memory    halves the batch and goes on.

Batch norms are folded into their convolutions, weights and features lie channels_last, in one of PRECISIONS. Device
work is only queued here: nothing waits for it but what a caller does with the results.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from scott_core.images import to_batch
from scott_core.inference.feature_cache import FeatureCache
from scott_core.inference.optimise import for_inference
from scott_core.inference.precision import PRECISIONS
from scott_core.inference.prepared import Prepared
from scott_core.model.encoder import CachedFeatures, Role
from scott_core.model.matcher import Matcher
from scott_core.model.scott import Scott

T = TypeVar("T")
U = TypeVar("U")
Pairs = Sequence[tuple[int, int]]
log = logging.getLogger("scott")


@dataclass(frozen=True)
class Batches:
    """How much at once: pictures encoded, pairs scored (by each worker), bytes of states kept (for each role)."""

    encode: int
    pair: int
    cache_bytes: int


ROUNDS = 2  # batches that a worker scores before it waits for the others
LOOK_AHEAD = 16  # times as many pairs as are scored at once, in search of pictures that fill a batch to encode
# Of a CPU, what its caches hold (docs/speed.md); of a GPU, a guess at what fills it, for no run on one was had yet.
BATCHES = {"cpu": Batches(2, 16, 1 << 28), "cuda": Batches(64, 256, 4 << 30)}


class Engine:
    """Runs a copy of a Scott, made for inference, over pairs of prepared pictures.

    `fused` pools with the Triton kernel, on a GPU. It is off until a run of `scott bench` on one says that it gains.
    """

    def __init__(self, model: Scott, precision: str, device: torch.device, *, fused: bool = False):
        self.precision = precision
        self.device = device
        self.batches = BATCHES[device.type]
        self.workers = torch.get_num_threads() if device.type == "cpu" else 1
        self.map: Callable[[Callable[[U], T], Iterable[U]], Iterable[T]]  # of a function over tasks, by all workers
        self.map = _pool(self.workers).map if self.workers > 1 else map
        self.model = for_inference(model, PRECISIONS[precision], device)
        if fused:
            from scott_core.inference.triton_pooling import pooled_pairs_fused

            for merge in self.model.modules():
                if isinstance(merge, Matcher):
                    merge.pool = pooled_pairs_fused
        states = FeatureCache()
        self._kept: dict[Role, FeatureCache] = {"a": states, "b": FeatureCache() if self.model.has_roles else states}

    @property
    def pairs_at_once(self) -> int:
        """Pairs scored at the same time, by all workers."""
        return self.batches.pair * self.workers

    def run(
        self,
        compare: Callable[[CachedFeatures, CachedFeatures], T],
        a: Sequence[Prepared],
        b: Sequence[Prepared],
        pairs: Pairs,
    ) -> Iterator[tuple[Pairs, T]]:
        """`compare` of the states of `pairs` (indices into a and b), in order: some pairs and what it made of them.

        What it makes has the rows of a full batch; those after the pairs' are of no meaning.
        """

        @torch.inference_mode()
        def compared(chunk: Pairs) -> T:
            return compare(
                self._take("a", [a[i].digest for i, _ in chunk]), self._take("b", [b[j].digest for _, j in chunk])
            )

        start = 0
        while start < len(pairs):
            now = pairs[start : start + ROUNDS * self.pairs_at_once]
            soon = pairs[start : start + LOOK_AHEAD * self.pairs_at_once]
            self._encode_missing(self._to_encode(a, b, now), self._to_encode(a, b, soon))
            chunks = list(_split(now, self.batches.pair))
            try:
                found = list(self.map(compared, chunks))
            except RuntimeError as error:
                self._halve("pair", error)
                continue
            yield from zip(chunks, found, strict=True)
            start += len(now)

    def forget(self) -> None:
        """Drop all states, as if every picture were new; their memory is kept for the next ones."""
        for states in self._kept.values():
            states.forget()

    def summaries(self, role: Role, pictures: Sequence[Prepared]) -> Tensor:
        """A unit vector for each picture, [n, d] on the CPU: the mean of its features before `encode_pair`.

        For a twin encoder; what `run` will need is encoded here.
        """

        @torch.inference_mode()
        def summary(chunk: Sequence[Prepared]) -> Tensor:
            features = self._take(role, [each.digest for each in chunk])[0][: len(chunk)]
            return F.normalize(features.float().mean((2, 3)), dim=1).cpu()

        parts: list[Tensor] = []
        for now in _split(pictures, ROUNDS * self.pairs_at_once):
            self._encode_missing({role: now}, {role: now})
            parts += self.map(summary, _split(now, self.batches.pair))
        return torch.cat(parts)

    def _to_encode(self, a: Sequence[Prepared], b: Sequence[Prepared], pairs: Pairs) -> dict[Role, Sequence[Prepared]]:
        """The pictures of `pairs` by role; all as "a" where roles do not differ."""
        if self.model.has_roles:
            return {"a": [a[i] for i, _ in pairs], "b": [b[j] for _, j in pairs]}
        return {"a": [picture for i, j in pairs for picture in (a[i], b[j])]}

    def _encode_missing(self, now: dict[Role, Sequence[Prepared]], soon: dict[Role, Sequence[Prepared]]) -> None:
        """See to the states of the pictures of `now`; those that fill the last batch are of `soon`."""

        @torch.inference_mode()
        def encode(todo: tuple[Role, Sequence[Prepared]]) -> None:
            role, chunk = todo
            state = self._encode([each.pixels for each in _fill(chunk, self.batches.encode)], role)
            self._kept[role].put([each.digest for each in chunk], state, self._capacity(state))

        missing = {role: self._missing(role, now[role], soon[role]) for role in now}
        while todo := [
            (role, chunk)
            for role, pictures in missing.items()
            for chunk in _split([each for each in pictures if each.digest not in self._kept[role]], self.batches.encode)
        ]:
            try:
                list(self.map(encode, todo))
            except RuntimeError as error:
                self._halve("encode", error)

    def _missing(self, role: Role, now: Sequence[Prepared], soon: Sequence[Prepared]) -> list[Prepared]:
        """What of `now` has no state, and of `soon` what fills its last batch; the others are now those used last."""
        kept = self._kept[role]
        missing = {each.digest: each for each in now if not kept.touch(each.digest)}
        for each in soon:
            if len(missing) % self.batches.encode == 0:
                break
            if each.digest not in kept:
                missing.setdefault(each.digest, each)
        return list(missing.values())

    def _take(self, role: Role, digests: Sequence[bytes]) -> CachedFeatures:
        """The states of these pictures, a full batch."""
        return self._kept[role].take(_fill(digests, self.batches.pair))

    def _encode(self, squares: list[NDArray[np.uint8]], role: Role) -> CachedFeatures:
        batch = to_batch(squares)
        if self.device.type == "cuda":
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        return self.model.encode_image(batch, role)

    def _capacity(self, state: CachedFeatures) -> int:
        """Pictures whose states are kept: as many as the bytes hold, and at least those of the batches at work."""
        each = sum(part[0].nbytes for part in state)
        sides = 1 if self.model.has_roles else 2
        return max(self.batches.cache_bytes // each, sides * ROUNDS * self.pairs_at_once + self.batches.encode)

    def _halve(self, side: str, error: RuntimeError) -> None:
        """Half as much at once from now on; raises `error` where it is of something else, or one is too much."""
        size = getattr(self.batches, side)
        if size == 1 or not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise error
        self.batches = replace(self.batches, **{side: size // 2})
        log.warning("out of memory: %s batches of %d from now on, not %d", side, size // 2, size)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _pool(size: int) -> ThreadPoolExecutor:
    """Threads whose operations are not split over further ones."""
    pool = ThreadPoolExecutor(size, thread_name_prefix="engine")
    all_here = threading.Barrier(size)

    def start(_: int) -> None:
        torch.get_num_threads()  # else the first operation would undo what follows
        torch.set_num_threads(1)
        all_here.wait()

    list(pool.map(start, range(size)))
    torch.set_num_threads(size)  # of this thread, and what those still to come begin with
    return pool


def _split(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _fill(items: Sequence[T], size: int) -> list[T]:
    """`items`, the last one repeated up to `size`."""
    return [*items, *[items[-1]] * (size - len(items))]
