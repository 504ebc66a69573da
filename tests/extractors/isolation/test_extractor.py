"""Each bad document gets its typed status, and extraction leaves no process and no file behind."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

from extractors import Extractor, Limits, extract_document
from extractors.isolation import child
from extractors.isolation import extractor as extractor_module
from extractors.isolation.extractor import _Server
from extractors.isolation.protocol import (
    FINDINGS,
    MOST_LINE,
    STDERR,
    End,
    Fault,
    Found,
    Job,
    PageRead,
    Pages,
    decode_event,
    encode_event,
)
from extractors.model import Placement
from tests.extractors import pdfs

pytestmark = pytest.mark.usefixtures("scratch")

PHOTO = pdfs.photograph(1)


def test_encrypted(tmp_path: Path) -> None:
    pdf = tmp_path / "a.pdf"
    document = pymupdf.open(pdfs.one_photograph(tmp_path / "open.pdf"))
    pdfs.save(document, pdf, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="owner")
    assert extract_document(pdf, tmp_path / "out").status == "encrypted"
    assert extract_document(pdf, tmp_path / "out", password="wrong").status == "encrypted"
    opened = extract_document(pdf, tmp_path / "out", password="secret")
    assert (opened.status, opened.pages, [image.used for image in opened.images]) == ("ok", 1, [True])


def test_a_name_in_a_message_decides_no_status(tmp_path: Path) -> None:
    pdf = pdfs.raw_page(tmp_path / "a.pdf", b"/MemoryFoam Do /Reallocated Do", {})
    found = extract_document(pdf, tmp_path / "out")
    assert "MemoryFoam" in found.detail
    assert found.status == "damaged"


def test_encrypted_in_a_way_that_no_password_opens(tmp_path: Path) -> None:
    document = pymupdf.open(pdfs.one_photograph(tmp_path / "open.pdf"))
    pdf = pdfs.save(document, tmp_path / "a.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_128, user_pw="u", owner_pw="o")
    pdf.write_bytes(pdf.read_bytes().replace(b"/Filter/Standard", b"/Filter/PubSecX1"))
    refused = extract_document(pdf, tmp_path / "out", password="u")
    assert refused.status == "encrypted"
    assert "PubSecX1" in refused.detail


def test_encrypted_with_the_empty_password_opens(tmp_path: Path) -> None:
    document = pymupdf.open(pdfs.one_photograph(tmp_path / "open.pdf"))
    pdf = pdfs.save(document, tmp_path / "a.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="o")
    assert extract_document(pdf, tmp_path / "out").status == "ok"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", "empty"),
        (b"<html><body>404 report not found</body></html>", "not_a_pdf"),
        (pdfs.png(PHOTO), "not_a_pdf"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 40, "damaged"),
    ],
)
def test_content_of_another_kind(tmp_path: Path, content: bytes, status: str) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(content)
    extraction = extract_document(pdf, tmp_path / "out")
    assert (extraction.status, extraction.images) == (status, ())
    assert extraction.detail


def test_a_name_that_is_no_utf8_is_quoted_as_text(tmp_path: Path) -> None:
    image = (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())
    content = b"/X\xff\xfe Do q 240 0 0 200 60 562 cm /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, {"i": image}, "/XObject<</I {i}>>")
    extraction = extract_document(pdf, tmp_path / "out")
    assert (extraction.status, [image.used for image in extraction.images]) == ("partial", [True])
    assert rb"cannot find XObject resource 'X\udcff\udcfe'" in extraction.detail.encode()


def test_truncated_where_no_page_is_left(tmp_path: Path) -> None:
    document = pymupdf.open(pdfs.one_photograph(tmp_path / "whole.pdf"))
    whole = pdfs.save(document, tmp_path / "streams.pdf", use_objstms=1).read_bytes()
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(whole[: len(whole) // 2])
    assert extract_document(pdf, tmp_path / "out").status == "damaged"


def test_truncated_where_pages_are_left_is_never_ok(tmp_path: Path) -> None:
    images = [[((60.0, 80.0), pdfs.photograph(seed))] for seed in range(3)]
    whole = pdfs.with_images(tmp_path / "whole.pdf", *images).read_bytes()
    for share in (0.3, 0.6, 0.9, 0.99):
        pdf = tmp_path / "a.pdf"
        pdf.write_bytes(whole[: int(len(whole) * share)])
        assert extract_document(pdf, tmp_path / "out").status in ("damaged", "partial"), share


def test_too_large_and_too_many_pages(tmp_path: Path) -> None:
    pdf = pdfs.with_images(tmp_path / "a.pdf", [], [], [])
    assert extract_document(pdf, tmp_path / "out", limits=Limits(file_bytes=100)).status == "too_large"
    refused = extract_document(pdf, tmp_path / "out", limits=Limits(pages=2))
    assert (refused.status, refused.detail) == ("too_many_pages", "3 pages; at most 2 are read")


def test_images_past_the_limit_of_bytes_are_not_read(tmp_path: Path) -> None:
    pages = [[((60.0, 80.0), pdfs.photograph(seed))] for seed in range(4)]
    pdf = pdfs.with_images(tmp_path / "a.pdf", *pages)
    sizes = [
        (tmp_path / "all" / f"{image.file}").stat().st_size for image in extract_document(pdf, tmp_path / "all").images
    ]
    limit = sizes[0] + sizes[1] - 1
    extraction = extract_document(pdf, tmp_path / "out", limits=Limits(output_bytes=limit))
    assert (extraction.status, extraction.pages, [image.page for image in extraction.images]) == ("partial", 4, [1, 2])
    assert extraction.detail.startswith(f"too_large: page 2: more than {limit} bytes of pictures")


def test_what_is_our_failure_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf, work = pdfs.one_photograph(tmp_path / "a.pdf"), tmp_path / "work"
    work.mkdir()
    (work / FINDINGS).symlink_to("/dev/full")
    server = _Server()
    with pytest.raises(OSError, match="No space left"):
        server.read(Job(str(pdf), str(work), None, Limits()), lambda: None)
    (work / "document.pdf").unlink()
    (work / STDERR).unlink()
    (work / STDERR).symlink_to("/dev/full")
    with pytest.raises(OSError, match="cannot write there"):
        server.read(Job(str(pdf), str(work), None, Limits()), lambda: None)
    server.end()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="no reader can be started"):
        extract_document(pdf, tmp_path / "out")
    with pytest.raises(ValueError, match="0 processes"):
        Extractor(processes=0)


@pytest.mark.parametrize("name", ["../victim.png", "link.png", "pipe.png", "folder.png", "none.png", "words"])
def test_a_reader_that_was_taken_over_moves_and_opens_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A process in place of the reader writes findings that no reader of ours writes, after one that is sound."""
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"ours")

    def read(_: _Server, job: Job, look: object) -> None:
        folder = Path(job.folder)
        (folder / "good.png").write_bytes(pdfs.png(PHOTO))
        (folder / "link.png").symlink_to(victim)
        os.mkfifo(folder / "pipe.png")
        (folder / "folder.png").mkdir()
        found = [encode_event(Pages(1))]
        for file in ("good.png", os.path.relpath(victim, folder) if name == "../victim.png" else name):
            placement = Placement(file, 1, (0, 0, 9, 9), 9, 9, "d", "embedded", "photo", used=True, reason=None)
            found.append(encode_event(Found(placement)))
        (folder / FINDINGS).write_text("".join([*found, encode_event(End())]))

    monkeypatch.setattr(_Server, "read", read)
    extraction = extract_document(pdfs.one_photograph(tmp_path / "a.pdf"), tmp_path / "out")
    assert (extraction.status, [image.file for image in extraction.images]) == ("partial", ["good.png"])
    assert extraction.detail.startswith("crashed: the reader wrote")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    assert victim.read_bytes() == b"ours"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("ours", path)])
