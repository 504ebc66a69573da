"""Extraction of documents from the parent process: each is read in a disposable process, and the result is typed.

A hostile PDF costs a bounded time and memory: only a reader forked by server.py opens it. The status follows from how
that reader ended and from the events that it wrote before. Images found before a failure are kept, and the status is
then `partial` with the cause in its detail; a failure before any image gives the cause itself as the status.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Self

from extractors.doubt import exclude_doubtful
from extractors.isolation.protocol import (
    DETAIL,
    FINDINGS,
    MOST_EVENTS,
    MOST_LINE,
    NOT_WRITTEN,
    READY,
    STDERR,
    Answer,
    End,
    Event,
    Fault,
    Found,
    Job,
    PageRead,
    Pages,
    Refused,
    decode_event,
)
from extractors.isolation.work import remove_left, work_folder
from extractors.letterheads import exclude_letterheads
from extractors.model import Extraction, Limits, Placement, Status

HEADER = b"%PDF-"
HEADER_WITHIN = 1024  # bytes from the start that hold the header (PDF Reference 1.7, implementation note 13)
_OUT_OF_MEMORY = ("MemoryError", "failed to map segment", "annot allocate memory")  # on a starved reader's stderr
_SERVER = "extractors.isolation.server"  # the module that starts readers
_LOOK = 0.5  # seconds between two looks at what a reader has told so far
_GRACE = 30.0  # seconds beyond the document's limit: to fork a reader and to kill it
_TAIL = 1 << 16  # bytes at the end of a reader's standard error that are searched
_NO_FILE = (errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EACCES)  # also: a link, a socket, a file closed to us
_FAULTS_NAMED = 3  # faults that a detail spells out

PageProgress = Callable[[int, int], object]  # hears how many pages were read so far, and of how many


class Extractor:
    """Extracts documents, at most `processes` at a time; its methods may be called from any thread.

    Use it as a context manager: it keeps warm processes, and first removes what killed processes have left.
    """

    def __init__(self, *, limits: Limits = Limits(), processes: int = 1) -> None:  # noqa: B008 (frozen)
        if processes < 1:
            raise ValueError(f"{processes} processes; at least 1 is needed")
        self.limits = limits
        self._servers = [_Server() for _ in range(processes)]
        self._idle: queue.LifoQueue[_Server] = queue.LifoQueue()
        for server in self._servers:
            self._idle.put(server)

    def extract(
        self, pdf: Path, out: Path, *, password: str | None = None, progress: PageProgress | None = None
    ) -> Extraction:
        """Extract the images of a PDF: they are written under `out`, as PNG or JPEG, and their placements returned.

        `progress` is called now and then while the document is read, and at its end. A bad PDF gives a status, never an
        exception. Raises OSError where `pdf` cannot be read as a file or `out` or the temporary folder cannot be
        written, and RuntimeError where no reader can be started.
        """
        refusal = _refusal(pdf, self.limits)
        if refusal:
            return refusal
        out.mkdir(parents=True, exist_ok=True)
        with work_folder() as work:
            server = self._idle.get()

            def look() -> None:
                if progress:
                    _tell(progress, _read_findings(work, self.limits)[0])

            try:
                ending = server.read(Job(str(pdf.resolve()), str(work), password, self.limits), look)
            except BaseException:
                server.end()  # an answer that still comes would be taken for the next document's
                raise
            finally:
                self._idle.put(server)
            events, broken = _read_findings(work, self.limits)
            look()
            extraction = _conclude(events, ending or broken)
            for name in sorted({placement.file for placement in extraction.images if placement.file}):
                shutil.move(work / name, out / name)
        return extraction

    def close(self) -> None:
        """End the warm processes after waiting for the documents that are being read; extract() starts them again."""
        for server in [self._idle.get() for _ in self._servers]:
            server.end()
            self._idle.put(server)

    def __enter__(self) -> Self:
        remove_left()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def extract_document(
    pdf: Path,
    out: Path,
    *,
    password: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    progress: PageProgress | None = None,
) -> Extraction:
    """Extract a single document, as Extractor.extract() does."""
    with Extractor(limits=limits) as extractor:
        return extractor.extract(pdf, out, password=password, progress=progress)


def _refusal(pdf: Path, limits: Limits) -> Extraction | None:
    """The extraction of a file whose size or first bytes forbid to open it, else None."""
    size = pdf.stat().st_size
    if size == 0:
        return Extraction("empty", "the file has no bytes", 0)
    if size > limits.file_bytes:
        return Extraction("too_large", f"{size} bytes; at most {limits.file_bytes} are read", 0)
    with pdf.open("rb") as file:
        head = file.read(HEADER_WITHIN)
    if HEADER not in head:
        return Extraction("not_a_pdf", f"no {HEADER.decode()} in the first {HEADER_WITHIN} bytes", 0)
    return None


class _Server:
    """A process of server.py, started at the first job and again when it has ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, job: Job, look: Callable[[], object]) -> Fault | None:
        """Have the document read; None where the reader came to its end by itself, else how it was ended.

        Meanwhile `look` is called now and then. Raises OSError where the reader could not write, RuntimeError where no
        server can be started.
        """
        limits = job.limits
        answer = self._ask(job, look)
        if answer is None:
            return Fault("crashed", "the process that starts readers ended")
        if answer.timeout:
            return Fault("timeout", f"not read within {limits.seconds:g} s")
        if answer.returncode == 0:
            return None
        if answer.returncode == -signal.SIGXCPU:
            return Fault("timeout", f"more than {limits.seconds:g} s of CPU time")
        words = _tail(Path(job.folder) / STDERR)
        last_words = " ".join(words.strip().splitlines()[-1:])[:DETAIL]
        if answer.returncode == NOT_WRITTEN:
            said = last_words or "the reader cannot write there, not even why"  # a full disk takes no words either
            raise OSError(f"{job.folder}: {said}")
        if any(sign in words for sign in _OUT_OF_MEMORY):
            return Fault("out_of_memory", f"more than {limits.memory_bytes >> 20} MiB")
        return Fault("crashed", f"exit status {answer.returncode}: {last_words}")

    def _ask(self, job: Job, look: Callable[[], object]) -> Answer | None:
        """The server's answer; None where none came within the job's time, and then the server is ended."""
        process = self._process
        if process is None or process.poll() is not None:  # not started yet, or ended while it was idle
            self.end()
            process = self._process = _start()
        assert process.stdin is not None  # both are pipes, by _start()
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # the server has ended, and no answer comes
            process.stdin.write(job.encode())
            process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            end = time.monotonic() + job.limits.seconds + _GRACE
            while not (ready := selector.select(_LOOK)) and time.monotonic() < end:
                look()
        answer = process.stdout.readline() if ready else b""
        if not answer:
            self.end()
            return None
        return Answer.decode(answer)

    def end(self) -> None:
        """End the process; the kernel then ends the reader that it may run (sandbox.bound_process)."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(BrokenPipeError), process:
                pass  # closes the pipes and waits


def _start() -> subprocess.Popen[bytes]:
    """A process of server.py that is ready for jobs. Raises RuntimeError, with its standard error, where it is not."""
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "OPENBLAS_NUM_THREADS": "1",  # each thread would reserve address space, and none survives the fork
        "OMP_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),  # bytes, the most that glibc takes: a page's arrays are used again,
        "MALLOC_TRIM_THRESHOLD_": str(256 << 20),  # and not given back and mapped anew for each step
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # in pages of 2 MiB, where the system has them
    }
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", _SERVER],
            cwd="/",
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
        )
        assert process.stdout is not None
        if process.stdout.readline() != READY:
            with process:
                process.kill()
            said.seek(0)
            raise RuntimeError(f"no reader can be started: {said.read().decode(errors='replace').strip()[-DETAIL:]}")
    return process


def _tail(path: Path) -> str:
    """The end of a text file; "" where there is no file."""
    file = _open_plain(path)
    if file is None:
        return ""
    with file:
        file.seek(max(os.fstat(file.fileno()).st_size - _TAIL, 0))
        return file.read().decode(errors="replace")


def _read_findings(work: Path, limits: Limits) -> tuple[list[Event], Fault | None]:
    """The events that the reader wrote whole, up to one that no reader of ours writes; the fault, where there is one.

    A hostile document may have taken the reader over: neither its words nor its files are trusted. The last line of a
    killed reader may be cut.
    """
    file, events = _open_plain(work / FINDINGS), list[Event]()
    if file is None:
        return events, None
    with file:
        while (line := file.readline(MOST_LINE)).endswith(b"\n"):
            if len(events) == MOST_EVENTS:
                return events, Fault("too_large", f"the reader wrote more than {MOST_EVENTS} findings")
            try:
                event = decode_event(line.decode(errors="replace"), limits)
            except ValueError as error:
                return events, Fault("crashed", f"the reader wrote what is no finding: {error}"[:DETAIL])
            if isinstance(event, Found) and event.placement.file and not _is_plain(work / event.placement.file):
                return events, Fault("crashed", f"the reader wrote no file {event.placement.file}")
            events.append(event)
    if len(line) == MOST_LINE:
        return events, Fault("crashed", f"the reader wrote a finding of more than {MOST_LINE} bytes")
    return events, None


def _tell(progress: PageProgress, events: Sequence[Event]) -> None:
    """Tells how many pages were read, once it is known of how many."""
    read = sum(isinstance(event, PageRead) for event in events)
    for event in events:
        if isinstance(event, Pages):
            progress(read, event.count)


def _open_plain(path: Path) -> IO[bytes] | None:
    """The file, open; None where there is none that a reader of ours writes, whatever it puts there at this moment.

    A link could name any other file, and a pipe could keep us waiting.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def _is_plain(path: Path) -> bool:
    """Whether there is a file, and no link, which could name any other."""
    return path.is_file() and not path.is_symlink()


def _conclude(events: Iterable[Event], ending: Fault | None) -> Extraction:
    """The extraction of a document from its events and from how its reader was ended, if it was."""
    pages, complete, faults = 0, False, list[Fault]()
    placements: list[Placement] = []
    for event in events:
        match event:
            case Refused():
                return Extraction(event.status, event.detail, 0)
            case Pages(count):
                pages = count
            case Found(placement):
                placements.append(placement)
            case Fault():
                faults.append(event)
            case End():
                complete = True
    if ending or not complete:
        faults.insert(0, ending or Fault("crashed", "the reader ended before the document's end"))
    images = exclude_doubtful(exclude_letterheads(placements, pages))
    if not faults:
        return Extraction("ok", "", pages, images)
    detail = "; ".join(f"{fault.cause}: {fault.detail}" for fault in faults[:_FAULTS_NAMED])
    if len(faults) > _FAULTS_NAMED:
        detail += f"; and {len(faults) - _FAULTS_NAMED} more"
    status: Status = "partial" if placements else faults[0].cause
    return Extraction(status, detail, pages, images)
