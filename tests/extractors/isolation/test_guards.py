"""Each guard around a reader, tried by a reader that does on purpose what a document might make a library do."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from extractors import Extractor, Limits, extract_document
from tests.extractors import pdfs
from tests.extractors.isolation.misbehaving import DEEDS, DESCRIPTOR, SECRET, commanded
from tests.extractors.isolation.processes import children, readers, servers

pytestmark = pytest.mark.usefixtures("scratch", "misbehaving")

LIMITS = Limits(seconds=3, memory_bytes=500 << 20, output_bytes=1 << 20)
PHOTO = pdfs.photograph(1)
filtered = pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="no filter for this machine")

ENDS = {  # how a reader ends, by its deed: the status, and a part of the detail
    "sleep": ("timeout", "not read within 3 s"),
    "spin": ("timeout", "not read within 3 s"),
    "allocate": ("out_of_memory", "more than 500 MiB"),
    "map": ("out_of_memory", "more than 500 MiB"),
    "write": ("crashed", "File too large"),
    "open": ("crashed", "Too many open files"),
    "die of a segmentation fault": ("crashed", f"exit status {-signal.SIGSEGV}"),
    "die of another signal": ("crashed", f"exit status {-signal.SIGALRM}"),
    "exit with 0": ("crashed", "before the document's end"),
    "exit with 3": ("crashed", "exit status 3"),
    "read its parent's environment": ("crashed", f"KeyError: '{SECRET}'"),
    "read its parent's file": ("crashed", "Bad file descriptor"),
    "write what is no event": ("crashed", "no finding"),
    "make its findings a pipe": ("crashed", "before the document's end"),
    "name a file that is none": ("crashed", "no finding"),
}
LATE = [
    "sleep",
    "allocate",
    "die of a segmentation fault",
    "exit with 0",
    "write what is no event",
    "name a file that is none",
]
REFUSED = [deed for deed in DEEDS if deed not in ENDS]  # system calls that the filters make fail


@pytest.mark.parametrize("deed", [deed for deed in ENDS if deed != "name a file that is none"])
def test_a_reader_that_misbehaves_ends_within_its_limits(
    deed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document gets its status, the server lives, and the next document is read as if nothing had been."""
    monkeypatch.setenv(SECRET, "secret")
    good, bad = pdfs.one_photograph(tmp_path / "a.pdf"), commanded(pdfs.one_photograph(tmp_path / "b.pdf"), deed)
    with _inherited_file(tmp_path), Extractor(limits=LIMITS) as extractor:
        before = extractor.extract(good, tmp_path / "out")
        server, started = servers(), time.monotonic()
        extraction = extractor.extract(bad, tmp_path / "bad")
        assert time.monotonic() - started < LIMITS.seconds + 4
        assert (extraction.status, extraction.images) == (ENDS[deed][0], ())
        assert ENDS[deed][1] in extraction.detail
        assert list((tmp_path / "bad").iterdir()) == []
        assert extractor.extract(good, tmp_path / "out") == before
        assert (before.status, servers(), children(*server)) == ("ok", server, set())


@pytest.mark.parametrize("deed", LATE)
def test_images_found_before_a_reader_misbehaves_are_kept(deed: str, tmp_path: Path) -> None:
    pdf = commanded(
        pdfs.with_images(tmp_path / "a.pdf", [((60, 80), PHOTO)], [((60, 80), 255 - PHOTO)]), deed, "placement"
    )
    extraction = extract_document(pdf, tmp_path / "out", limits=LIMITS)
    assert (extraction.status, extraction.pages) == ("partial", 2)
    assert extraction.detail.startswith(ENDS[deed][0])
    image = extraction.images[0]
    assert image.file is not None
    assert (pdfs.read(tmp_path / "out" / image.file) == PHOTO).all()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {image.file for image in extraction.images}


@filtered
@pytest.mark.parametrize("deed", REFUSED)
def test_a_reader_reaches_no_network_program_or_process(deed: str, tmp_path: Path) -> None:
    pdf = commanded(pdfs.one_photograph(tmp_path / "a.pdf"), deed)
    extraction = extract_document(pdf, tmp_path / "out", limits=LIMITS)
    assert extraction.status == "crashed"
    assert "PermissionError: [Errno 1]" in extraction.detail or "can't start new thread" in extraction.detail


