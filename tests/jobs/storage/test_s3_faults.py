"""Replies of S3 that are wrong: tried again while they may pass, then a typed error; never another object.

A server on this machine gives the replies that a test has written down, one for each request, and then right ones.
"""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from tenacity import wait_fixed

from jobs.errors import (
    BucketMissing,
    JobError,
    ObjectDenied,
    ObjectMissing,
    StorageDenied,
    StorageUnavailable,
    UnreadableInput,
)
from jobs.storage import Storage, open_storage, s3
from jobs.storage.s3 import TRIES
from jobs.tables.inputs import read_input

BODY = bytes(range(256)) * 40
MD5 = hashlib.md5(BODY).hexdigest()
LISTING = (
    "<?xml version='1.0'?><ListBucketResult><IsTruncated>{more}</IsTruncated>"
    "<Contents><Key>prefix/{key}</Key><LastModified>2026-01-02T00:00:00Z</LastModified></Contents>{token}"
    "</ListBucketResult>"
)
PAGES = [
    LISTING.format(more="true", key="a", token="<NextContinuationToken>2</NextContinuationToken>").encode(),
    LISTING.format(more="false", key="b", token="").encode(),
]
Reply = Callable[["Handler"], None]


class Server(http.server.ThreadingHTTPServer):
    """Answers with the replies of `script`, in order, and then with BODY, PAGES or success."""

    script: deque[Reply]
    asked: int
    etag: str

    def expect(self, *replies: Reply, etag: str = MD5) -> None:
        self.script, self.asked, self.etag = deque(replies), 0, etag


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        (self.server.script.popleft() if self.server.script else Handler.right)(self)

    do_PUT = do_HEAD = do_GET  # noqa: N815 (the names that http.server looks for)

    def right(self) -> None:
        self.send(200, self.body())

    def body(self) -> bytes:
        if self.command == "PUT":
            return b""
        return PAGES["continuation-token" in self.path] if "list-type" in self.path else BODY

    def send(self, status: int, body: bytes, length: int | None = None) -> None:
        """Send `body`, with `length` as its Content-Length."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("ETag", f'"{self.server.etag}"')
        self.send_header("Last-Modified", "Fri, 02 Jan 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)
        self.close_connection = self.close_connection or length is not None

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


def cut(handler: Handler) -> None:
    """Half of the body, though all of it was promised."""
    body = handler.body()
    handler.send(200, body[: len(body) // 2], len(body))


def short(handler: Handler) -> None:
    """Half of the body, and not more was promised."""
    handler.send(200, handler.body()[: len(handler.body()) // 2])


def flipped(handler: Handler) -> None:
    body = handler.body()
    handler.send(200, body[:1000] + bytes([body[1000] ^ 0x55]) + body[1001:])


def dropped(handler: Handler) -> None:
    handler.close_connection = True


def coded(status: int, code: str) -> Reply:
    """An error as S3 words it."""
    return lambda handler: handler.send(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())


def bare(status: int) -> Reply:
    """An error without a code of S3, as a proxy between words it."""
    return lambda handler: handler.send(status, b"<html>no</html>")


def page_of_a_proxy(handler: Handler) -> None:
    """Success, with a page that is well-formed XML."""
    body = b"<html><body>Log in to go on</body></html>"
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


PASSING = {
    "cut": cut,
    "page of a proxy": page_of_a_proxy,
    "dropped": dropped,
    **{f"bare {status}": bare(status) for status in (400, 401, 403, 404, 429, 502, 504)},
    **{
        code: coded(status, code)
        for status, code in (
            (500, "InternalError"),
            (503, "ServiceUnavailable"),
            (503, "SlowDown"),
            (429, "TooManyRequests"),
            (403, "RequestTimeTooSkewed"),
            (403, "RequestExpired"),
            (400, "RequestTimeout"),
            (400, "ExpiredToken"),
            (400, "InvalidToken"),
            (400, "TokenRefreshRequired"),
            (403, "ACodeThatIsNew"),
        )
    },
}
passing = pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)


@pytest.fixture(scope="module")
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
    monkeypatch.setattr(s3.RETRYING, "wait", wait_fixed(0.01))
    server.expect()
    return open_storage("s3://bucket/prefix")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more tries than TRIES."""
    monkeypatch.setattr(s3, "RETRY_SECONDS", 0.0)


