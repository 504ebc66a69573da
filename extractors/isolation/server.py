"""The warm process that documents' children are forked from: `python -m extractors.isolation.server`.

It imports once what reading needs, closes the network, and opens no document itself. For each job, a line of JSON on
standard input, it forks a child that is bounded and reads the one document; a line on standard output says how the
child ended. So every document has a process of its own that no other document has touched, for the milliseconds of a
fork. When its standard input closes, because its parent closes it or is gone, it kills the child that runs and ends.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from extractors.isolation.child import prepare, read_document
from extractors.isolation.sandbox import bound_process, close_network, confine
from extractors.model import FINDINGS, NOT_WRITTEN, READY, STDERR, Limits

_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)  # a full disk is no fault of the document


def main() -> None:
    """Serve jobs until standard input ends. A job: pdf, folder, password, limits; an answer: returncode, timeout."""
    prepare()
    close_network()
    _tell(READY)
    for line in sys.stdin.buffer:
        job = json.loads(line)
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            _read(job, server)
        answer = _wait(pid, job["limits"]["seconds"])
        _tell(json.dumps(answer).encode() + b"\n")


def _tell(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _wait(pid: int, seconds: float) -> dict[str, Any]:
    """See the child to its end, or end it when its time is over or nobody waits for it."""
    ended = os.pidfd_open(pid)
    ready, _, _ = select.select([ended, sys.stdin], [], [], seconds)
    os.close(ended)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # it can have started no other
    _, status = os.waitpid(pid, 0)
    return {"returncode": os.waitstatus_to_exitcode(status), "timeout": not ready}


def _read(job: dict[str, Any], server: int) -> None:
    """The child: reads one document in its folder and ends."""
    code = 1
    try:
        os.chdir(job["folder"])
        nowhere = os.open(os.devnull, os.O_RDWR)
        words = os.open(STDERR, os.O_WRONLY | os.O_CREAT, 0o600)
        for target, source in enumerate((nowhere, nowhere, words)):
            os.dup2(source, target)
        tempfile.tempdir = job["folder"]
        limits = Limits(**job["limits"])
        os.symlink(job["pdf"], "document.pdf")  # a name that any library takes
        bound_process(limits)
        confine()
        if os.getppid() != server:  # it went before its going would end this process
            return
        with open(FINDINGS, "a", encoding="utf-8") as findings:
            read_document(Path("document.pdf"), Path(), job["password"], limits, findings)
        code = 0
    except BaseException as error:  # noqa: BLE001 (it must never go on as the server)
        if isinstance(error, OSError) and error.errno in _OURS:
            code = NOT_WRITTEN
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
