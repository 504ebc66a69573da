"""Bad documents: each gives its typed status, and leaves no process and no file behind."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from extractors import Extraction, Extractor, Limits, extract_document
from extractors.isolation.extractor import _Server
from extractors.isolation.protocol import FINDINGS, Job
from tests.extractors import pdfs

PHOTO = pdfs.photograph(1)


@pytest.fixture(autouse=True)
def _leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = _children(os.getpid())
    yield
    assert _children(os.getpid()) <= before, "a server is left"
    until = time.monotonic() + 2  # a killed one may take a moment
    while _readers(scratch) and time.monotonic() < until:
        time.sleep(0.02)
    assert _readers(scratch) == set(), "a reader is left"
    assert list(scratch.iterdir()) == [], "a temporary file is left"


def _children(parent: int) -> set[int]:
    """Processes of a parent."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.add(int(status.parent.name))
    return found


def _readers(scratch: Path) -> set[int]:
    """Processes that work in a folder under `scratch`, whosever children they have become."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cwd"):
        try:
            folder = place.readlink()
        except OSError:
            continue
        if folder.is_relative_to(scratch):
            found.add(int(place.parent.name))
    return found


def _one_photo(path: Path) -> Path:
    return pdfs.with_pictures(path, [((60, 80), PHOTO)])


def test_encrypted(tmp_path: Path) -> None:
    pdf = tmp_path / "a.pdf"
    document = pymupdf.open(_one_photo(tmp_path / "open.pdf"))
    pdfs.save(document, pdf, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="owner")
    assert extract_document(pdf, tmp_path / "out").status == "encrypted"
    assert extract_document(pdf, tmp_path / "out", password="wrong").status == "encrypted"
    opened = extract_document(pdf, tmp_path / "out", password="secret")
    assert (opened.status, opened.pages, [image.used for image in opened.images]) == ("ok", 1, [True])


def test_encrypted_in_a_way_that_no_password_opens(tmp_path: Path) -> None:
    document = pymupdf.open(_one_photo(tmp_path / "open.pdf"))
    pdf = pdfs.save(document, tmp_path / "a.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_128, user_pw="u", owner_pw="o")
    pdf.write_bytes(pdf.read_bytes().replace(b"/Filter/Standard", b"/Filter/PubSecX1"))
    refused = extract_document(pdf, tmp_path / "out", password="u")
    assert refused.status == "encrypted"
    assert "PubSecX1" in refused.detail


def test_encrypted_with_the_empty_password_opens(tmp_path: Path) -> None:
    document = pymupdf.open(_one_photo(tmp_path / "open.pdf"))
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


def test_truncated_where_no_page_is_left(tmp_path: Path) -> None:
    document = pymupdf.open(_one_photo(tmp_path / "whole.pdf"))
    whole = pdfs.save(document, tmp_path / "streams.pdf", use_objstms=1).read_bytes()
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(whole[: len(whole) // 2])
    assert extract_document(pdf, tmp_path / "out").status == "damaged"


def test_truncated_where_pages_are_left_is_never_ok(tmp_path: Path) -> None:
    pictures = [[((60.0, 80.0), pdfs.photograph(seed))] for seed in range(3)]
    whole = pdfs.with_pictures(tmp_path / "whole.pdf", *pictures).read_bytes()
    for share in (0.3, 0.6, 0.9, 0.99):
        pdf = tmp_path / "a.pdf"
        pdf.write_bytes(whole[: int(len(whole) * share)])
        assert extract_document(pdf, tmp_path / "out").status in ("damaged", "partial"), share


def test_too_large_and_too_many_pages(tmp_path: Path) -> None:
    pdf = pdfs.with_pictures(tmp_path / "a.pdf", [], [], [])
    assert extract_document(pdf, tmp_path / "out", limits=Limits(file_bytes=100)).status == "too_large"
    refused = extract_document(pdf, tmp_path / "out", limits=Limits(pages=2))
    assert (refused.status, refused.detail) == ("too_many_pages", "3 pages; at most 2 are read")


def test_pictures_past_the_limit_of_bytes_are_not_read(tmp_path: Path) -> None:
    pages = [[((60.0, 80.0), pdfs.photograph(seed))] for seed in range(4)]
    pdf = pdfs.with_pictures(tmp_path / "a.pdf", *pages)
    sizes = [
        (tmp_path / "all" / f"{image.file}").stat().st_size for image in extract_document(pdf, tmp_path / "all").images
    ]
    limit = sizes[0] + sizes[1] - 1
    extraction = extract_document(pdf, tmp_path / "out", limits=Limits(output_bytes=limit))
    assert (extraction.status, extraction.pages, [image.page for image in extraction.images]) == ("partial", 4, [1, 2])
    assert extraction.detail.startswith(f"too_large: page 2: more than {limit} bytes of pictures")


def test_documents_are_read_one_after_another_by_processes_of_their_own(tmp_path: Path) -> None:
    """One that fails, in any way, costs the next nothing; the server stays, its readers do not."""
    good, hangs, starves = _one_photo(tmp_path / "a.pdf"), tmp_path / "b.pdf", tmp_path / "c.pdf"
    pdfs.hanging(hangs)
    pdfs.bomb(starves, 300)
    limits = Limits(seconds=3, memory_bytes=500 << 20)
    with Extractor(limits=limits) as extractor:
        read = [extractor.extract(pdf, tmp_path / "out") for pdf in (good, hangs, good, starves, good)]
        (server,) = _children(os.getpid())
        assert _children(server) == set()
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
    pdf = _one_photo(tmp_path / "a.pdf")
    with Extractor() as extractor:
        assert extractor.extract(pdf, tmp_path / "out").status == "ok"
        (server,) = _children(os.getpid())
        os.kill(server, signal.SIGKILL)
        os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
        assert extractor.extract(pdf, tmp_path / "out").status == "ok"


def test_an_interrupted_document_leaves_no_answer_to_the_next(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGALRM, interrupt)
    good, hangs = _one_photo(tmp_path / "a.pdf"), pdfs.hanging(tmp_path / "b.pdf")
    try:
        with Extractor(limits=Limits(seconds=2)) as extractor:
            assert extractor.extract(good, tmp_path / "out").status == "ok"
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(KeyboardInterrupt):
                extractor.extract(hangs, tmp_path / "out")
            assert [extractor.extract(good, tmp_path / "out").status for _ in range(3)] == ["ok"] * 3
    finally:
        signal.signal(signal.SIGALRM, usual)


def test_what_is_our_failure_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf, work = _one_photo(tmp_path / "a.pdf"), tmp_path / "work"
    work.mkdir()
    (work / FINDINGS).symlink_to("/dev/full")
    server = _Server()
    with pytest.raises(OSError, match="No space left"):
        server.read(Job(str(pdf), str(work), None, Limits()))
    server.end()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="no reader can be started"):
        extract_document(pdf, tmp_path / "out")
    with pytest.raises(ValueError, match="0 processes"):
        Extractor(processes=0)


def test_a_parent_with_many_open_files_and_a_name_that_is_no_text(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2000, hard), hard))
    pdf = _one_photo(tmp_path / "a.pdf").rename(tmp_path / os.fsdecode(b"a\xff\n.pdf"))
    try:
        with contextlib.ExitStack() as files:
            for _ in range(1100):
                files.enter_context(open(os.devnull, "rb"))
            assert extract_document(pdf, tmp_path / "out").status == "ok"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_extractor_is_closed_as_often_as_one_likes(tmp_path: Path) -> None:
    with Extractor(processes=2) as extractor:
        extractor.close()
        assert extractor.extract(_one_photo(tmp_path / "a.pdf"), tmp_path / "out").status == "ok"


def test_a_reader_ends_with_its_server(tmp_path: Path) -> None:
    with Extractor() as extractor, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(extractor.extract, pdfs.hanging(tmp_path / "a.pdf"), tmp_path / "out")
        while not _readers(tmp_path / "scratch"):
            time.sleep(0.05)
        os.kill(_children(os.getpid()).pop(), signal.SIGKILL)
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
    assert extract_document(_one_photo(pdf), tmp_path / "out", limits=Limits(memory_bytes=500 << 20)).status == "ok"


def test_declared_size_is_checked_before_decoding(tmp_path: Path) -> None:
    dictionary = "/Type/XObject/Subtype/Image/Width 90000/Height 90000/ColorSpace/DeviceRGB/BitsPerComponent 8"
    content = b"q 400 0 0 400 90 300 cm /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, {"i": (dictionary, bytes(100))}, "/XObject<</I {i}>>")
    extraction = extract_document(pdf, tmp_path / "out")
    assert extraction.status == "damaged"
    assert "90000x90000 px" in extraction.detail


def test_memory_too_small_to_start(tmp_path: Path) -> None:
    pdf = _one_photo(tmp_path / "a.pdf")
    assert extract_document(pdf, tmp_path / "out", limits=Limits(memory_bytes=60 << 20)).status == "out_of_memory"


def _killed_while_reading(pdf: Path, scratch: Path, ready: Callable[[], bool]) -> Extraction:
    """Extract `pdf`; once `ready`, a signal from outside ends the reader as a crash would."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(extract_document, pdf, scratch.parent / "out")
        while not (ready() and _readers(scratch)):
            time.sleep(0.05)
        os.kill(_readers(scratch).pop(), signal.SIGSEGV)
        return reading.result(timeout=30)


