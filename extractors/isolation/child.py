"""What the disposable process does that opens a document. It appends one JSON line for each finding to
`findings.jsonl` as it goes, so that whatever kills it, what was found before remains:

    {"event": "refused", "status": ..., "detail": ...}   the document cannot be read at all
    {"event": "pages", "count": N}
    {"event": "placement", ...}                          fields of model.Placement; its picture is already written
    {"event": "fault", "cause": ..., "detail": ...}      a picture or page that could not be read
    {"event": "end"}
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import cv2
import pymupdf

from extractors.model import Limits
from extractors.page.amend import amend_layers
from extractors.page.reader import READ_ERRORS, PageReader, Shared
from extractors.page.trace import TooManyImages

_TAIL = 2048  # bytes: a complete file says %%EOF in them


def prepare() -> None:
    """Once in a process, before it reads: one thread, nothing of MuPDF's on standard error."""
    cv2.setNumThreads(1)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)


class Refused(Exception):
    """The document cannot be read; `status` is one of model.Status."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def open_document(pdf: Path, password: str | None, limits: Limits) -> pymupdf.Document:
    """The open, decrypted document. Raises Refused."""
    try:
        document = pymupdf.open(pdf, filetype="pdf")
        if not document.is_pdf:
            raise Refused("not_a_pdf", "the content is another format's")
        if document.needs_pass and not document.authenticate(password or ""):
            raise Refused("encrypted", "the password does not open it" if password else "a password is needed")
        pages, broken = document.page_count, document.is_repaired
    except READ_ERRORS as error:
        why = error.__cause__ or error  # PyMuPDF's own names only the file
        encrypted = "encrypt" in str(why)  # in a way that no password opens
        raise Refused("encrypted" if encrypted else _cause(why), f"not opened: {why}") from error
    if pages <= 0:
        raise Refused("damaged" if broken else "empty", "no page can be found" if broken else "it has no pages")
    if pages > limits.pages:
        raise Refused("too_many_pages", f"{pages} pages; at most {limits.pages} are read")
    return document


def load_page(document: pymupdf.Document, index: int) -> pymupdf.Page:
    """The page, from 0. Raises READ_ERRORS, also where the page tree names what is no page (MuPDF shows it blank)."""
    page = document[index]
    if not document.xref_get_keys(page.xref):
        raise ValueError("the page tree names no page")
    return page


def read_document(pdf: Path, out: Path, password: str | None, limits: Limits, findings: IO[str]) -> None:
    """Write the findings of one document. Raises nothing that a document can cause short of memory and time."""

    def tell(event: str, **fields: Any) -> None:
        findings.write(json.dumps({"event": event, **fields}) + "\n")
        findings.flush()

    def fault(number: int, error: Exception) -> None:
        tell("fault", cause=_cause(error), detail=f"page {number}: {error}")

    try:
        document = open_document(pdf, password, limits)
    except Refused as refused:
        tell("refused", status=refused.status, detail=str(refused))
        return
    tell("pages", count=document.page_count)
    if document.is_repaired and not _is_complete(pdf):
        tell("fault", cause="damaged", detail="the file breaks off before its end")
    try:
        amend_layers(document)
    except READ_ERRORS as error:
        tell("fault", cause="damaged", detail=f"its layers: {error}")
    shared = Shared(document)
    written: set[str] = set()
    room = limits.output_bytes
    for index in range(document.page_count):
        try:
            for found in PageReader(load_page(document, index), out, limits, shared).placements():
                if isinstance(found, Exception):
                    fault(index + 1, found)
                    continue
                tell("placement", **asdict(found))
                if found.file and found.file not in written:
                    written.add(found.file)
                    room -= (out / found.file).stat().st_size
                if room < 0:
                    break
        except (*READ_ERRORS, TooManyImages) as error:
            fault(index + 1, error)
        if room < 0:
            why = f"page {index + 1}: more than {limits.output_bytes} bytes of pictures; the rest is not read"
            tell("fault", cause="too_large", detail=why)
            break
    tell("end")


def _is_complete(pdf: Path) -> bool:
    with pdf.open("rb") as file:
        file.seek(max(0, pdf.stat().st_size - _TAIL))
        return b"%%EOF" in file.read()


def _cause(error: BaseException) -> str:
    text = str(error).lower()
    starved = isinstance(error, MemoryError) or "malloc" in text or "alloc" in text or "memory" in text
    return "out_of_memory" if starved else "damaged"