@passing
def test_what_passes_changes_no_read_no_listing_and_no_write(server: Server, storage: Storage, fault: Reply) -> None:
    server.expect(fault, fault)
    assert storage.read("k").data == BODY
    assert server.asked == 3
    server.expect(fault)
    assert read_input(storage, "k", 1 << 20).data == BODY
    server.expect(fault, Handler.right, fault)
    assert storage.keys("") == ["a", "b"]
    assert server.asked == 4, "a page is asked for again, not the whole listing"
    if fault is not cut:
        server.expect(fault)
        storage.write("k", b"1")
        assert server.asked == 2


@pytest.mark.usefixtures("impatient")
@passing
def test_what_does_not_pass_is_a_fault_of_storage(server: Server, storage: Storage, fault: Reply) -> None:
    """And never a row, where an input was read."""
    for act in (lambda: storage.read("k"), lambda: read_input(storage, "k", 1 << 20), lambda: storage.keys("")):
        server.expect(*[fault] * 9)
        with pytest.raises(StorageUnavailable, match=rf"s3://bucket/prefix.*tried {TRIES} times"):
            act()
        assert server.asked == TRIES


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_refusal_without_a_body_is_not_believed(server: Server, storage: Storage, status: int) -> None:
    """A HEAD has none, so the object itself is asked for, and then its HEAD once more."""
    server.expect(bare(status))
    assert storage.modified("k") == 1767312000
    assert storage.version("k") == f'"{MD5}"-{len(BODY)}-2026-01-02 00:00:00+00:00'


@pytest.mark.parametrize(
    ("status", "code", "error"), [(404, "NoSuchKey", ObjectMissing), (403, "AccessDenied", ObjectDenied)]
)
def test_a_refusal_of_the_object_itself_is_believed(
    server: Server, storage: Storage, status: int, code: str, error: type[JobError]
) -> None:
    server.expect(*[bare(status), coded(status, code)] * TRIES)
    with pytest.raises(error):
        storage.version("k")


@pytest.mark.parametrize("fault", [flipped, short, cut])
def test_a_body_that_is_not_the_objects_is_asked_for_again(server: Server, storage: Storage, fault: Reply) -> None:
    for read in (lambda: storage.read("k").data, lambda: read_input(storage, "k", len(BODY)).data):
        server.expect(fault)
        assert read() == BODY
        assert server.asked == 2


def test_an_etag_that_is_no_md5_costs_one_more_request(server: Server, storage: Storage) -> None:
    server.expect(etag="0" * 32)
    assert storage.read("k").data == BODY
    assert server.asked == 2
    server.expect(flipped, etag=f"{MD5}-3")  # of an object that was written in parts
    assert storage.read("k").data != BODY, "its bytes cannot be checked"
    assert server.asked == 1


