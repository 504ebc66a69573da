"""The warm process from which readers are forked: `python -m extractors.isolation.server`.

It imports once what reading needs, closes the network and opens no document itself. For each Job on standard input it
forks a reader, bounded by sandbox.py, and writes an Answer on standard output when that reader has ended. So every
document has a process of its own that no other document has touched, at the cost of a fork (milliseconds). When its
standard input closes, because its parent closed it or has ended, it kills the running reader and ends.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from extractors.isolation.child import prepare, read_document
from extractors.isolation.protocol import FINDINGS, NOT_WRITTEN, READY, STDERR, Answer, Job
from extractors.isolation.sandbox import bound_process, close_network, confine, is_bound_lower

_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)  # a full disk is no fault of the document


def main() -> None:
    """Serve jobs until standard input ends."""
    prepare()
    close_network()
    gc.freeze()  # else a reader's first collection writes to every object that it shares with the server: copies
    _tell(READY)
    for line in sys.stdin.buffer:
        job = Job.decode(line)
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            _read(job, server)
        _tell(_wait(pid, job.limits.seconds).encode())


def _tell(line: bytes) -> None:
    """Write a line on standard output."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _wait(pid: int, seconds: float) -> Answer:
    """Wait for the reader's end; kill it when its time is over or standard input closes."""
    ended = os.pidfd_open(pid)
    ready, _, _ = select.select([ended, sys.stdin], [], [], seconds)
    os.close(ended)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # no process of its own can be left: the sandbox forbids it to fork
    _, status = os.waitpid(pid, 0)
    return Answer(os.waitstatus_to_exitcode(status), timeout=not ready)


def _read(job: Job, server: int) -> None:
    """Be the reader: read one document in the job's folder and exit. `server` is the process id of the parent."""
    code = 1
    try:
        os.chdir(job.folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        words = os.open(STDERR, os.O_WRONLY | os.O_CREAT, 0o600)
        for target, source in enumerate((nowhere, nowhere, words)):
            os.dup2(source, target)
        tempfile.tempdir = job.folder
        os.symlink(job.pdf, "document.pdf")  # a name that any library takes
        bound_process(job.limits)
        confine()
        if os.getppid() != server:  # the server ended before bound_process() tied this process to it
            return
        with open(FINDINGS, "a", encoding="utf-8") as findings:
            read_document(Path("document.pdf"), Path(), job.password, job.limits, findings)
        code = 0
    except BaseException as error:  # noqa: BLE001 (a fork must never go on as the server)
        ours = (*_OURS, errno.EFBIG) if is_bound_lower(job.limits) else _OURS
        if isinstance(error, OSError) and error.errno in ours:
            code = NOT_WRITTEN
        traceback.print_exc(limit=0 if code == NOT_WRITTEN else None)  # there may be little room for words
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
