"""Masks as Label Studio's brush RLE (`"format": "rle"`): run lengths of an image's bytes, four a pixel, packed as bits.

The format is that of Karsten Schmidt's @thi.ng/rle-pack (https://thi.ng/rle-pack, Apache-2.0), with which the editor
of Label Studio packs the RGBA pixels of a brush, and which label_studio_sdk/converter/brush.py reads and writes:

    32 bits            number of words
    5 bits             bits of a word, less 1
    4 times 4 bits     the sizes of counts in bits, less 1 (3, 4, 8, 16)
    then blocks        1 bit: is it a run of one word; 2 bits: which size the count has; the count less 1;
                       one word for a run, or as many words as the count says

A pixel belongs to the mask where its fourth byte, alpha, is over 0, which is wherever the brush left paint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BoolMask = NDArray[np.bool_]  # [H, W], true on the object

_COUNT_BITS = (3, 4, 8, 16)  # Label Studio's, and rle-pack's by default
_WORD_BITS = 8
_CHANNELS = 4


class BadRle(ValueError):
    """Bytes that are no mask of the size that they should have."""


def encode_rle(mask: BoolMask) -> list[int]:
    """The bytes of a mask [H, W]: 255 in all four channels on the object, 0 beside it."""
    words = np.repeat(mask.ravel(), _CHANNELS)
    ends = np.append(np.flatnonzero(words[1:] != words[:-1]) + 1, len(words)) if len(words) else np.zeros(0, int)
    starts = np.append(0, ends[:-1])
    bits = [f"{len(words):032b}", f"{_WORD_BITS - 1:05b}", *(f"{size - 1:04b}" for size in _COUNT_BITS)]
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        word = "1" * _WORD_BITS if words[start] else "0" * _WORD_BITS
        left = end - start
        while left:
            which = next((n for n, size in enumerate(_COUNT_BITS) if left <= 2**size), len(_COUNT_BITS) - 1)
            count = min(left, 2 ** _COUNT_BITS[which])
            bits.append(f"1{which:02b}{count - 1:0{_COUNT_BITS[which]}b}{word}")
            left -= count
    packed: list[int] = np.packbits(np.frombuffer("".join(bits).encode(), np.uint8) - ord("0")).tolist()
    return packed


def decode_rle(rle: Sequence[int], size: tuple[int, int]) -> BoolMask:
    """The mask [H, W] of an image of `size` (height, width). Raises BadRle where the bytes are not one."""
    height, width = size
    try:
        data = np.array(rle, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRle("the mask is no list of bytes") from error
    if data.ndim != 1 or data.size == 0 or data.min() < 0 or data.max() > 255:
        raise BadRle("the mask is no list of bytes")
    bits = _Bits(np.unpackbits(data.astype(np.uint8)))
    n_words = bits.number(32)
    if n_words != height * width * _CHANNELS:
        raise BadRle(f"the mask has {n_words} bytes of pixels, an image of {width} x {height} has {height * width * 4}")
    if (word_bits := bits.number(5) + 1) != _WORD_BITS:
        raise BadRle(f"the mask has words of {word_bits} bits: expected {_WORD_BITS}")
    sizes = [bits.number(4) + 1 for _ in _COUNT_BITS]
    words = np.zeros(n_words, np.uint8)
    place = 0
    while place < n_words:
        is_run = bits.number(1)
        end = place + bits.number(sizes[bits.number(2)]) + 1
        if end > n_words:
            raise BadRle("the mask has more pixels than its image")
        words[place:end] = bits.number(_WORD_BITS) if is_run else bits.words(end - place)
        place = end
    found: BoolMask = words.reshape(height, width, _CHANNELS)[:, :, 3] > 0
    return found


class _Bits:
    """Bits [N] that are read from the first on."""

    def __init__(self, bits: NDArray[np.uint8]) -> None:
        self._bits = bits
        self._text = (bits + ord("0")).tobytes()
        self._place = 0

    def number(self, size: int) -> int:
        """The next `size` bits as a number. Raises BadRle where there are fewer."""
        self._skip(size)
        return int(self._text[self._place - size : self._place], 2)

    def words(self, count: int) -> NDArray[np.uint8]:
        """The next `count` words of _WORD_BITS."""
        self._skip(count * _WORD_BITS)
        return np.packbits(self._bits[self._place - count * _WORD_BITS : self._place])

    def _skip(self, size: int) -> None:
        self._place += size
        if self._place > len(self._bits):
            raise BadRle("the mask ends too early: it was cut")
