"""The same promises on every kind of storage: whole writes, compare-and-swap, typed errors."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionClosedError

from jobs.errors import (
    BadStorageUri,
    BucketMissing,
    LostRace,
    ObjectDenied,
    ObjectMissing,
    StorageDenied,
    StorageUnavailable,
)
from jobs.storage import Storage, base, open_storage

BACKSLASHES = ["a\\..\\..\\secret", "..\\secret", "a/..\\b", "a\\.\\b", "a\\.."]
WRITERS, INCREMENTS = 5, 10


def test_reads_what_was_written(any_storage: Storage) -> None:
    any_storage.write("a/b/one.bin", b"1234")
    any_storage.write("a/b/one.bin", b"12345")
    assert any_storage.read("a/b/one.bin").data == b"12345"
    assert any_storage.read_head("a/b/one.bin", 3) == b"123"
    assert any_storage.read_head("a/b/one.bin", 99) == b"12345"


def test_what_is_said_of_an_object_and_that_it_can_be_deleted(any_storage: Storage) -> None:
    any_storage.write("a/b/x", b"1")
    assert abs(any_storage.modified("a/b/x") - time.time()) < 60
    any_storage.delete("a/b/x")
    any_storage.delete("a/b/x")
    assert any_storage.keys("") == []
    for ask in (any_storage.modified, any_storage.version, any_storage.read):
        with pytest.raises(ObjectMissing, match="a/b/x"):
            ask("a/b/x")
    any_storage.write("a/b/x", b"2")
    assert any_storage.read("a/b/x").data == b"2"


def test_writers_and_deletions_in_one_folder_do_not_undo_each_other(tmp_path: Path) -> None:
    """A deletion that empties a folder removes its lock, for which others wait."""
    storage = open_storage(str(tmp_path))

    def add(_: int) -> None:
        storage.update("counts/n", lambda data: str(int(data or b"0") + 1).encode())
        storage.write("counts/other", b"x")
        storage.delete("counts/other")

    def come_and_go(n: int) -> None:
        storage.write(f"gone/{n}", b"x")
        storage.delete(f"gone/{n}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
        list(pool.map(come_and_go, range(200)))
    assert storage.read("counts/n").data == b"40"
    assert storage.keys("gone") == []
    assert not (tmp_path / "gone").exists()


def test_missing_object_is_named(any_storage: Storage) -> None:
    with pytest.raises(ObjectMissing, match=r"no/such\.bin"):
        any_storage.read("no/such.bin")
    assert any_storage.read_or_none("no/such.bin") is None
    any_storage.write("folder/x", b"1")
    assert any_storage.read_or_none("folder") is None, "a folder is no object"


def test_lists_visible_objects_in_order(any_storage: Storage) -> None:
    for key in ("t/b=2/x", "t/b=10/x", "t/top", "t/.hidden", "t/.dir/x", "other/x", "tt/x"):
        any_storage.write(key, b"1")
    assert any_storage.keys("t") == ["t/b=10/x", "t/b=2/x", "t/top"]
    assert any_storage.folders("t") == ["b=10", "b=2"]
    assert any_storage.folders("") == ["other", "t", "tt"]
    assert any_storage.keys("nothing") == []
    assert any_storage.folders("nothing") == []


def test_lists_more_than_a_page(s3_root: str) -> None:
    storage = open_storage(s3_root)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: storage.write(f"many/{i:05d}", b""), range(1100)))
    assert storage.keys("many") == [f"many/{i:05d}" for i in range(1100)]


def test_keys_with_odd_characters(any_storage: Storage) -> None:
    keys = ["odd/a b+c%20&?.jpg", "odd/audit_date=2026-01-01", "odd/é漢.pdf", "odd/~@="]
    for key in keys:
        any_storage.write(key, key.encode())
    assert any_storage.keys("odd") == sorted(keys)
    assert [any_storage.read(key).data.decode() for key in keys] == keys


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a/", "a\0b", *BACKSLASHES])
def test_a_key_cannot_leave_the_root(any_storage: Storage, key: str) -> None:
    for act in (any_storage.read, lambda k: any_storage.write(k, b"x")):
        with pytest.raises(BadStorageUri):
            act(key)


def test_write_if_wins_only_against_what_was_read(any_storage: Storage) -> None:
    any_storage.write_if("x", b"first", None)
    with pytest.raises(LostRace, match="x"):
        any_storage.write_if("x", b"again", None)
    etag = any_storage.read("x").etag
    any_storage.write_if("x", b"second", etag)
    with pytest.raises(LostRace):
        any_storage.write_if("x", b"late", etag)
    with pytest.raises(LostRace):
        any_storage.write_if("never/was", b"late", etag)
    assert any_storage.read("x").data == b"second"
    assert any_storage.read_or_none("never/was") is None


def test_update_leaves_alone_what_does_not_change(any_storage: Storage) -> None:
    assert any_storage.update("x", lambda data: None) is False
    assert any_storage.read_or_none("x") is None
    assert any_storage.update("x", lambda data: b"1") is True
    assert any_storage.update("x", lambda data: data) is False
    assert any_storage.update("x", lambda data: None) is False
    assert any_storage.read("x").data == b"1"


def test_no_increment_is_lost(any_storage: Storage, any_root: str) -> None:
    def count(_: int) -> None:
        storage = open_storage(any_root)
        for _ in range(INCREMENTS):
            storage.update("counter", lambda data: str(int(data or b"0") + 1).encode())

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(count, range(WRITERS)))
    assert any_storage.read("counter").data == str(WRITERS * INCREMENTS).encode()


def test_no_increment_of_another_process_is_lost(tmp_path: Path) -> None:
    script = (
        "import sys; from jobs.storage import open_storage; s = open_storage(sys.argv[1])\n"
        f"for _ in range({INCREMENTS}): s.update('counter', lambda data: str(int(data or b'0') + 1).encode())"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(WRITERS)]
    assert [process.wait() for process in processes] == [0] * WRITERS
    assert open_storage(str(tmp_path)).read("counter").data == str(WRITERS * INCREMENTS).encode()


def test_a_change_that_takes_long_may_lose_more_than_one_race(
    any_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "UPDATE_SECONDS", 0.0)
    any_storage.write("a", b"0")
    others = iter((b"1", b"2", b"3"))

    def change(data: bytes | None) -> bytes:
        if (other := next(others, None)) is not None:
            any_storage.write("a", other)
        return (data or b"") + b"!"

    assert any_storage.update("a", change)
    assert any_storage.read("a").data == b"3!"


def test_one_of_many_creators_wins(any_root: str) -> None:
    start = threading.Barrier(8)

    def create(writer: int) -> int | None:
        storage = open_storage(any_root)
        start.wait()
        try:
            storage.write_if("x", str(writer).encode(), None)
        except LostRace:
            return None
        return writer

    with ThreadPoolExecutor(8) as pool:
        winners = [writer for writer in pool.map(create, range(8)) if writer is not None]
    assert len(winners) == 1
    assert open_storage(any_root).read("x").data == str(winners[0]).encode()


def test_a_reader_sees_the_old_or_the_new(any_root: str) -> None:
    """Two values of 1 MB change places while another thread reads: no read is empty, missing or mixed."""
    values = [bytes([i]) * 1_000_000 for i in (1, 2)]
    storage = open_storage(any_root)
    storage.write("x", values[0])
    done = threading.Event()

    def change() -> None:
        writer = open_storage(any_root)
        for turn in range(30):
            writer.write("x", values[turn % 2])
        done.set()

    thread = threading.Thread(target=change)
    thread.start()
    seen = set()
    while not done.is_set():
        data = storage.read("x").data
        assert data in values
        seen.add(data[0])
    thread.join()
    assert seen == {1, 2}


def test_a_killed_writer_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """kill -9 of a process that rewrites a large file: the object is whole, and the next writer gets in."""
    script = (
        "import sys; from jobs.storage import open_storage; s = open_storage(sys.argv[1])\n"
        "s.write('ready', b'')\n"
        "while True:\n    for i in (1, 2): s.write('x', bytes([i]) * 20_000_000)"
    )
    storage = open_storage(str(tmp_path))
    storage.write("x", bytes([1]) * 20_000_000)
    for delay in (0.0, 0.013, 0.031):
        process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
        wait_until(lambda: (tmp_path / "ready").exists())
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (tmp_path / "ready").unlink()
        data = storage.read("x").data
        assert data in (bytes([1]) * 20_000_000, bytes([2]) * 20_000_000)
        assert storage.keys("") == ["x"]
    assert storage.update("x", lambda data: b"after") is True


def test_a_lost_reply_does_not_apply_a_change_twice(s3_root: str) -> None:
    """The server writes, the reply is lost, the request is sent again and gets 412: the change is there once."""
    storage = open_storage(s3_root)
    storage.write("names", b"a,")
    lost = iter([True])

    def lose_the_reply(**_: object) -> None:
        if next(lost, False):
            raise ConnectionClosedError(endpoint_url="http://lost")

    storage.client.meta.events.register_first("response-received.s3.PutObject", lose_the_reply)  # type: ignore[attr-defined]

    def add(data: bytes | None) -> bytes:
        return data if data and b"b," in data else (data or b"") + b"b,"

    storage.update("names", add)
    assert next(lost, None) is None, "the reply was lost once"
    assert storage.read("names").data == b"a,b,"


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        " ",
        "~nosuchuser/x",
        "/a\0b",
        "ftp://host/x",
        "s3://",
        "s3:///x",
        "http://host/x",
        "file://host/x",
        "file://",
    ],
)
def test_a_uri_that_names_no_storage_is_refused(uri: str) -> None:
    with pytest.raises(BadStorageUri, match=r"expected|empty|is no folder"):
        open_storage(uri)


def test_plain_paths_and_file_uris_are_one_storage(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    open_storage(str(folder)).write("x", b"1")
    storage = open_storage(folder.as_uri())
    assert storage.read("x").data == b"1"
    assert storage.uri("x") == (folder / "x").as_uri()


def test_prefixes_of_a_bucket_are_apart(s3_root: str) -> None:
    open_storage(f"{s3_root}/a").write("x", b"1")
    assert open_storage(f"{s3_root}/ab").keys("") == []
    assert open_storage(s3_root + "/").keys("") == ["a/x"]


def test_missing_bucket_wrong_key_and_dead_server_are_told_apart(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for act in (lambda s: s.read("x"), lambda s: s.keys(""), lambda s: s.write_if("x", b"", None)):
        with pytest.raises(BucketMissing, match="no-such-bucket"):
            act(open_storage("s3://no-such-bucket/x"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    for act in (lambda s: s.read("x"), lambda s: s.keys(""), lambda s: s.write("x", b"")):
        with pytest.raises(StorageDenied, match="AWS_"):
            act(open_storage(s3_root))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("jobs.storage.s3.RETRY_SECONDS", 0.0)
    with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:1"):
        open_storage(s3_root).read("x")


def test_no_credentials_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StorageDenied, match="AWS_ACCESS_KEY_ID"):
        open_storage("s3://bucket/x").read("x")


def test_a_full_disk_is_a_fault_of_storage_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the process may write no more than 4 kB of the object."""
    storage = open_storage(str(tmp_path))
    storage.write("x", b"old")
    script = (
        "import resource, signal, sys\nfrom jobs.errors import StorageUnavailable\n"
        "from jobs.storage import open_storage\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "for key in ('x', 'new/y'):\n"
        "    try: open_storage(sys.argv[1]).write(key, bytes(100_000))\n"
        "    except StorageUnavailable as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert [line.count("File too large") for line in done.stdout.splitlines()] == [1, 1]
    assert storage.read("x").data == b"old"
    assert {path.name for path in tmp_path.rglob("*")} == {"x", "new", ".lock"}


def test_a_file_that_may_not_be_read_is_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("x", b"1")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root may read anything
    with pytest.raises(ObjectDenied, match="x: permission denied"):
        storage.read("x")


def test_a_root_that_is_a_file_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((ObjectMissing, StorageUnavailable), match="file"):
        open_storage(str(tmp_path / "file")).write("x", b"1")


def test_a_version_tells_whether_an_object_is_as_it_was(any_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.storage.file.RECENT_NS", 0)
    any_storage.write("a/x", b"1")
    before = any_storage.version("a/x")
    assert before is not None
    assert any_storage.version("a/x") == before
    any_storage.write("a/x", b"2")
    assert any_storage.version("a/x") != before


def test_a_file_that_changed_just_now_has_no_version(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("x", b"1")
    assert storage.version("x") is None
