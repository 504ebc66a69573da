"""Replies of S3 whose body breaks off: the whole object or an error of ours, never a part as the whole."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from jobs.errors import StorageUnavailable
from jobs.storage import Storage, open_storage
from jobs.storage.s3 import BODY_TRIES
from jobs.tables.inputs import read_input

BODY = bytes(range(256)) * 40


class Server(http.server.ThreadingHTTPServer):
    """Answers each GET with BODY; the first `cut` of them promise it whole and send half."""

    cut = 0
    asked = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        is_cut = self.server.asked <= self.server.cut
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(BODY[: len(BODY) // 2] if is_cut else BODY)
        self.close_connection = is_cut

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def storage(server: Server, monkeypatch: pytest.MonkeyPatch) -> Storage:
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return open_storage("s3://bucket/prefix")


@pytest.mark.parametrize("cut", range(BODY_TRIES))
def test_a_body_that_breaks_off_is_asked_for_again(server: Server, storage: Storage, cut: int) -> None:
    server.cut = cut
    assert storage.read("k").data == BODY
    assert server.asked == cut + 1
    server.asked = 0
    assert storage.read_head("k", len(BODY) + 1) == BODY
    server.asked = 0
    assert read_input(storage, "k", 1 << 20).data == BODY
    assert server.asked == cut + 1


@pytest.mark.parametrize("size", [1, len(BODY) // 2, len(BODY) - 1, len(BODY), len(BODY) + 1])
def test_the_beginning_is_as_long_as_it_was_asked_for(server: Server, storage: Storage, size: int) -> None:
    server.cut = 1
    assert storage.read_head("k", size) == BODY[:size]
    assert server.asked == (1 if size <= len(BODY) // 2 else 2)


def test_a_body_that_always_breaks_off_is_a_fault_of_storage(server: Server, storage: Storage) -> None:
    server.cut = 1000
    for read in (lambda: storage.read("k"), lambda: read_input(storage, "k", 1 << 20)):
        server.asked = 0
        with pytest.raises(StorageUnavailable, match=rf"s3://bucket/prefix/k: the reply broke off {BODY_TRIES} times"):
            read()
        assert server.asked == BODY_TRIES
