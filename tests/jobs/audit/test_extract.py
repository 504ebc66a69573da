"""The temporary files of the extract step: typed errors where they cannot be written, and none left after a kill."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from extractors import Extractor
from jobs.audit import extract_bucket
from jobs.audit.plan import plan_audit
from jobs.errors import AuditError, WorkFolderUnusable
from jobs.storage import Storage, open_storage
from tests.extractors import pdfs
from tests.jobs.audit.steps import DAY, asked, table_rows, write_one_product
from tests.jobs.small_catalogue import add_product, picture

NEVER_ENDS = (
    "import sys, time; from extractors import Extractor; from jobs.audit import extract_bucket\n"
    "def extract(*_):\n"
    "    print('reads', flush=True)\n"
    "    time.sleep(60)\n"
    "Extractor.extract = extract\n"
    "extract_bucket(*sys.argv[1:3], int(sys.argv[3]), sys.argv[4])\n"
)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files of this process and of its children."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def planned(tmp_path: Path) -> tuple[Storage, tuple[str, str, int, str]]:
    """An audit of one product that has been planned, and the arguments of its extract step."""
    storage = open_storage(str(tmp_path / "root"))
    write_one_product(storage)
    plan = plan_audit(storage.root, DAY, **asked("nightly"))
    return storage, (storage.root, DAY, plan["buckets"][0], plan["run_id"])


def test_a_killed_step_leaves_its_document_until_the_next(scratch: Path, planned: tuple[Storage, tuple]) -> None:
    storage, arguments = planned
    command = [sys.executable, "-c", NEVER_ENDS, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reads\n"
        process.kill()
    assert len(list(scratch.rglob("document.pdf"))) == 1
    extract_bucket(*arguments)
    assert list(scratch.iterdir()) == []
    assert [row["document_status"] for row in table_rows(storage, "document_images") if row["used"]] == ["ok"]


@pytest.mark.parametrize("where", ["document", "reader", "folder"])
def test_a_full_temporary_folder_is_our_failure_and_says_what_to_do(
    scratch: Path, planned: tuple[Storage, tuple], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    storage, arguments = planned

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "document":
        monkeypatch.setattr(Path, "write_bytes", full)
    elif where == "reader":
        monkeypatch.setattr(Extractor, "extract", full)
    else:
        monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(WorkFolderUnusable, match=rf"{scratch}: .*No space left on device; free space.*TMPDIR"):
        extract_bucket(*arguments)
    assert table_rows(storage, "document_images") == []
    assert list(scratch.iterdir()) == []


def test_a_document_with_a_name_that_is_no_utf8_has_its_row(tmp_path: Path) -> None:
    """MuPDF's message about it, which quotes the name, is a part of the row."""
    storage = open_storage(str(tmp_path / "root"))
    pdf = pdfs.raw_page(tmp_path / "a.pdf", b"/X\xff\xfe Do", {})
    add_product(storage, "P1", [picture(1)], [pdf.read_bytes()])
    plan = plan_audit(storage.root, DAY, **asked("nightly"))
    extract_bucket(storage.root, DAY, plan["buckets"][0], plan["run_id"])
    (row,) = table_rows(storage, "document_images")
    assert row["document_status"] == "damaged"
    assert r"X\udcff\udcfe" in row["document_detail"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EAGAIN, errno.ENOMEM, errno.EPIPE])
def test_what_is_no_fault_of_the_folder_does_not_blame_it(
    planned: tuple[Storage, tuple], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Extractor, "extract", fail)
    with pytest.raises(AuditError, match=os.strerror(number)) as raised:
        extract_bucket(*planned[1])
    assert not isinstance(raised.value, WorkFolderUnusable)
