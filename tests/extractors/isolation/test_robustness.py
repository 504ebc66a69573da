"""The robustness set, all malformed documents and a short sample of the rest; `make fuzz` runs all of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from extractors import Extraction, Extractor, Status, extract_document
from tests.extractors import pdfs
from tests.extractors.isolation.fuzz import LIMITS, examine
from tests.extractors.isolation.malformed.document import Malformed
from tests.extractors.isolation.robustness import CASES, flipped, seeds, truncated
from tests.extractors.rawpdf import write

SHORT = replace(LIMITS, seconds=4.0)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor(limits=SHORT) as one:
        yield one


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return seeds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_malformed_document_ends_in_images_or_a_reason(case: Malformed, extractor: Extractor, tmp_path: Path) -> None:
    assert examine(case, tmp_path, extractor).broken == []


def test_the_seeds_themselves_are_read(contents: dict[str, bytes], extractor: Extractor, tmp_path: Path) -> None:
    for name, whole in contents.items():
        (tmp_path / name).mkdir()
        case = Malformed(name, lambda path, whole=whole: path.write_bytes(whole), ("ok",), 1)
        assert examine(case, tmp_path / name, extractor).broken == []


def test_documents_that_break_off(contents: dict[str, bytes], extractor: Extractor, tmp_path: Path) -> None:
    for case in islice(truncated(contents), 0, None, 13):
        (tmp_path / case.name).mkdir()
        assert examine(case, tmp_path / case.name, extractor).broken == [], case.name


def test_documents_with_flipped_bytes(contents: dict[str, bytes], extractor: Extractor, tmp_path: Path) -> None:
    for case in flipped(contents, seed=7, count=20):
        (tmp_path / case.name).mkdir()
        assert examine(case, tmp_path / case.name, extractor).broken == [], case.name


@pytest.mark.parametrize("number", [79, 738])
def test_a_name_or_message_that_is_no_text_is_no_crash(
    number: int, contents: dict[str, bytes], extractor: Extractor, tmp_path: Path
) -> None:
    """Two flips by which `make fuzz` found crashes."""
    (case,) = islice(flipped(contents, seed=1, count=number + 1), number, None)
    assert examine(case, tmp_path, extractor).broken == []


def test_a_flip_can_be_repeated_alone(contents: dict[str, bytes], tmp_path: Path) -> None:
    few, many = (list(flipped(contents, seed=3, count=count)) for count in (5, 9))
    few[4].build(tmp_path / "a.pdf")
    many[4].build(tmp_path / "b.pdf")
    many[5].build(tmp_path / "c.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes() != (tmp_path / "c.pdf").read_bytes()


def test_what_is_broken_is_said(extractor: Extractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An extractor that lies, writes aside and leaves a process: each is found."""
    left = []

    def broken(pdf: Path, out: Path) -> Extraction:
        left.append(subprocess.Popen(["sleep", "60"]))
        out.mkdir()
        (out / "stray.png").write_bytes(b"")
        (pdf.parent / "beside").touch()
        (pdf.parent / "scratch" / "temporary").touch()
        pdf.write_bytes(b"changed")
        return Extraction("ok", "", 1)

    monkeypatch.setattr(extractor, "extract", broken)
    try:
        said = examine(Malformed("x", lambda path: write(path, [b"<<>>"]), ("damaged",), 1), tmp_path, extractor).broken
    finally:
        for process in left:
            process.kill()
            process.wait()
    for what in ("status ok", "0 images", "temporary", "beside", "changed", "files written", "processes are left"):
        assert any(what in line for line in said), what


def test_no_process_outlives_the_one_that_reads(tmp_path: Path) -> None:
    pdf = pdfs.with_images(tmp_path / "a.pdf", [((60, 80), pdfs.photograph(1))])
    program = (
        "import sys; from pathlib import Path;"
        "from extractors import extract_document; from tests.extractors.isolation.processes import descendants;"
        "extract_document(Path(sys.argv[1]), Path(sys.argv[2])); print(*descendants())"
    )
    command = [sys.executable, "-c", program, str(pdf), str(tmp_path / "out")]
    kept = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{process}").exists() for process in kept) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [process for process in kept if Path(f"/proc/{process}").exists()] == []


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    pdfs.with_images(tmp_path / "a.pdf", [((60, 80), pdfs.photograph(1))])
    (tmp_path / "link").symlink_to("a.pdf")

    def status(name: str) -> Status | str:
        try:
            return extract_document(tmp_path / name, tmp_path / "out", limits=SHORT).status
        except OSError as error:
            return type(error).__name__

    assert status("fifo") == "empty"
    assert status("") == "IsADirectoryError"
    assert status("loop") == "OSError"
    assert status("dangling") == "FileNotFoundError"
    assert status("link") == "ok"
    if os.getuid():  # root reads everything
        (tmp_path / "a.pdf").chmod(0)
        assert status("a.pdf") == "PermissionError"