def test_findings_that_are_no_file_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    """Neither at the end nor while the reader is at work."""

    def read(_: _Server, job: Job, look: Callable[[], object]) -> None:
        (Path(job.folder) / "ours").write_text(encode_event(Pages(3)))
        make(Path(job.folder) / FINDINGS)
        look()

    monkeypatch.setattr(_Server, "read", read)
    heard: list[tuple[int, int]] = []
    pdf = pdfs.one_photograph(tmp_path / "a.pdf")
    extraction = extract_document(pdf, tmp_path / "out", progress=lambda *pages: heard.append(pages))
    assert (extraction.status, extraction.images, heard) == ("crashed", (), [])


def test_a_parent_with_many_open_files_and_a_name_that_is_no_text(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2000, hard), hard))
    pdf = pdfs.one_photograph(tmp_path / "a.pdf").rename(tmp_path / os.fsdecode(b"a\xff\n.pdf"))
    try:
        with contextlib.ExitStack() as files:
            for _ in range(1100):
                files.enter_context(open(os.devnull, "rb"))
            assert extract_document(pdf, tmp_path / "out").status == "ok"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_declared_size_is_checked_before_decoding(tmp_path: Path) -> None:
    dictionary = "/Type/XObject/Subtype/Image/Width 1200/Height 1200/ColorSpace/DeviceRGB/BitsPerComponent 8"
    content = b"q 400 0 0 400 90 300 cm /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, {"i": (dictionary, bytes(100))}, "/XObject<</I {i}>>")
    extraction = extract_document(pdf, tmp_path / "out", limits=Limits(image_pixels=1_000_000))
    assert extraction.status == "too_large"
    assert "1200x1200 px" in extraction.detail


