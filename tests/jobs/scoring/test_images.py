"""Pictures on their way to a scorer: decoded once, read ahead, in blocks that are bounded."""

import io
import itertools
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from jobs.scoring.blocks import in_blocks, side_by_side
from jobs.scoring.images import PreparedImages, read_ahead
from tests.jobs.small_catalogue import picture


class Scorer:
    """What Pictures asks of one; counts what it prepared."""

    images_at_once = 2

    def __init__(self) -> None:
        self.prepared: list[tuple[int, int]] = []

    def prepare(self, image: Any) -> Any:
        self.prepared.append(image.size)
        return image


def test_a_key_is_decoded_once_while_it_is_kept(tmp_path: Path) -> None:
    scorer = Scorer()
    images = PreparedImages(scorer)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    for _ in range(3):
        assert images.get("a", picture(1)).size == (320, 240)
        assert "no picture in a known format" in images.get("broken", tmp_path / "broken.jpg").detail
        assert "does not exist" in images.get("missing", tmp_path / "missing.jpg").detail
    assert len(scorer.prepared) == 1
    for key in "bcde":  # four are kept
        images.get(key, picture(2))
    images.get("a", picture(1))
    assert len(scorer.prepared) == 6


def test_blocks_hold_what_is_allowed_and_share_sources() -> None:
    items = [("p", "ab"), ("q", "bc"), ("r", "d"), ("s", "abcde"), ("t", "")]
    assert list(in_blocks(items, 3)) == [(["p", "q"], ["a", "b", "c"]), (["r"], ["d"]), (["s", "t"], list("abcde"))]
    assert list(in_blocks([], 3)) == []


def test_the_next_block_is_read_while_one_is_used() -> None:
    read: list[int] = []

    def reading(source: int) -> int:
        read.append(source)
        return 10 * source

    blocks = read_ahead(reading, [("one", [1, 2]), ("two", [3]), ("three", [4])], 1)
    assert next(blocks) == ("one", [10, 20])
    deadline = time.monotonic() + 5
    while 3 not in read and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 3 in read
    assert 4 not in read, "no more than one block ahead"
    assert list(blocks) == [("two", [30]), ("three", [40])]


def test_an_error_of_ours_ends_it_and_leaves_no_thread() -> None:
    def failing(source: int) -> int:
        if source == 2:
            raise OSError("storage is down")
        return source

    blocks = read_ahead(failing, [("one", [1]), ("two", [2]), ("three", [3])], 2)
    assert next(blocks) == ("one", [1])
    with pytest.raises(OSError, match="storage is down"):
        next(blocks)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


def test_a_key_that_many_ask_for_at_once_is_decoded_once() -> None:
    class Slow(Scorer):
        def prepare(self, image: Any) -> Any:
            time.sleep(0.05)
            return super().prepare(image)

    scorer = Slow()
    images = PreparedImages(scorer)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: images.get("one", picture(1)), range(8)))
    assert len(scorer.prepared) == 1
    assert all(each is found[0] for each in found)


def test_what_goes_wrong_in_one_thread_is_not_waited_for_in_another() -> None:
    class Broken(Scorer):
        def prepare(self, image: Any) -> Any:
            raise MemoryError("no room")

    images = PreparedImages(Broken())
    for _ in range(2):
        with pytest.raises(MemoryError, match="no room"):
            images.get("one", picture(1))


def test_items_that_share_sources_are_brought_together() -> None:
    """Of 300 products in any order, each source is read once with room for those of one; as they come, many times."""
    products = [[f"{p}-{n}" for n in range(6)] for p in range(300)]
    pairs = [(a, b) for names in products for a in names[:2] for b in names[2:]]
    random.Random(0).shuffle(pairs)
    order = side_by_side(pairs)
    assert sorted(order) == list(range(len(pairs)))
    assert _reads([pairs[n] for n in order], room=6) == 1800
    assert _reads(pairs, room=6) > 4000
    together = side_by_side([["x", "y"], ["u"], ["z"], ["w", "u"], ["y", "z"]])
    assert abs(together.index(1) - together.index(3)) == 1
    assert abs(together.index(4) - together.index(0)) == 1
    assert abs(together.index(4) - together.index(2)) == 1
    assert side_by_side([]) == []
    assert side_by_side([("x", "x"), ("x", "x")]) == [0, 1]


def _reads(items: Sequence[Sequence[str]], room: int) -> int:
    """How often a source is read where those used last are kept, `room` of them."""
    kept: list[str] = []
    reads = 0
    for source in itertools.chain.from_iterable(items):
        if source in kept:
            kept.remove(source)
        else:
            reads += 1
        kept = [*kept, source][-room:]
    return reads


def test_an_image_that_shows_nothing_is_a_failure_unless_the_extractor_looked_at_it() -> None:
    images = PreparedImages(Scorer())
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(stream, "PNG")
    found = images.get("blank", stream.getvalue())
    assert (found.reason, found.detail.partition(":")[0]) == ("blank", "image of 64x48 px shows nothing")
    assert images.get("extracted", stream.getvalue(), is_extracted=True).size == (64, 48)