@pytest.mark.parametrize("size", [1, len(BODY) // 2, len(BODY) - 1, len(BODY), len(BODY) + 1])
def test_the_beginning_is_as_long_as_it_was_asked_for(server: Server, storage: Storage, size: int) -> None:
    server.expect(cut)
    assert storage.read_head("k", size) == BODY[:size]
    assert server.asked == (1 if size <= len(BODY) // 2 else 2)


@pytest.mark.parametrize(
    ("status", "code", "error", "row"),
    [
        (403, "AccessDenied", ObjectDenied, "denied"),
        (403, "AllAccessDisabled", ObjectDenied, "denied"),
        (403, "InvalidObjectState", ObjectDenied, "denied"),
        (404, "NoSuchKey", ObjectMissing, "missing"),
        (404, "NoSuchBucket", BucketMissing, "missing"),
        (403, "InvalidAccessKeyId", StorageDenied, None),
        (403, "SignatureDoesNotMatch", StorageDenied, None),
    ],
)
def test_what_stays_has_its_error_and_only_what_is_the_inputs_is_a_row(
    server: Server, storage: Storage, status: int, code: str, error: type[JobError], row: str | None
) -> None:
    server.expect(*[coded(status, code)] * 9)
    with pytest.raises(error) as raised:
        storage.read("k")
    assert type(raised.value) is error
    is_refusal = issubclass(error, StorageDenied)
    assert server.asked == (TRIES if is_refusal else 1), "a refusal is believed when it was said often"
    server.expect(*[coded(status, code)] * 9)
    with pytest.raises(UnreadableInput if row else error) as raised:
        read_input(storage, "k", 9)
    assert getattr(raised.value, "status", None) == row
    if is_refusal:
        server.expect(coded(status, code))
        assert storage.read("k").data == BODY


def test_an_outage_is_ridden_out(server: Server, storage: Storage) -> None:
    """As long as it is shorter than RETRY_SECONDS, which is scaled down here."""
    ends = time.monotonic() + 2

    def out(handler: Handler) -> None:
        if time.monotonic() < ends:
            handler.server.script.append(out)
            return dropped(handler)
        return handler.right()

    server.expect(out)
    assert storage.read("k").data == BODY
    assert time.monotonic() > ends


def test_a_server_that_never_answers_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
    """Within RETRY_SECONDS and one try; SILENCE_SECONDS is scaled down here, to 0.2 s, and RETRY_SECONDS to 0.6 s."""
    assert s3.RETRY_SECONDS + 2 * s3.SILENCE_SECONDS <= 60, "a late connection, and then no answer"
    monkeypatch.setattr(s3, "RETRY_SECONDS", 0.6)
    monkeypatch.setattr(s3, "SILENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        deaf = open_storage("s3://bucket/prefix")
        for act in (lambda: deaf.read("k"), lambda: deaf.keys("")):
            started = time.monotonic()
            with pytest.raises(StorageUnavailable, match=r"[Tt]imeout"):
                act()
            assert time.monotonic() - started < 2.0, "a margin for a busy machine"


def test_a_receiver_that_stalls_is_waited_for(monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
    """A write waits for its receiver as long as for an answer: SILENCE_SECONDS, scaled down here to 1 s."""
    monkeypatch.setattr(s3, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(s3, "RETRY_SECONDS", 0.0)
    asked = []

    def stall(listening: socket.socket) -> None:
        while listening.fileno() >= 0:
            with suppress(OSError), listening.accept()[0] as sent, sent.makefile("rb") as stream:
                asked.append(1)
                headers = [line.lower() for line in iter(stream.readline, b"\r\n")]
                sent.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.6)
                stream.read(next(int(line.split()[1]) for line in headers if line.startswith(b"content-length")))
                sent.sendall(b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')

    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that much does not fit in between
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        threading.Thread(target=stall, args=(listening,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
        open_storage("s3://bucket/prefix").write("k", bytes(16 << 20))
    assert len(asked) == 1


@pytest.mark.usefixtures("impatient")
def test_a_listing_that_goes_round_in_circles_is_an_error(server: Server, storage: Storage) -> None:
    """It says that it goes on, and gives a token that it has given before."""
    page = LISTING.format(more="true", key="a", token="<NextContinuationToken>{}</NextContinuationToken>")

    def again(handler: Handler) -> None:
        handler.server.script.append(again)
        handler.send(200 if handler.server.asked < 99 else 404, page.format(handler.server.asked % 2).encode())

    server.expect(again)
    with pytest.raises(StorageUnavailable, match="goes on"):
        storage.keys("")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("size", [None, 50, 9999999])
def test_a_body_that_trickles_has_an_end(
    server: Server, storage: Storage, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """No silence is long, and the whole takes more than its length allows; the limits are scaled down here."""
    monkeypatch.setattr(s3, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(s3, "SLOWEST", 1_000_000)

    def trickle(handler: Handler) -> None:
        handler.send(200, b"", 100)
        with suppress(OSError):
            for _ in range(100):
                handler.wfile.write(b"x")
                time.sleep(0.05)

    server.expect(*[trickle] * 9, etag=f"{MD5}-2")
    started = time.monotonic()
    with pytest.raises(StorageUnavailable, match=r"tried"):
        storage.read("k") if size is None else storage.read_head("k", size)
    assert time.monotonic() - started < 4.0, "three tries of half a second"
