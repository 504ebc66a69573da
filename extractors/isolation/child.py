"""The reader: opens one document in a disposable process and appends its events (protocol.py) to a file.

Each event is written and flushed when it happens. Whatever ends the process, the images found before stay.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, get_args

import cv2
import numpy as np
import pymupdf
from pymupdf import mupdf

from extractors.classifier.classify import classify
from extractors.classifier.features import Origin
from extractors.isolation.protocol import (
    DETAIL,
    MOST_EVENTS,
    End,
    Event,
    Fault,
    Found,
    PageRead,
    Pages,
    Refused,
    encode_event,
    in_utf8,
)
from extractors.model import Failure, Limits
from extractors.page.amend import add_hidden_objects, amend_layers
from extractors.page.reader import READ_ERRORS, PageReader, Shared
from extractors.page.trace import TooLarge

_LAST_EVENTS = 2  # that follow when MOST_EVENTS are nearly told: the fault that says so, and the end
_TAIL = 2048  # bytes at the end of a file in which a complete one has its %%EOF


class RefusedDocument(Exception):
    """The document cannot be read at all; `event` says why."""

    def __init__(self, status: Failure, detail: str) -> None:
        super().__init__(detail)
        self.event = Refused(status, detail)


def prepare() -> None:
    """Set up the libraries once in a process, before it reads: one thread, no messages of MuPDF on standard error.

    The classifier is used once, so that each reader that is forked from this process has it ready.
    """
    cv2.setNumThreads(1)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    grain = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for origin in get_args(Origin):
        classify(grain, origin)


def open_document(pdf: Path, password: str | None, limits: Limits) -> pymupdf.Document:
    """The open, decrypted document. Raises RefusedDocument."""
    try:
        document = pymupdf.open(pdf, filetype="pdf")
        if not document.is_pdf:
            raise RefusedDocument("not_a_pdf", "the content is another format's")
        if document.needs_pass and not document.authenticate(password or ""):
            raise RefusedDocument("encrypted", "the password does not open it" if password else "a password is needed")
        pages, broken = document.page_count, document.is_repaired
    except READ_ERRORS as error:
        why = error.__cause__ or error  # PyMuPDF's own message names only the file
        encrypted = "encrypt" in str(why)  # with a security handler that MuPDF does not have: no password opens it
        raise RefusedDocument("encrypted" if encrypted else _cause(why), f"not opened: {why}") from error
    if pages <= 0:
        raise RefusedDocument("damaged" if broken else "empty", "no page can be found" if broken else "it has no pages")
    if pages > limits.pages:
        raise RefusedDocument("too_many_pages", f"{pages} pages; at most {limits.pages} are read")
    return document


def load_page(document: pymupdf.Document, index: int) -> pymupdf.Page:
    """The page with this index, counted from 0.

    Raises READ_ERRORS, also where the page tree names an object that is no page: MuPDF shows that one blank.
    """
    page = document[index]
    if not document.xref_get_keys(page.xref):
        raise ValueError("the page tree names no page")
    return page


def read_document(pdf: Path, out: Path, password: str | None, limits: Limits, findings: IO[str]) -> None:
    """Write the events of one document to `findings` and its images to `out`.

    A document can make it raise nothing but MemoryError; the limits of the process end it for its time.
    """

    told, bytes_left = 0, limits.output_bytes

    def tell(event: Event) -> None:
        nonlocal told
        told += 1
        if isinstance(event, (Refused, Fault)):  # MuPDF's messages quote the bytes of names
            event = replace(event, detail=in_utf8(event.detail)[:DETAIL])
        findings.write(encode_event(event))
        findings.flush()

    def fault(number: int, error: Exception) -> None:
        tell(Fault(_cause(error), f"page {number}: {error}"))

    def excess() -> str:
        if bytes_left < 0:
            return f"{limits.output_bytes} bytes of pictures"
        return f"{told - 1} findings" if told >= MOST_EVENTS - _LAST_EVENTS else ""

    try:
        document = open_document(pdf, password, limits)
    except RefusedDocument as refused:
        tell(refused.event)
        return
    tell(Pages(document.page_count))
    if document.is_repaired and not _is_complete(pdf):
        tell(Fault("damaged", "the file breaks off before its end"))
    try:
        add_hidden_objects(document, pdf)
    except READ_ERRORS as error:
        tell(Fault("damaged", f"its hidden objects: {error}"))
    try:
        amend_layers(document)
    except READ_ERRORS as error:
        tell(Fault("damaged", f"its layers: {error}"))
    shared = Shared(document)
    written: set[str] = set()
    for index in range(document.page_count):
        try:
            for found in PageReader(load_page(document, index), out, limits, shared).placements():
                if isinstance(found, Exception):
                    fault(index + 1, found)
                else:
                    tell(Found(found))
                    if found.file and found.file not in written:
                        written.add(found.file)
                        bytes_left -= (out / found.file).stat().st_size
                if excess():
                    break
        except (*READ_ERRORS, TooLarge) as error:
            fault(index + 1, error)
        if excess():
            tell(Fault("too_large", f"page {index + 1}: more than {excess()}; the rest is not read"))
            break
        tell(PageRead(index + 1))
    tell(End())


def _is_complete(pdf: Path) -> bool:
    """Whether the file has an end-of-file marker where one belongs."""
    with pdf.open("rb") as file:
        file.seek(max(0, pdf.stat().st_size - _TAIL))
        return b"%%EOF" in file.read()


def _cause(error: BaseException) -> Failure:
    """The status that an error means, by its type: other messages than a system's quote names of the document."""
    if isinstance(error, (TooLarge, mupdf.FzErrorLimit)):
        return "too_large"
    is_starved = (
        isinstance(error, MemoryError)
        or (isinstance(error, mupdf.FzErrorSystem) and "alloc" in str(error))
        or (isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem)
    )
    return "out_of_memory" if is_starved else "damaged"