def test_a_crash_of_the_child_is_a_status(tmp_path: Path) -> None:
    extraction = _killed_while_reading(pdfs.hanging(tmp_path / "a.pdf"), tmp_path / "scratch", lambda: True)
    assert extraction.status == "crashed"


def test_pictures_found_before_the_end_came_are_kept(tmp_path: Path) -> None:
    def found_one() -> bool:
        return any("placement" in path.read_text() for path in (tmp_path / "scratch").glob("*/findings.jsonl"))

    pdf = pdfs.hanging(tmp_path / "a.pdf", first=PHOTO)
    extraction = _killed_while_reading(pdf, tmp_path / "scratch", found_one)
    assert (extraction.status, extraction.pages) == ("partial", 2)
    assert extraction.detail.startswith("crashed")
    (image,) = extraction.images
    assert image.file is not None
    assert (pdfs.read(tmp_path / "out" / image.file) == PHOTO).all()


def test_a_picture_that_cannot_be_decoded_is_said_and_the_others_are_read(tmp_path: Path) -> None:
    document = pymupdf.open(pdfs.with_pictures(tmp_path / "whole.pdf", [((60, 80), PHOTO)], [((60, 80), 255 - PHOTO)]))
    broken = document[1].get_images()[0][0]
    document.update_stream(broken, b"no picture", compress=False)
    document.xref_set_key(broken, "Filter", "/JPXDecode")
    extraction = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path / "out")
    assert (extraction.status, extraction.pages) == ("partial", 2)
    assert "page 2" in extraction.detail
    assert [image.page for image in extraction.images] == [1]