def test_a_missing_file_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        extract_document(tmp_path / "none.pdf", tmp_path / "out")


def test_progress_hears_of_each_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile at least once, since a reader takes longer to start than the parent takes to look; and of the last."""
    monkeypatch.setattr(extractor_module, "_LOOK", 0.001)
    pdf = pdfs.with_images(tmp_path / "a.pdf", *([((60.0, 80.0), pdfs.photograph(seed))] for seed in range(4)))
    heard: list[tuple[int, int]] = []
    extract_document(pdf, tmp_path / "out", progress=lambda *pages: heard.append(pages))
    assert heard == sorted(heard)
    assert {total for _, total in heard} == {4}
    assert heard[0][0] < 4
    assert heard[-1] == (4, 4)


def test_progress_of_a_document_that_is_refused(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nno pages")
    extract_document(tmp_path / "a.pdf", tmp_path / "out", progress=lambda *pages: heard.append(pages))
    assert heard == []


def test_findings_without_end_are_not_read_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in place of the reader writes more than one of ours does."""
    monkeypatch.setattr(extractor_module, "MOST_EVENTS", 3)
    fault, pdf = encode_event(Fault("damaged", "x")), pdfs.one_photograph(tmp_path / "a.pdf")
    for written, said in (
        (fault * 4, "too_large: the reader wrote more than 3 findings"),
        (fault + "x" * MOST_LINE, f"crashed: the reader wrote a finding of more than {MOST_LINE} bytes"),
    ):
        monkeypatch.setattr(
            _Server, "read", lambda _, job, look, w=written: (Path(job.folder) / FINDINGS).write_text(w) and None
        )
        assert extract_document(pdf, tmp_path / "out").detail.startswith(said)


def test_a_document_of_too_many_findings_is_read_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MOST_EVENTS", 5)
    pdf = pdfs.with_images(tmp_path / "a.pdf", *([((60.0, 80.0), pdfs.photograph(seed))] for seed in range(5)))
    findings = io.StringIO()
    child.read_document(pdf, tmp_path, None, Limits(), findings)
    *events, fault, end = (decode_event(line, Limits()) for line in findings.getvalue().splitlines())
    assert [type(event) for event in events] == [Pages, Found, PageRead, Found]
    assert fault == Fault("too_large", "page 2: more than 3 findings; the rest is not read")
    assert end == End()
