"""Audits through a proxy that injects faults into storage: `python -m tests.jobs.storage.faults`.

A small catalogue on a real S3 server (tests/s3_server.py) is audited for two nights undisturbed, the second of which
carries over what is unchanged, and then again and again through the proxy until it has injected the number of faults
asked for. An audit that ends in an error is run again until it ends well. Every object that it has written must then
have the bytes of the undisturbed audit's. Exit status 1 where one has not, or where an audit raised anything but an
error of jobs/errors.py.

Requests are tried TRIES times alone, and wait half a second for an answer, so that audits do end in errors.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import os
import random
import socket
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jobs.audit.run import run_audit
from jobs.errors import JobError
from jobs.storage import Storage, open_storage, s3
from tests.jobs.audit.steps import DAY, asked, of_any_issue, snapshot
from tests.jobs.small_catalogue import write_catalogue
from tests.s3_server import BUCKET, s3_server

CODES = {  # replies of their own: status and code
    "500": (500, "InternalError"),
    "503": (503, "ServiceUnavailable"),
    "slow down": (503, "SlowDown"),
    "429": (429, "TooManyRequests"),
    "skew": (403, "RequestTimeTooSkewed"),
    "expired": (400, "ExpiredToken"),
    "bad token": (400, "InvalidToken"),
    "bare 401": (401, ""),
    "bare 403": (403, ""),
    "bare 404": (404, ""),
}
WAYS = ("reset", "drop", "delay", "hang", "cut")  # of losing or holding up a request or its reply
OF_OBJECTS = ("short", "flip")  # of changing the body of an object; in a listing nothing could tell
HANG_SECONDS, SILENCE_SECONDS = 1.0, 0.5
NIGHTS = (DAY, "2026-01-03")
RERUNS = 20  # of one audit that ends in errors


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on to the S3 server on `port`; `share` of those whose path has `where` in it with a fault.

    It stops when `left` is used up.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, where: str, share: float, left: int, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port, self.where, self.share, self.left = port, where, share, left
        self.injected: Counter[tuple[str, str]] = Counter()  # by kind of fault and of request
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._next: list[str] = []  # each kind once, in an order of its own, as often as they are used up

    def choose(self, path: str, request: str) -> str | None:
        """The fault of the next request, which is a read, list or write of `path`."""
        with self._lock:
            if self.where not in path or self.left <= 0 or self._random.random() >= self.share:
                return None
            if not set(self._next) - set(OF_OBJECTS):
                kinds = [*CODES, *WAYS, *OF_OBJECTS]
                self._next += self._random.sample(kinds, len(kinds))
            kind = next(kind for kind in self._next if request == "read" or kind not in OF_OBJECTS)
            self._next.remove(kind)
            self.left -= 1
            self.injected[kind, request] += 1
        return kind

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing on standard error: a client that has stopped waiting is what is tested."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = {"PUT": "write", "HEAD": "head"}.get(self.command, "list" if "list-type=2" in self.path else "read")
        fault = self.server.choose(self.path, request)
        if fault in CODES:
            status, code = CODES[fault]
            said = f"<Error><Code>{code}</Code><Message>injected</Message></Error>" if code else "<html>no</html>"
            self._reply(status, [], said.encode())
            return
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())  # at once, and so with a RST
            self.close_connection = True
            return
        if fault in ("delay", "hang"):
            time.sleep(0.2 if fault == "delay" else HANG_SECONDS)
        status, headers, body = self._pass_on(sent)
        if fault == "drop":  # the server did what was asked, and nobody hears of it
            self.close_connection = True
            return
        if fault == "flip" and body:
            at = len(body) // 2
            body = body[:at] + bytes([body[at] ^ 0x55]) + body[at + 1 :]
        length = len(body)
        if self.command == "HEAD":
            length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        if fault in ("cut", "short"):
            body = body[: length // 2]
        self._reply(status, headers, body, len(body) if fault == "short" else length)

    do_PUT = do_HEAD = do_GET  # noqa: N815 (the names that http.server looks for)

    def _pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The server's reply: status, headers, body."""
        server = http.client.HTTPConnection("127.0.0.1", self.server.port)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                server.putheader(name, value)
        server.endheaders(body)
        reply = server.getresponse()
        found = reply.status, reply.getheaders(), reply.read()
        server.close()
        return found

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        length = len(body) if length is None else length
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)
        self.close_connection = self.close_connection or length != len(body)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@dataclass