def test_a_picture_whose_data_breaks_off_is_said(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes()[: PHOTO.size // 2])}
    pdf = pdfs.raw_page(tmp_path / "a.pdf", b"q 240 0 0 200 60 562 cm /I Do Q", objects, "/XObject<</I {i}>>")
    extraction = extract_document(pdf, tmp_path / "out")
    assert (extraction.status, len(extraction.images)) == ("partial", 1)
    assert "breaks off" in extraction.detail


AS_REGION = b"60 562 m 60 762 l 200 780 l 300 762 l 300 562 l h W n "  # a clip that is no rectangle


def _encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, form)
    return buffer.getvalue()


def _filtered(path: Path, name: str, streams: list[bytes], content: bytes) -> Path:
    """A page with the streams, of one filter, as images /I0, /I1, ..."""
    dictionary = pdfs.image_dictionary(PHOTO, "DeviceRGB")
    numbers = range(len(streams))
    resources = "/XObject<<" + "".join(f"/I{number} {{i{number}}}" for number in numbers) + ">>"
    objects = {f"i{number}": (dictionary, b"") for number in numbers}
    document = pymupdf.open(pdfs.raw_page(path.with_suffix(".raw"), content, objects, resources))
    for stream, xref in zip(streams, sorted(image[0] for image in document[0].get_images()), strict=True):
        document.update_stream(xref, stream, compress=False)
        document.xref_set_key(xref, "Filter", name)
    return pdfs.save(document, path)


@pytest.mark.parametrize("clip", [b"", AS_REGION], ids=["alone", "region"])
@pytest.mark.parametrize(("form", "name"), [("JPEG", "/DCTDecode"), ("JPEG2000", "/JPXDecode")])
def test_a_compressed_picture_whose_data_breaks_off_is_said(tmp_path: Path, form: str, name: str, clip: bytes) -> None:
    data = _encoded(form)
    content = b"q " + clip + b"240 0 0 200 60 562 cm /I0 Do Q q 240 0 0 200 60 62 cm /I1 Do Q"
    whole = _filtered(tmp_path / "whole.pdf", name, [data, data], content)
    assert extract_document(whole, tmp_path / "out").status == "ok"
    broken = _filtered(tmp_path / "a.pdf", name, [data[: len(data) // 2], data], content)
    extraction = extract_document(broken, tmp_path / "out")
    assert (extraction.status, extraction.images[-1].used) == ("partial", True)
    assert extraction.detail.startswith("damaged: page 1: ")


@pytest.mark.parametrize(("form", "name"), [("JPEG", "/DCTDecode"), ("JPEG2000", "/JPXDecode")])
def test_a_broken_picture_that_touches_another_is_said(tmp_path: Path, form: str, name: str) -> None:
    """Where they touch, pictures are decoded before they are read, and a decoded one warns no second time."""
    data = _encoded(form)
    content = b"q 240 0 0 200 60 562 cm /I0 Do Q q 240 0 0 200 60 362 cm /I1 Do Q"
    pdf = _filtered(tmp_path / "a.pdf", name, [data[: len(data) // 2], data], content)
    extraction = extract_document(pdf, tmp_path / "out")
    assert extraction.status == "partial"
    assert extraction.images[-1].used


def test_sloppy_content_around_a_region_is_ok(tmp_path: Path) -> None:
    content = b"/X gs foo q " + AS_REGION + b"240 0 0 200 60 562 cm /I0 Do Q Q Q"
    pdf = _filtered(tmp_path / "a.pdf", "/DCTDecode", [_encoded("JPEG")], content)
    extraction = extract_document(pdf, tmp_path / "out")
    assert (extraction.status, [image.kind for image in extraction.images]) == ("ok", ["region"])


def test_sloppy_content_that_costs_no_picture_is_ok(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    content = b"/X gs foo q 240 0 0 200 60 562 cm /I Do Q Q Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    assert extract_document(pdf, tmp_path / "out").status == "ok"
    content = b"q 240 0 0 200 60 562 cm /Lost Do /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    assert extract_document(pdf, tmp_path / "out").status == "partial"


def test_a_missing_file_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        extract_document(tmp_path / "none.pdf", tmp_path / "out")
