"""Pictures on their way to a scorer: decoded once, read ahead, in blocks that are bounded."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from jobs.pictures import Pictures, in_blocks, read_ahead
from tests.jobs.small_catalogue import picture


class Scorer:
    """What Pictures asks of one; counts what it prepared."""

    pictures_at_once = 2

    def __init__(self) -> None:
        self.prepared: list[tuple[int, int]] = []

    def prepare(self, image: Any) -> Any:
        self.prepared.append(image.size)
        return image


def test_a_key_is_decoded_once_while_it_is_kept(tmp_path: Path) -> None:
    scorer = Scorer()
    pictures = Pictures(scorer)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    for _ in range(3):
        assert pictures.get("a", picture(1)).size == (320, 240)
        assert "no picture in a known format" in pictures.get("broken", tmp_path / "broken.jpg")
        assert "does not exist" in pictures.get("missing", tmp_path / "missing.jpg")
    assert len(scorer.prepared) == 1
    for key in "bcde":  # four are kept
        pictures.get(key, picture(2))
    pictures.get("a", picture(1))
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
