"""The codec of masks, against Label Studio's own written out a second time, and on what is no mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.review.rle import BadRle, decode_rle, encode_rle


def literal_decode(rle: list[int]) -> list[int]:
    """rle-pack's decode, as its JavaScript source has it, over a string of bits."""
    bits, place = "".join(f"{byte:08b}" for byte in rle), 0

    def read(size: int) -> int:
        nonlocal place
        place += size
        return int(bits[place - size : place], 2)

    n_words, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    out: list[int] = []
    while len(out) < n_words:
        is_run = read(1)
        count = read(sizes[read(2)]) + 1
        out += [read(word)] * count if is_run else [read(word) for _ in range(count)]
    return out


def literal_encode(words: list[int], sizes: tuple[int, ...] = (3, 4, 8, 16)) -> list[int]:
    """A legal code of `words` with blocks that ours never writes: several words that differ, one after another."""
    bits = f"{len(words):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    for start in range(0, len(words), 5):
        part = words[start : start + 5]
        bits += f"0{1:02b}{len(part) - 1:0{sizes[1]}b}" + "".join(f"{each:08b}" for each in part)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]


def masks() -> list[NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    found = [rng.random((h, w)) < share for h, w, share in ((1, 1, 0.5), (7, 5, 0.5), (60, 90, 0.02), (64, 33, 0.98))]
    found += [np.zeros((8, 9), bool), np.ones((8, 9), bool), np.ones((300, 400), bool)]  # a run of over 2**16 words
    return found


@pytest.mark.parametrize("mask", masks(), ids=lambda mask: f"{mask.shape}")
def test_a_mask_is_read_as_it_was_written_here_and_elsewhere(mask: NDArray[np.bool_]) -> None:
    code = encode_rle(mask)
    assert all(0 <= byte <= 255 for byte in code)
    assert (decode_rle(code, mask.shape) == mask).all()  # type: ignore[arg-type]
    words = np.array(literal_decode(code)).reshape(*mask.shape, 4)
    assert (words == np.where(mask, 255, 0)[:, :, None]).all()


def test_the_editors_code_is_read_with_colours_and_soft_edges() -> None:
    rng = np.random.default_rng(1)
    rgba = rng.integers(0, 256, (11, 13, 4))
    rgba[rng.random((11, 13)) < 0.6] = 0
    for code in (literal_encode(rgba.ravel().tolist()), literal_encode(rgba.ravel().tolist(), (2, 5, 9, 12))):
        assert (decode_rle(code, (11, 13)) == (rgba[:, :, 3] > 0)).all()


def sample() -> list[int]:
    return encode_rle(np.random.default_rng(2).random((9, 9)) < 0.5)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ([], "no list of bytes"),
        ("12", "no list of bytes"),
        (None, "no list of bytes"),
        ([1, None], "no list of bytes"),
        ([1, 256], "no list of bytes"),
        ([[1], [2]], "no list of bytes"),
        ([0, 0], "ends too early"),
        (sample()[:-20], "ends too early"),
        ([255] * 40, "bytes of pixels"),
        ([*sample()[:4], 255, *sample()[5:]], "words of 32 bits"),
        (encode_rle(np.ones((9, 8), bool)), "has 288 bytes of pixels, an image of 9 x 9 has 324"),
        (
            [*sample()[:4], 0b00111_001, 0b0001_0010, 0b1111_1111, 0b1_11_11111, *[255] * 9],
            "more pixels than its image",
        ),
    ],
)
def test_what_is_no_mask_of_the_image_is_refused(code: Any, said: str) -> None:
    with pytest.raises(BadRle, match=said):
        decode_rle(code, (9, 9))