def test_a_deed_is_done_on_command_alone(tmp_path: Path) -> None:
    assert extract_document(pdfs.one_photograph(tmp_path / "a.pdf"), tmp_path / "out", limits=LIMITS).status == "ok"


def test_cpu_time_is_limited_even_if_nobody_watches(tmp_path: Path) -> None:
    """The server stands still, so that the kernel alone can end its reader."""
    pdf = commanded(pdfs.one_photograph(tmp_path / "a.pdf"), "spin")
    with Extractor(limits=replace(LIMITS, seconds=1)) as extractor, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(extractor.extract, pdf, tmp_path / "out")
        while not readers(tmp_path / "scratch"):
            time.sleep(0.02)
        (server,) = servers()
        os.kill(server, signal.SIGSTOP)
        try:
            _await_end_of_readers(server)
        finally:
            os.kill(server, signal.SIGCONT)
        extraction = reading.result(timeout=10)
    assert (extraction.status, extraction.detail) == ("timeout", "timeout: more than 1 s of CPU time")


@pytest.mark.parametrize(
    ("limits", "status", "said"),
    [
        (Limits(file_bytes=5000), "too_large", "at most 5000 are read"),
        (Limits(pages=2), "too_many_pages", "3 pages; at most 2 are read"),
        (Limits(seconds=0.01), "timeout", "not read within 0.01 s"),
        (Limits(image_pixels=40_000), None, "240x200 px"),
        (Limits(images_per_page=1), None, "more than 1 images"),
        (Limits(output_bytes=50_000), "partial", "more than 50000 bytes"),
    ],
    ids=["file_bytes", "pages", "seconds", "image_pixels", "images_per_page", "output_bytes"],
)
def test_an_ordinary_document_over_a_limit(limits: Limits, status: str | None, said: str, tmp_path: Path) -> None:
    pages = [[((60.0, 80.0), pdfs.photograph(seed)), ((60.0, 380.0), pdfs.photograph(seed + 9))] for seed in range(3)]
    extraction = extract_document(pdfs.with_images(tmp_path / "a.pdf", *pages), tmp_path / "out", limits=limits)
    assert said in extraction.detail
    assert len(extraction.images) <= 1
    assert status in (extraction.status, None)


def test_memory_is_enough_for_one_image_and_not_for_another(tmp_path: Path) -> None:
    """The same limit, 60 MB over what the server has mapped: 1 megapixel is read, 36 are not."""
    small, large = (_jpeg(tmp_path / f"{times}.pdf", times) for times in (1, 6))
    with Extractor() as extractor:
        extractor.extract(small, tmp_path / "out")
        (server,) = servers()
        mapped = int(Path(f"/proc/{server}/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    limits = Limits(memory_bytes=mapped + (60 << 20))
    assert extract_document(small, tmp_path / "out", limits=limits).status == "ok"
    extraction = extract_document(large, tmp_path / "out", limits=limits)
    assert (extraction.status, extraction.images) == ("out_of_memory", ())


def _jpeg(path: Path, times: int) -> Path:
    """A photograph of 1 megapixel, repeated so many times down and across."""
    pixels = np.tile(pdfs.photograph(1, 1000, 1000), (times, times, 1))
    dictionary = pdfs.image_dictionary(pixels, "DeviceRGB", "/Filter/DCTDecode")
    objects = {"i": (dictionary, pdfs.encoded(pixels, "JPEG"))}
    return pdfs.raw_page(path, b"q 400 0 0 400 60 300 cm /I Do Q", objects, "/XObject<</I {i}>>")


@contextlib.contextmanager
def _inherited_file(folder: Path) -> Iterator[None]:
    """A file of this process, open under a number that its children would inherit."""
    with (folder / "secret").open("wb+") as file:
        os.dup2(file.fileno(), DESCRIPTOR, inheritable=True)
    try:
        yield
    finally:
        os.close(DESCRIPTOR)


def _await_end_of_readers(server: int) -> None:
    """Return once the readers of a server have ended; the server need not have noticed."""
    until = time.monotonic() + 20
    while any(_state(reader) != "Z" for reader in children(server)) and time.monotonic() < until:
        time.sleep(0.05)


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
