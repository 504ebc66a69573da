"""The processes of an extraction: who starts and ends them, and that no document meets another's (test_guards.py)."""

from __future__ import annotations

import os
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from extractors import Extractor, Limits
from tests.extractors import pdfs
from tests.extractors.isolation.misbehaving import commanded
from tests.extractors.isolation.processes import children, readers, servers

pytestmark = pytest.mark.usefixtures("scratch", "misbehaving")


def _hangs(folder: Path) -> Path:
    """A document whose reader never ends by itself."""
    return commanded(pdfs.one_photograph(folder / "hangs.pdf"), "sleep")


def test_documents_are_read_one_after_another_by_processes_of_their_own(tmp_path: Path) -> None:
    """One that fails, in any way, costs the next nothing; the server stays, its readers do not."""
    good, hangs, starves = pdfs.one_photograph(tmp_path / "a.pdf"), _hangs(tmp_path), tmp_path / "c.pdf"
    commanded(pdfs.one_photograph(starves), "allocate")
    limits = Limits(seconds=3, memory_bytes=500 << 20)
    with Extractor(limits=limits) as extractor:
        read = [extractor.extract(pdf, tmp_path / "out") for pdf in (good, hangs, good, starves, good)]
        (server,) = servers()
        assert children(server) == set()
    assert [each.status for each in read] == ["ok", "timeout", "ok", "out_of_memory", "ok"]
    assert read[0] == read[2] == read[4]


def test_documents_are_read_at_once(tmp_path: Path) -> None:
    pdf = _hangs(tmp_path)
    with Extractor(limits=Limits(seconds=3), processes=2) as extractor, ThreadPoolExecutor(4) as pool:
        started = time.monotonic()
        statuses = list(pool.map(lambda n: extractor.extract(pdf, tmp_path / f"{n}").status, range(4)))
        assert statuses == ["timeout"] * 4
        assert 6 <= time.monotonic() - started < 11


@pytest.mark.parametrize(("most", "status"), [(3 << 20, "ok"), (1000, None)], ids=["enough", "too little"])
def test_a_worker_that_may_write_less_than_a_reader(most: int, status: str | None, tmp_path: Path) -> None:
    """It reads what it can, and where it cannot that is no fault of the document."""
    pdf = pdfs.one_photograph(tmp_path / "a.pdf")
    with Extractor() as extractor:
        extractor.extract(pdf, tmp_path / "out")  # its server has all modules compiled
        (server,) = servers()
        resource.prlimit(server, resource.RLIMIT_FSIZE, (most, most))
        if status:
            assert extractor.extract(pdf, tmp_path / "out").status == status
        else:
            with pytest.raises(OSError, match="File too large"):
                extractor.extract(pdf, tmp_path / "out")


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
    good, hangs = pdfs.one_photograph(tmp_path / "a.pdf"), _hangs(tmp_path)
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
        reading = pool.submit(extractor.extract, _hangs(tmp_path), tmp_path / "out")
        while not readers(tmp_path / "scratch"):
            time.sleep(0.05)
        os.kill(servers().pop(), signal.SIGKILL)
        assert reading.result(timeout=10).status == "crashed"
