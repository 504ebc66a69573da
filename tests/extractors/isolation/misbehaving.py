"""A server whose readers misbehave on command: `python -m tests.extractors.isolation.misbehaving`.

It stands in for a library that a document has taken over, so that each guard is tested with an ordinary document and no
file in this repository makes anybody's software misbehave. It is extractors.isolation.server, processes and sandbox
included, but for one thing: where a document ends in a line of `commanded`, the reader performs the deed that the line
names as soon as it has written the event that the line names. Only a test starts this module (conftest.py), in the
server's place; an installed extractor has no such line and no such deed.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from extractors.isolation import server
from extractors.isolation.protocol import FINDINGS
from extractors.model import Limits

SECRET = "SCOTT_TEST_SECRET"  # an environment variable of the parent
DESCRIPTOR = 997  # an open file of the parent, marked to be inherited; too high to be one that the tests have open
CHUNK = 1 << 24  # bytes: a reader takes a few of them, so that nothing is harmed where a guard fails
_COMMAND = b"% misbehave"
_LIBC = ctypes.CDLL(None, use_errno=True)
_read_document = server.read_document


def commanded(pdf: Path, deed: str, at: str = "pages") -> Path:
    """Have the reader of this document perform `deed` once it has written an event `at`: pages, or placement."""
    assert deed in DEEDS
    with pdf.open("ab") as file:
        file.write(b"\n%s %s %s\n" % (_COMMAND, at.encode(), deed.encode()))
    return pdf


def _sleep() -> None:
    time.sleep(3600)


def _spin() -> None:
    while True:
        pass


def _allocate() -> None:
    _held = [bytes(CHUNK) for _ in range(64)]


def _map() -> None:
    _held = [mmap.mmap(-1, CHUNK) for _ in range(64)]


def _write() -> None:
    with Path("large").open("wb") as file:
        for _ in range(16):
            file.write(bytes(CHUNK))


def _open() -> None:
    _held = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]


def _dereference_null() -> None:
    ctypes.string_at(0)


def _stop_at_an_alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(3600)


def _exit(code: int) -> Callable[[], None]:
    return lambda: os._exit(code)


def _thread() -> None:
    threading.Thread(target=time.sleep).start()


def _called(name: str, *arguments: int | None) -> Callable[[], None]:
    """A deed: call this function of the C library."""

    def call() -> None:
        if getattr(_LIBC, name)(*arguments) == -1:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    return call


def _write_no_event() -> None:
    with open(FINDINGS, "a") as file:
        file.write("this is no event\n")


def _make_its_findings_a_pipe() -> None:
    os.unlink(FINDINGS)
    os.mkfifo(FINDINGS)


def _name_a_file_that_is_none() -> None:
    with open(FINDINGS) as file:
        found: dict[str, Any] = json.loads(file.readlines()[-1])
    found["placement"]["file"] = "../document.pdf"
    with open(FINDINGS, "a") as file:
        file.write(json.dumps(found) + "\n")


DEEDS: dict[str, Callable[[], object]] = {
    "sleep": _sleep,
    "spin": _spin,
    "allocate": _allocate,
    "map": _map,
    "write": _write,
    "open": _open,
    "die of a segmentation fault": _dereference_null,
    "die of another signal": _stop_at_an_alarm,
    "exit with 0": _exit(0),
    "exit with 3": _exit(3),
    "fork": os.fork,
    "clone3": _called("syscall", 435, None, 0),
    "start a thread": _thread,
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "start a program": lambda: subprocess.run(["/bin/true"], check=True),
    "open a socket": lambda: socket.socket(socket.AF_INET),
    "open a local socket": lambda: socket.socket(socket.AF_UNIX),
    "set up io_uring": _called("syscall", 425, 1, None),
    "kill its parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "kill its group": lambda: os.killpg(0, signal.SIGKILL),
    "get hold of its parent": lambda: os.pidfd_open(os.getppid()),
    "trace its parent": lambda: _called("ptrace", 16, os.getppid(), None, None)(),  # PTRACE_ATTACH
    "read its parent's memory": lambda: _called("process_vm_readv", os.getppid(), None, 0, None, 0, 0)(),
    "read its parent's environment": lambda: os.environ[SECRET],
    "read its parent's file": lambda: os.read(DESCRIPTOR, 1),
    "write what is no event": _write_no_event,
    "make its findings a pipe": _make_its_findings_a_pipe,
    "name a file that is none": _name_a_file_that_is_none,
}


class _Commanded:
    """The findings of a reader; performs the deed, once, after the first event of the kind that it waits for."""

    def __init__(self, findings: IO[str], deed: str, at: str) -> None:
        self._findings, self._deed, self._at = findings, deed, at

    def write(self, line: str) -> None:
        self._findings.write(line)
        self._findings.flush()
        if json.loads(line)["event"] == self._at:
            self._at = ""
            DEEDS[self._deed]()

    def flush(self) -> None:
        """Nothing is left to write."""


def _misread_document(pdf: Path, out: Path, password: str | None, limits: Limits, findings: Any) -> None:
    """Read the document as the extractor does, and obey the command in its last line, if it has one."""
    *_, last = pdf.read_bytes().splitlines()
    if last.startswith(_COMMAND):
        at, deed = last.removeprefix(_COMMAND).decode().split(maxsplit=1)
        findings = _Commanded(findings, deed, at)
    _read_document(pdf, out, password, limits, findings)


if __name__ == "__main__":
    server.read_document = _misread_document
    server.main()
