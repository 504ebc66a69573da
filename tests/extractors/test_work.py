"""Work folders: gone with their process, whatever ends it, and never while it lives."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extractors import Extractor, work_folder
from extractors.isolation.work import PREFIX, remove_left

HOLD = (
    "import sys; from extractors import work_folder\n"
    "with work_folder() as folder:\n"
    "    (folder / 'document.pdf').write_bytes(b'of a supplier')\n"
    "    print(folder, flush=True)\n"
    "    sys.stdin.read()\n"
)
STRESS = (
    "import time; from extractors import work_folder\n"
    "until = time.monotonic() + 1.5\n"
    "while time.monotonic() < until:\n"
    "    with work_folder() as folder:\n"
    "        (folder / 'x').write_bytes(b'1')\n"
    "        assert (folder / 'x').read_bytes() == b'1'\n"
)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary directory of this process; it must be empty after a test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@contextmanager
def holder(scratch: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that holds a work folder until its standard input ends."""
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_uses_is_not(scratch: Path) -> None:
    other = scratch / f"{PREFIX}file"
    other.write_bytes(b"")
    with holder(scratch) as (killed, left), holder(scratch) as (_, used):
        killed.kill()
        killed.wait()
        assert (left / "document.pdf").exists()
        with work_folder() as ours, Extractor():
            assert not left.exists()
            assert (used / "document.pdf").exists()
            assert ours.exists()
    assert set(scratch.iterdir()) == {other}, "a holder that ends by itself leaves nothing"
    other.unlink()


def test_a_folder_of_another_user_and_a_link_are_left_alone(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, elsewhere = scratch / f"{PREFIX}theirs", tmp_path / "elsewhere"
    theirs.mkdir()
    elsewhere.mkdir()
    (scratch / f"{PREFIX}link").symlink_to(elsewhere)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        remove_left()
    assert theirs.exists()
    remove_left()
    assert not theirs.exists()
    assert elsewhere.exists()
    (scratch / f"{PREFIX}link").unlink()


def test_a_folder_is_not_removed_between_its_making_and_its_lock(scratch: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen([sys.executable, "-c", STRESS], env=environment) as process:
        while process.poll() is None:
            remove_left()
            time.sleep(0)
    assert process.returncode == 0