class Outcome:
    """The result of audits with faults; `broken` has a line for everything that must not be."""

    audits: int = 0
    errors: list[str] = field(default_factory=list)  # of audits that were run again
    injected: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def audit_with_faults(
    environment: dict[str, str],
    write: Callable[[Storage], object],
    *,
    faults: int,
    share: float,
    seed: int,
    where: str = "",
    patience: float = 0.0,
    say: Callable[[str], object] = lambda line: None,
) -> Outcome:
    """Audit the catalogue that `write` makes until `faults` are injected, on paths that have `where` in them.

    `environment` names the S3 server; `patience` is the RETRY_SECONDS of its client.
    """
    outcome = Outcome()
    root = f"s3://{BUCKET}/faults-{seed}-{os.getpid()}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        direct = open_storage(root)
        write(direct)
        for day in NIGHTS:
            run_audit(root, day, **asked("nightly", n_buckets=2))
        undisturbed = of_any_issue(snapshot(direct))
        patch.setattr(s3, "RETRY_SECONDS", patience)
        patch.setattr(s3, "SILENCE_SECONDS", SILENCE_SECONDS)
        port = urlsplit(environment["AWS_ENDPOINT_URL"]).port or 80
        with _serving(Proxy(port, where, share, faults, seed)) as proxy:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.server_port}")
            while proxy.left > 0 and not outcome.broken:
                _forget_audits(direct)
                for day in NIGHTS:
                    _run_until_it_ends_well(root, day, outcome)
                found = of_any_issue(snapshot(direct))
                differ = {key for key in {*found, *undisturbed} if found.get(key) != undisturbed.get(key)}
                if differ:
                    outcome.broken.append(f"audit {outcome.audits}: other bytes in {', '.join(sorted(differ))}")
                outcome.audits += 1
                say(f"audit {outcome.audits}: {faults - proxy.left} faults, {len(outcome.errors)} runs ended in errors")
            outcome.injected = proxy.injected
    return outcome


@contextmanager
def _serving(proxy: Proxy) -> Iterator[Proxy]:
    with proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()


def _forget_audits(storage: Storage) -> None:
    """Delete what audits have written."""
    assert isinstance(storage, s3.S3Storage)
    for key in storage.keys(""):
        if not key.startswith("catalogue/"):
            storage.client.delete_object(Bucket=storage.bucket, Key=storage.prefix + key)


def _run_until_it_ends_well(root: str, day: str, outcome: Outcome) -> None:
    for _ in range(RERUNS):
        try:
            run_audit(root, day, **asked("nightly", n_buckets=2))
        except JobError as error:
            outcome.errors.append(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 (that there is none is what is tested)
            outcome.broken.append(f"audit {outcome.audits} raised {error!r}")
            return
        else:
            return
    outcome.broken.append(f"audit {outcome.audits} ended in errors {RERUNS} times, at last {outcome.errors[-1]}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was injected and the closing line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.jobs.storage.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=500, help="how many to inject (default: %(default)s)")
    parser.add_argument("--share", type=float, default=0.15, help="of requests with a fault (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of faults (default: %(default)s)")
    parser.add_argument("--where", default="", help="part of the paths that have faults, /documents/ for one")
    asked_for = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="scott-faults-") as folder, s3_server(Path(folder)) as environment:
        found = audit_with_faults(
            environment, write_catalogue, **vars(asked_for), say=lambda line: print(line, flush=True)
        )
    for (kind, request), count in sorted(found.injected.items()):
        print(f"{count:5} {request:6} {kind}")
    print("\n".join(f"ended in an error: {line}" for line in found.errors))
    print("\n".join(f"BROKEN: {line}" for line in found.broken))
    print(
        f"{found.injected.total()} faults in {found.audits} audits: {len(found.errors)} ended in an error and were run"
    )
    print(f"again, {len(found.broken)} broken")
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
