"""The processes of an extraction: a reader that hangs, starves or crashes costs the next document nothing."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from extractors import Extraction, Extractor, Limits, extract_document
from tests.extractors import pdfs
from tests.extractors.isolation.processes import children, readers, servers

pytestmark = pytest.mark.usefixtures("scratch")

PHOTO = pdfs.photograph(1)


def test_documents_are_read_one_after_another_by_processes_of_their_own(tmp_path: Path) -> None:
    """One that fails, in any way, costs the next nothing; the server stays, its readers do not."""
    good, hangs, starves = pdfs.one_photograph(tmp_path / "a.pdf"), tmp_path / "b.pdf", tmp_path / "c.pdf"
    pdfs.hanging(hangs)
    pdfs.bomb(starves, 300)
    limits = Limits(seconds=3, memory_bytes=500 << 20)
    with Extractor(limits=limits) as extractor:
        read = [extractor.extract(pdf, tmp_path / "out") for pdf in (good, hangs, good, starves, good)]
        (server,) = servers()
        assert children(server) == set()
    assert [each.status for each in read] == ["ok", "timeout", "ok", "out_of_memory", "ok"]
    assert read[0] == read[2] == read[4]


def test_documents_are_read_at_once(tmp_path: Path) -> None:
    pdf = pdfs.hanging(tmp_path / "a.pdf")
    with Extractor(limits=Limits(seconds=3), processes=2) as extractor, ThreadPoolExecutor(4) as pool:
        started = time.monotonic()
        statuses = list(pool.map(lambda n: extractor.extract(pdf, tmp_path / f"{n}").status, range(4)))
        assert statuses == ["timeout"] * 4
        assert 6 <= time.monotonic() - started < 11


def test_a_server_that_ended_while_it_was_idle_is_started_again(tmp_path: Path) -> None:
    pdf = pdfs.one_photograph(tmp_path / "a.pdf")
    with Extractor() as extractor:
        assert extractor.extract(pdf, tmp_path / "out").status == "ok"
        (server,) = servers()
        os.kill(server, signal.SIGKILL)
        os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
        assert extractor.extract(pdf, tmp_path / "out").status == "ok"


def test_an_interrupted_document_leaves_no_answer_to_the_next(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGALRM, interrupt)
    good, hangs = pdfs.one_photograph(tmp_path / "a.pdf"), pdfs.hanging(tmp_path / "b.pdf")
    try:
        with Extractor(limits=Limits(seconds=2)) as extractor:
            assert extractor.extract(good, tmp_path / "out").status == "ok"
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(KeyboardInterrupt):
                extractor.extract(hangs, tmp_path / "out")
            assert [extractor.extract(good, tmp_path / "out").status for _ in range(3)] == ["ok"] * 3
    finally:
        signal.signal(signal.SIGALRM, usual)


def test_an_extractor_is_closed_as_often_as_one_likes(tmp_path: Path) -> None:
    with Extractor(processes=2) as extractor:
        extractor.close()
        assert extractor.extract(pdfs.one_photograph(tmp_path / "a.pdf"), tmp_path / "out").status == "ok"


def test_a_reader_ends_with_its_server(tmp_path: Path) -> None:
    with Extractor() as extractor, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(extractor.extract, pdfs.hanging(tmp_path / "a.pdf"), tmp_path / "out")
        while not readers(tmp_path / "scratch"):
            time.sleep(0.05)
        os.kill(servers().pop(), signal.SIGKILL)
        assert reading.result(timeout=10).status == "crashed"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="no filter for this machine")
def test_a_reader_has_no_network_and_starts_no_program() -> None:
    program = """
import os, socket
from extractors.isolation.sandbox import close_network, confine
assert close_network()
assert confine()
for call in (socket.socket, socket.socketpair, lambda: os.execv("/bin/true", ["true"]), os.fork, lambda: os.kill(1, 0)):
    try:
        call()
        print("done")
    except PermissionError:
        print("refused")
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["refused", "done", "refused", "refused", "refused"]  # a pair of sockets reaches nothing


def test_a_page_that_never_ends_is_killed(tmp_path: Path) -> None:
    pdf = pdfs.hanging(tmp_path / "a.pdf")
    started = time.monotonic()
    extraction = extract_document(pdf, tmp_path / "out", limits=Limits(seconds=3))
    assert extraction.status == "timeout"
    assert time.monotonic() - started < 8


def test_a_document_that_takes_more_memory_than_it_may(tmp_path: Path) -> None:
    pdf = pdfs.bomb(tmp_path / "a.pdf", 300)
    assert pdf.stat().st_size < 4 << 20
    starved = extract_document(pdf, tmp_path / "out", limits=Limits(memory_bytes=500 << 20))
    assert (starved.status, starved.images) == ("out_of_memory", ())
    assert (
        extract_document(pdfs.one_photograph(pdf), tmp_path / "out", limits=Limits(memory_bytes=500 << 20)).status
        == "ok"
    )


def test_memory_too_small_to_start(tmp_path: Path) -> None:
    pdf = pdfs.one_photograph(tmp_path / "a.pdf")
    assert extract_document(pdf, tmp_path / "out", limits=Limits(memory_bytes=60 << 20)).status == "out_of_memory"


def _killed_while_reading(pdf: Path, scratch: Path, ready: Callable[[], bool]) -> Extraction:
    """Extract `pdf`; once `ready`, a signal from outside ends the reader as a crash would."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(extract_document, pdf, scratch.parent / "out")
        while not (ready() and readers(scratch)):
            time.sleep(0.05)
        os.kill(readers(scratch).pop(), signal.SIGSEGV)
        return reading.result(timeout=30)


def test_a_crash_of_the_child_is_a_status(tmp_path: Path) -> None:
    extraction = _killed_while_reading(pdfs.hanging(tmp_path / "a.pdf"), tmp_path / "scratch", lambda: True)
    assert extraction.status == "crashed"


def test_images_found_before_the_end_came_are_kept(tmp_path: Path) -> None:
    def found_one() -> bool:
        return any("placement" in path.read_text() for path in (tmp_path / "scratch").glob("*/findings.jsonl"))

    pdf = pdfs.hanging(tmp_path / "a.pdf", first=PHOTO)
    extraction = _killed_while_reading(pdf, tmp_path / "scratch", found_one)
    assert (extraction.status, extraction.pages) == ("partial", 2)
    assert extraction.detail.startswith("crashed")
    (image,) = extraction.images
    assert image.file is not None
    assert (pdfs.read(tmp_path / "out" / image.file) == PHOTO).all()
