"""Extraction of documents, from the outside: hands each to a disposable child process and says what was found.

A hostile PDF costs a bounded time and memory: everything that opens it happens in a child of server.py. The status
follows from how the child ended and what it told before. Pictures found before a failure are kept, and then the
status is `partial`, its detail naming the cause; a failure before any picture gives the cause itself as the status.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, cast

from extractors.letterheads import set_letterheads_aside
from extractors.model import FINDINGS, NOT_WRITTEN, READY, STDERR, Extraction, Limits, Placement, Status

HEADER = b"%PDF-"
HEADER_WITHIN = 1024  # bytes
_OUT_OF_MEMORY = ("MemoryError", "failed to map segment", "annot allocate memory")  # last words of a starved child
_GRACE = 30.0  # seconds: to start and to kill a child
_TAIL = 1 << 16  # bytes of a reader's last words that are looked at
_DETAIL = 500  # characters of them that are told
_FAULTS_NAMED = 3  # faults written out in a detail


class Extractor:
    """Extracts documents, at most `processes` at a time; its methods may be called from any thread.

    Use it as a context manager, or call close(): it keeps warm processes.
    """

    def __init__(self, *, limits: Limits = Limits(), processes: int = 1) -> None:  # noqa: B008 (frozen)
        if processes < 1:
            raise ValueError(f"{processes} processes; at least 1 is needed")
        self.limits = limits
        self._servers = [_Server() for _ in range(processes)]
        self._idle: queue.LifoQueue[_Server] = queue.LifoQueue()
        for server in self._servers:
            self._idle.put(server)

    def extract(self, pdf: Path, out: Path, *, password: str | None = None) -> Extraction:
        """The pictures of a PDF, written as PNG under `out`, with where each is shown and whether it is used.

        A bad PDF is a status, never an exception; OSError is raised where `pdf` cannot be read as a file, or `out` or
        the temporary folder cannot be written, RuntimeError where readers cannot be started.
        """
        refusal = _refusal(pdf, self.limits)
        if refusal:
            return refusal
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="scott-pdf-") as folder:
            work = Path(folder)
            server = self._idle.get()
            try:
                ending = server.read(pdf.resolve(), work, password, self.limits)
            except BaseException:
                server.end()  # its answer, if one comes, is to a document that is given up
                raise
            finally:
                self._idle.put(server)
            extraction = _conclude(_read_findings(work / FINDINGS), ending)
            for name in sorted({placement.file for placement in extraction.images if placement.file}):
                shutil.move(work / name, out / name)
        return extraction

    def close(self) -> None:
        """End the warm processes, once the documents being read are."""
        for server in [self._idle.get() for _ in self._servers]:
            server.end()
            self._idle.put(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def extract_document(
    pdf: Path,
    out: Path,
    *,
    password: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Extraction:
    """Extract a single document: Extractor.extract."""
    with Extractor(limits=limits) as extractor:
        return extractor.extract(pdf, out, password=password)


def _refusal(pdf: Path, limits: Limits) -> Extraction | None:
    """What the file's size and first bytes say, before anything opens it."""
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
    """A server.py process, started when it is first needed and again when it is gone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, pdf: Path, work: Path, password: str | None, limits: Limits) -> tuple[Status, str] | None:
        """Have `pdf` read in `work` to its end; None where the child ended by itself, else why it did not.

        Raises OSError where the child could not write, RuntimeError where no server can be started.
        """
        job = {"pdf": str(pdf), "folder": str(work), "password": password, "limits": asdict(limits)}
        answer = self._ask(json.dumps(job).encode() + b"\n", limits.seconds + _GRACE)
        if answer is None:
            return "crashed", "the process that starts readers ended"
        if answer["timeout"]:
            return "timeout", f"not read within {limits.seconds:g} s"
        returncode = answer["returncode"]
        if returncode == 0:
            return None
        if returncode == -signal.SIGXCPU:
            return "timeout", f"more than {limits.seconds:g} s of CPU time"
        words = _tail(work / STDERR)
        last_words = " ".join(words.strip().splitlines()[-1:])[:_DETAIL]
        if returncode == NOT_WRITTEN:
            raise OSError(f"{work}: {last_words}")
        if any(sign in words for sign in _OUT_OF_MEMORY):
            return "out_of_memory", f"more than {limits.memory_bytes >> 20} MiB"
        return "crashed", f"exit status {returncode}: {last_words}"

    def _ask(self, line: bytes, seconds: float) -> dict[str, Any] | None:
        """The server's answer to a job; None where it gave none, and is ended."""
        process = self._process
        if process is None or process.poll() is not None:  # not yet, or it ended while it was idle
            self.end()
            process = self._process = _start()
        assert process.stdin is not None  # both are pipes
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone, and gives no answer
            process.stdin.write(line)
            process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            ready = selector.select(seconds)
        answer = process.stdout.readline() if ready else b""
        if not answer:
            self.end()
            return None
        return cast("dict[str, Any]", json.loads(answer))

    def end(self) -> None:
        """End the process, and with it the child that it may run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(BrokenPipeError), process:
                pass  # closes the pipes and waits


def _start() -> subprocess.Popen[bytes]:
    """A server that is ready. Raises RuntimeError with what it said where it is not."""
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "OPENBLAS_NUM_THREADS": "1",  # each thread reserves address space, and none survives a fork
        "OMP_NUM_THREADS": "1",
    }
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "extractors.isolation.server"],
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
            raise RuntimeError(f"no reader can be started: {said.read().decode(errors='replace').strip()[-_DETAIL:]}")
    return process


def _tail(path: Path) -> str:
    """The end of a text file, "" where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        return file.read().decode(errors="replace")


def _read_findings(path: Path) -> list[dict[str, Any]]:
    """The lines that were written whole."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def _conclude(findings: list[dict[str, Any]], ending: tuple[Status, str] | None) -> Extraction:
    pages, complete, faults = 0, False, list[tuple[Status, str]]()
    placements: list[Placement] = []
    for finding in findings:
        event = finding.pop("event")
        if event == "refused":
            return Extraction(finding["status"], finding["detail"], 0)
        if event == "pages":
            pages = finding["count"]
        elif event == "placement":
            placements.append(Placement(**finding | {"bbox": tuple(finding["bbox"])}))
        elif event == "fault":
            faults.append((finding["cause"], finding["detail"]))
        elif event == "end":
            complete = True
    if ending or not complete:
        faults.insert(0, ending or ("crashed", "the reader ended before the document's end"))
    if not faults:
        return Extraction("ok", "", pages, set_letterheads_aside(placements, pages))
    causes = [cause for cause, _ in faults]
    detail = "; ".join(f"{cause}: {why}" for cause, why in faults[:_FAULTS_NAMED])
    if len(faults) > _FAULTS_NAMED:
        detail += f"; and {len(faults) - _FAULTS_NAMED} more"
    status: Status = "partial" if placements else causes[0]
    return Extraction(status, detail, pages, set_letterheads_aside(placements, pages))
