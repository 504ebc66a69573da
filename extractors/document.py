"""Extraction of one document, from the outside: starts the child process, waits, kills, and says what was found.

A hostile PDF costs a bounded time and memory: everything that opens it happens in the child. The status follows
from how the child ended and what it told before. Pictures found before a failure are kept, and then the status is
`partial`, its detail naming the cause; a failure before any picture gives the cause itself as the status.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from extractors.child import FINDINGS
from extractors.letterheads import set_letterheads_aside
from extractors.model import Extraction, Limits, Placement, Status

HEADER = b"%PDF-"
HEADER_WITHIN = 1024  # bytes
_OUT_OF_MEMORY = ("MemoryError", "failed to map segment", "annot allocate memory")  # last words of a starved child
_FAULTS_NAMED = 3  # faults written out in a detail


def extract_document(
    pdf: Path,
    out: Path,
    *,
    password: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Extraction:
    """The pictures of a PDF, written as PNG under `out`, with where each is shown and whether it is used.

    A bad PDF is a status, never an exception; OSError is raised where `pdf` cannot be read as a file or `out`
    cannot be written.
    """
    refusal = _refusal(pdf, limits)
    if refusal:
        return refusal
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scott-pdf-") as folder:
        work = Path(folder)
        ending = _run_child(pdf.resolve(), work, password, limits)
        findings = _read_findings(work / FINDINGS)
        extraction = _conclude(findings, ending)
        for name in sorted({placement.file for placement in extraction.images if placement.file}):
            shutil.move(work / name, out / name)
    return extraction


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


def _run_child(pdf: Path, work: Path, password: str | None, limits: Limits) -> tuple[Status, str] | None:
    """Run the child in `work` to its end; None where it ended by itself, else why it did not."""
    job = {"pdf": str(pdf), "password": password, "limits": asdict(limits)}
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        "OPENBLAS_NUM_THREADS": "1",  # each thread reserves address space
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(work),
    }
    with (work / "stderr").open("w+b") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "extractors.child"],
            cwd=work,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            child.communicate(json.dumps(job).encode(), timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            return "timeout", f"not read within {limits.seconds:g} s"
        finally:
            _kill_group(child)
        stderr.seek(0)
        last_words = stderr.read().decode(errors="replace").strip().splitlines()[-1:]
    if child.returncode == 0:
        return None
    if child.returncode == -signal.SIGXCPU:
        return "timeout", f"more than {limits.seconds:g} s of CPU time"
    if last_words and any(sign in last_words[0] for sign in _OUT_OF_MEMORY):
        return "out_of_memory", f"more than {limits.memory_bytes >> 20} MiB"
    return "crashed", f"exit status {child.returncode}: {' '.join(last_words)}"


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    with contextlib.suppress(ProcessLookupError):  # it had ended
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _read_findings(path: Path) -> list[dict[str, Any]]:
    """The lines that were written whole."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def _conclude(findings: list[dict[str, Any]], ending: tuple[Status, str] | None) -> Extraction:
    pages, faults = 0, list[tuple[Status, str]]()
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
    if ending:
        faults.insert(0, ending)
    if not faults:
        return Extraction("ok", "", pages, set_letterheads_aside(placements, pages))
    causes = [cause for cause, _ in faults]
    detail = "; ".join(f"{cause}: {why}" for cause, why in faults[:_FAULTS_NAMED])
    if len(faults) > _FAULTS_NAMED:
        detail += f"; and {len(faults) - _FAULTS_NAMED} more"
    status: Status = "partial" if placements else causes[0]
    return Extraction(status, detail, pages, set_letterheads_aside(placements, pages))
