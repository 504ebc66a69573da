"""The disposable process that opens a document: `python -m extractors.child`, its job as JSON on standard input.

It bounds itself (memory, CPU time, file size, open files; dies with its parent), then appends one JSON line for
each finding to `findings.jsonl` as it goes, so that whatever kills it, what was found before remains:

    {"event": "refused", "status": ..., "detail": ...}   the document cannot be read at all
    {"event": "pages", "count": N}
    {"event": "placement", ...}                          fields of model.Placement; its picture is already written
    {"event": "fault", "cause": ..., "detail": ...}      a picture or page that could not be read
    {"event": "end"}
"""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from extractors.model import Limits

if TYPE_CHECKING:
    import pymupdf

FINDINGS = "findings.jsonl"
_PR_SET_PDEATHSIG = 1
_TAIL = 2048  # bytes: a complete file says %%EOF in them


def bound_process(limits: Limits) -> None:
    """Hold this process to `limits`; the kernel enforces them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 256 << 20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    seconds = int(limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))  # SIGXCPU first, which tells its cause


class Refused(Exception):
    """The document cannot be read; `status` is one of model.Status."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def open_document(pdf: Path, password: str | None, limits: Limits) -> pymupdf.Document:
    """The open, decrypted document. Raises Refused."""
    import pymupdf
    from pymupdf import mupdf

    try:
        document = pymupdf.open(pdf, filetype="pdf")
    except (mupdf.FzErrorBase, RuntimeError) as error:
        raise Refused("damaged", f"not opened: {error}") from error
    if not document.is_pdf:
        raise Refused("not_a_pdf", "the content is another format's")
    if document.needs_pass and not document.authenticate(password or ""):
        raise Refused("encrypted", "the password does not open it" if password else "a password is needed")
    if document.page_count == 0:
        broken = document.is_repaired
        raise Refused("damaged" if broken else "empty", "no page can be found" if broken else "it has no pages")
    if document.page_count > limits.pages:
        raise Refused("too_many_pages", f"{document.page_count} pages; at most {limits.pages} are read")
    return document


def read_document(pdf: Path, out: Path, password: str | None, limits: Limits, findings: IO[str]) -> None:
    """Write the findings of one document. Raises nothing that a document can cause short of memory and time."""
    import cv2
    import pymupdf

    from extractors.page import DECODE_ERRORS, EmbeddedSizes, PageReader
    from extractors.trace import TooManyImages

    def tell(event: str, **fields: Any) -> None:
        findings.write(json.dumps({"event": event, **fields}) + "\n")
        findings.flush()

    def fault(number: int, error: Exception) -> None:
        tell("fault", cause=_cause(error), detail=f"page {number}: {error}")

    cv2.setNumThreads(1)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    try:
        document = open_document(pdf, password, limits)
    except Refused as refused:
        tell("refused", status=refused.status, detail=str(refused))
        return
    tell("pages", count=document.page_count)
    if document.is_repaired and not _is_complete(pdf):
        tell("fault", cause="damaged", detail="the file breaks off before its end")
    embedded = EmbeddedSizes(document)
    for index in range(document.page_count):
        try:
            for found in PageReader(document[index], out, limits, embedded).placements():
                if isinstance(found, Exception):
                    fault(index + 1, found)
                else:
                    tell("placement", **asdict(found))
        except (*DECODE_ERRORS, TooManyImages) as error:
            fault(index + 1, error)
    tell("end")


def _is_complete(pdf: Path) -> bool:
    with pdf.open("rb") as file:
        file.seek(max(0, pdf.stat().st_size - _TAIL))
        return b"%%EOF" in file.read()


def _cause(error: Exception) -> str:
    text = str(error).lower()
    starved = isinstance(error, MemoryError) or "malloc" in text or "alloc" in text or "memory" in text
    return "out_of_memory" if starved else "damaged"


def main() -> None:
    """Read the job, bound the process, do the work in the current directory."""
    job = json.load(sys.stdin)
    limits = Limits(**job["limits"])
    bound_process(limits)
    with open(FINDINGS, "a", encoding="utf-8") as findings:
        read_document(Path(job["pdf"]), Path(), job["password"], limits, findings)


if __name__ == "__main__":
    main()
