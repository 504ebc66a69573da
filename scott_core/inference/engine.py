"""Batched inference over image pairs with a feature cache.

    encoded once     An image is encoded once (once for each role, where `Scott.has_roles`) for all pairs, products and
                     calls, as long as the cache holds it. Images with the same letterboxed pixels are the same image.
    full batches     Pairs of any products share batches of one shape, and the last batch is filled up. So a score does
                     not depend on the other pairs of its batch, and memory does not grow with the number of pairs.
    every core       On a CPU each worker thread scores a batch of its own on one core: the threads of one operation
                     would wait for one another at the end of each, workers wait once in ROUNDS batches.
    out of memory    The engine halves the batch and goes on.

Batch norms are folded into their convolutions, and weights and features are channels_last, in one of PRECISIONS. On a
GPU the work is only queued here; the caller waits for it when it reads the results.
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
class BatchSizes:
    """Images encoded at once and pairs scored at once, by each worker; bytes of the feature cache, for each role."""

    encode: int
    pair: int
    cache_bytes: int


ROUNDS = 2  # batches that a worker scores before it waits for the others
LOOK_AHEAD = 16  # times the pairs scored at once, among which images are sought that fill a batch to encode
# A CPU: what its caches hold, measured by `scott bench` (docs/speed.md). A GPU: a guess at what fills it.
BATCH_SIZES = {"cpu": BatchSizes(2, 16, 1 << 28), "cuda": BatchSizes(64, 256, 4 << 30)}


class Engine:
    """Runs a copy of a Scott, optimised for inference, over pairs of prepared images.

    `fused` pools with the Triton kernel on a GPU. It is off until `scott bench` on a GPU measures a gain.
    """

    def __init__(self, model: Scott, precision: str, device: torch.device, *, fused: bool = False):
        self.precision = precision
        self.device = device
        self.batch_sizes = BATCH_SIZES[device.type]
        self.workers = torch.get_num_threads() if device.type == "cpu" else 1
        self.map: Callable[[Callable[[U], T], Iterable[U]], Iterable[T]]  # a function over tasks, by all workers
        self.map = _pool(self.workers).map if self.workers > 1 else map
        self.model = for_inference(model, PRECISIONS[precision], device)
        if fused:
            from scott_core.inference.triton_pooling import pooled_pairs_fused

            for head in self.model.modules():
                if isinstance(head, Matcher):
                    head.pool = pooled_pairs_fused
        cache = FeatureCache()
        self._caches: dict[Role, FeatureCache] = {"a": cache, "b": FeatureCache() if self.model.has_roles else cache}

    @property
    def pairs_at_once(self) -> int:
        """Pairs scored at the same time, by all workers."""
        return self.batch_sizes.pair * self.workers

    def run(
        self,
        compare: Callable[[CachedFeatures, CachedFeatures], T],
        a: Sequence[Prepared],
        b: Sequence[Prepared],
        pairs: Pairs,
    ) -> Iterator[tuple[Pairs, T]]:
        """Apply `compare` to the cached features of `pairs` (indices into a and b), batch by batch, in order.

        Yields some pairs and their result. The result has the rows of a full batch; rows after the pairs are filling.
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
            chunks = list(_split(now, self.batch_sizes.pair))
            try:
                found = list(self.map(compared, chunks))
            except RuntimeError as error:
                self._halve("pair", error)
                continue
            yield from zip(chunks, found, strict=True)
            start += len(now)

    def forget(self) -> None:
        """Empty the feature cache, as if every image were new; its memory is kept for the next features."""
        for cache in self._caches.values():
            cache.forget()

    def summaries(self, role: Role, images: Sequence[Prepared]) -> Tensor:
        """A unit vector for each image, [n, d] on the CPU: the mean of its features before `encode_pair`.

        It needs a siamese encoder. The features stay in the cache, where `run` finds them.
        """

        @torch.inference_mode()
        def summary(chunk: Sequence[Prepared]) -> Tensor:
            features = self._take(role, [each.digest for each in chunk])[0][: len(chunk)]
            return F.normalize(features.float().mean((2, 3)), dim=1).cpu()

        parts: list[Tensor] = []
        for now in _split(images, ROUNDS * self.pairs_at_once):
            self._encode_missing({role: now}, {role: now})
            parts += self.map(summary, _split(now, self.batch_sizes.pair))
        return torch.cat(parts)

    def _to_encode(self, a: Sequence[Prepared], b: Sequence[Prepared], pairs: Pairs) -> dict[Role, Sequence[Prepared]]:
        """The images of `pairs` by role; all of them as "a" where roles do not differ."""
        if self.model.has_roles:
            return {"a": [a[i] for i, _ in pairs], "b": [b[j] for _, j in pairs]}
        return {"a": [image for i, j in pairs for image in (a[i], b[j])]}

    def _encode_missing(self, now: dict[Role, Sequence[Prepared]], soon: dict[Role, Sequence[Prepared]]) -> None:
        """Encode the images of `now` that are not in the cache, and of `soon` as many as fill the last batch."""

        @torch.inference_mode()
        def encode(todo: tuple[Role, Sequence[Prepared]]) -> None:
            role, chunk = todo
            features = self._encode([each.pixels for each in _fill(chunk, self.batch_sizes.encode)], role)
            self._caches[role].put([each.digest for each in chunk], features, self._capacity(features))

        missing = {role: self._missing(role, now[role], soon[role]) for role in now}
        while todo := [
            (role, chunk)
            for role, images in missing.items()
            for chunk in _split(
                [each for each in images if each.digest not in self._caches[role]], self.batch_sizes.encode
            )
        ]:
            try:
                list(self.map(encode, todo))
            except RuntimeError as error:
                self._halve("encode", error)

    def _missing(self, role: Role, now: Sequence[Prepared], soon: Sequence[Prepared]) -> list[Prepared]:
        """The images of `now` that are not in the cache, and of `soon` as many as fill the last batch.

        Those of `now` that are in the cache become the ones used last, so that no new one takes their place.
        """
        cache = self._caches[role]
        missing = {each.digest: each for each in now if not cache.touch(each.digest)}
        for each in soon:
            if len(missing) % self.batch_sizes.encode == 0:
                break
            if each.digest not in cache:
                missing.setdefault(each.digest, each)
        return list(missing.values())

    def _take(self, role: Role, digests: Sequence[bytes]) -> CachedFeatures:
        """The cached features of these images, filled up to a batch of pairs."""
        return self._caches[role].take(_fill(digests, self.batch_sizes.pair))

    def _encode(self, squares: list[NDArray[np.uint8]], role: Role) -> CachedFeatures:
        batch = to_batch(squares)
        if self.device.type == "cuda":
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        return self.model.encode_image(batch, role)

    def _capacity(self, features: CachedFeatures) -> int:
        """Images that the cache holds: as many as its bytes allow, and at least those of the batches in progress."""
        each = sum(part[0].nbytes for part in features)
        sides = 1 if self.model.has_roles else 2
        return max(self.batch_sizes.cache_bytes // each, sides * ROUNDS * self.pairs_at_once + self.batch_sizes.encode)

    def _halve(self, side: str, error: RuntimeError) -> None:
        """Halve the batch size `side` where `error` says that memory ran out.

        Raises `error` where it says anything else, or where the batch is of one.
        """
        size = getattr(self.batch_sizes, side)
        if size == 1 or not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise error
        self.batch_sizes = replace(self.batch_sizes, **{side: size // 2})
        log.warning("out of memory: %s batches of %d from now on, not %d", side, size // 2, size)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _pool(size: int) -> ThreadPoolExecutor:
    """A pool of `size` threads, in each of which torch uses one thread for an operation."""
    pool = ThreadPoolExecutor(size, thread_name_prefix="engine")
    all_here = threading.Barrier(size)

    def start(_: int) -> None:
        torch.get_num_threads()  # a thread's first call initialises its count, and would undo the next line later
        torch.set_num_threads(1)
        all_here.wait()

    list(pool.map(start, range(size)))
    torch.set_num_threads(size)  # the count of this thread, and the one that new threads start with
    return pool


def _split(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _fill(items: Sequence[T], size: int) -> list[T]:
    """`items`, with the last one repeated up to `size`."""
    return [*items, *[items[-1]] * (size - len(items))]
