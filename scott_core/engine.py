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

import copy
import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from scott_core.efficientnet_lite import EfficientNetLite0
from scott_core.encoders import Role, State, take
from scott_core.images import Letterbox, to_batch
from scott_core.matcher import Matcher
from scott_core.packed import pack_convolutions
from scott_core.precision import PRECISIONS
from scott_core.scott import Scott
from scott_core.winograd import CHANNELS_OF_ENCODER, replace_convolutions

T = TypeVar("T")
U = TypeVar("U")
Pairs = Sequence[tuple[int, int]]
log = logging.getLogger("scott")


@dataclass(frozen=True)
class Batches:
    """How much at once: pictures encoded, pairs scored (by each worker), bytes of states kept (for each role)."""

    encode: int
    pair: int
    state_bytes: int


ROUNDS = 2  # batches that a worker scores before it waits for the others
LOOK_AHEAD = 16  # times as many pairs as are scored at once, in search of pictures that fill a batch to encode
# Of a CPU, what its caches hold (docs/speed.md); of a GPU, a guess at what fills it, for no run on one was had yet.
BATCHES = {"cpu": Batches(2, 16, 1 << 28), "cuda": Batches(64, 256, 4 << 30)}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as a model sees it: the letterboxed square, uint8 [size, size, 3], and what tells it from others."""

    box: Letterbox
    pixels: NDArray[np.uint8]
    digest: bytes

    @classmethod
    def of(cls, image: Image.Image, size: int) -> Prepared:
        box = Letterbox.of(image, size)
        pixels = box.apply(image)
        return cls(box, pixels, hashlib.sha256(pixels.data).digest())


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
            from scott_core.matcher_triton import pooled_pairs_fused

            for merge in self.model.modules():
                if isinstance(merge, Matcher):
                    merge.pool = pooled_pairs_fused
        states = _States()
        self._kept: dict[Role, _States] = {"a": states, "b": _States() if self.model.has_roles else states}

    @property
    def pairs_at_once(self) -> int:
        """Pairs scored at the same time, by all workers."""
        return self.batches.pair * self.workers

    def run(
        self, compare: Callable[[State, State], T], a: Sequence[Prepared], b: Sequence[Prepared], pairs: Pairs
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
        """A unit vector for each picture, [n, d] on the CPU: the mean of its features before `exchange`.

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

    def _take(self, role: Role, digests: Sequence[bytes]) -> State:
        """The states of these pictures, a full batch."""
        return self._kept[role].take(_fill(digests, self.batches.pair))

    def _encode(self, squares: list[NDArray[np.uint8]], role: Role) -> State:
        batch = to_batch(squares)
        if self.device.type == "cuda":
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        return self.model.encode_image(batch, role)

    def _capacity(self, state: State) -> int:
        """Pictures whose states are kept: as many as the bytes hold, and at least those of the batches at work."""
        each = sum(part[0].nbytes for part in state)
        sides = 1 if self.model.has_roles else 2
        return max(self.batches.state_bytes // each, sides * ROUNDS * self.pairs_at_once + self.batches.encode)

    def _halve(self, side: str, error: RuntimeError) -> None:
        """Half as much at once from now on; raises `error` where it is of something else, or one is too much."""
        size = getattr(self.batches, side)
        if size == 1 or not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise error
        self.batches = replace(self.batches, **{side: size // 2})
        log.warning("out of memory: %s batches of %d from now on, not %d", side, size // 2, size)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


class _States:
    """The states of the pictures used last, in one tensor for each part, by digest. Workers may `put` at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[bytes, int] = OrderedDict()  # the one used longest ago first
        self._parts: State = ()

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

    def put(self, digests: Sequence[bytes], state: State, capacity: int) -> None:
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

    def take(self, digests: Sequence[bytes]) -> State:
        """Their states, one row each."""
        slots = torch.tensor([self._slots[digest] for digest in digests], device=self._parts[0].device)
        return take(self._parts, slots)


def _room(part: Tensor, capacity: int) -> Tensor:
    """Memory for `capacity` rows like those of `part`; on a CPU it is taken as it is written."""
    is_last = part.dim() == 4 and part.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if is_last else torch.contiguous_format
    return torch.empty((capacity, *part.shape[1:]), dtype=part.dtype, device=part.device, memory_format=layout)


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


def for_inference(model: Scott, dtype: torch.dtype, device: torch.device) -> Scott:
    """A copy with folded batch norms, channels_last, in `dtype`; the pixels' statistics stay in float32.

    On a CPU, wide 3x3 convolutions are Winograd's and all others packed.
    """
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    fold_batch_norms(copied)
    copied.join()
    if device.type == "cpu":
        replace_convolutions(copied.encoder, dtype, CHANNELS_OF_ENCODER)
        for head in (copied.sigma_a, copied.sigma_b, copied.cross):
            replace_convolutions(head, dtype)
        pack_convolutions(copied)
    trunks = [module for module in copied.modules() if isinstance(module, EfficientNetLite0)]
    exact = {each: each.detach().clone() for trunk in trunks for part in trunk.delicate() for each in part.parameters()}
    statistics = {name: _one_if_equal(getattr(copied.encoder, name)).to(device) for name in ("mean", "std")}
    copied.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for name, value in statistics.items():
        setattr(copied.encoder, name, value)
    for parameter, value in exact.items():
        parameter.data = value.to(device)
    return copied


def _one_if_equal(channels: Tensor) -> Tensor:
    """[1, c, 1, 1], or [1, 1, 1, 1], which broadcasts at the speed of a number."""
    return channels[:, :1] if (channels == channels[:, :1]).all() else channels


def fold_batch_norms(module: nn.Module) -> None:
    """Fold each batch norm into the convolution that stands right before it, in place, throughout `module`."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        else:
            fold_batch_norms(child)
        before = (name, child)
