"""One process, one GPU: real processes that take real locks, on a machine that needs no GPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import torch

from scott_core.inference.devices import claim_device, hold_one
from tests import ROOT

NAMES = ("zero", "one", "two")
HOLDER = """
import sys
from pathlib import Path
from scott_core.inference.devices import hold_one
print(hold_one(sys.argv[2:], Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(folder: Path, *names: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that takes one of `names` and lives on; and what it got, in words."""
    command = [sys.executable, "-c", HOLDER, str(folder), *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_each_process_gets_its_own_until_there_is_none(tmp_path: Path) -> None:
    with holder(tmp_path, *NAMES) as (first, a), holder(tmp_path, *NAMES) as (_, b), holder(tmp_path, *NAMES) as (_, c):
        assert {a, b, c} == {"0", "1", "2"}
        assert hold_one(NAMES, tmp_path) is None
        # Another order of the same GPUs, as under CUDA_VISIBLE_DEVICES: the name counts, not the index.
        assert hold_one([NAMES[2], NAMES[0]], tmp_path) is None
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert hold_one(NAMES, tmp_path) == int(a)


def test_the_same_process_gets_the_same_again(tmp_path: Path) -> None:
    with holder(tmp_path, *NAMES) as (_, found):
        assert found == "0"
        assert hold_one(NAMES, tmp_path) == 1
    assert [hold_one(NAMES, tmp_path) for _ in range(3)] == [1, 1, 1]  # though the first is free now
    assert hold_one(NAMES[::-1], tmp_path) == 1
    with holder(tmp_path, *NAMES[1:]) as (_, found):
        assert found == "1"  # "two": "one" is held by this process


def test_threads_of_a_process_get_the_same(tmp_path: Path) -> None:
    found: list[int | None] = []
    threads = [Thread(target=lambda: found.append(hold_one(NAMES, tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0] * 8


def test_at_the_same_moment_no_two_get_one(tmp_path: Path) -> None:
    names = [str(place) for place in range(4)]
    command = [sys.executable, "-c", HOLDER, str(tmp_path), *names]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in names]
    try:
        assert sorted(process.stdout.readline().strip() for process in running if process.stdout) == names
    finally:
        for process in running:
            process.communicate()


def test_what_cannot_be_locked_counts_as_held(tmp_path: Path) -> None:
    (tmp_path / "zero").mkdir()
    assert hold_one(NAMES, tmp_path) == 1
    assert hold_one(NAMES, tmp_path / "no such folder") is None
    assert hold_one([], tmp_path) is None


def test_a_file_of_another_user_does_not_stop_us(tmp_path: Path) -> None:
    """One that may not be read counts as held; one that may is locked as any other. Where root runs this, as nobody."""
    tmp_path.chmod(0o755)
    (tmp_path / "zero").touch()
    (tmp_path / "zero").chmod(0)
    (tmp_path / "one").touch()
    (tmp_path / "one").chmod(0o444)
    code = """
import os
from pathlib import Path
from scott_core.inference.devices import hold_one
if os.geteuid() == 0:
    os.setuid(65534)
print(hold_one(["zero"], Path()), hold_one(["zero", "one"], Path()))
"""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "None 1\n"


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What torch says on a machine of two GPUs, and a temporary folder of the test's own."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"uuid-{index}"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    claim_device.cache_clear()
    yield
    claim_device.cache_clear()


@pytest.mark.usefixtures("two_gpus")
def test_claims_a_gpu_that_no_other_process_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with holder(tmp_path, "scott-gpu-uuid-0.lock"):
        assert claim_device() == "cuda:1"
    assert claim_device() == "cuda:1"
    assert not caplog.records


@pytest.mark.usefixtures("two_gpus")
def test_shares_a_gpu_where_all_are_held_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with holder(tmp_path, "scott-gpu-uuid-0.lock"), holder(tmp_path, "scott-gpu-uuid-1.lock"):
        assert claim_device() == f"cuda:{os.getpid() % 2}"
    assert claim_device() == f"cuda:{os.getpid() % 2}"
    assert [(record.name, record.levelname) for record in caplog.records] == [("scott", "WARNING")]
    assert "2 GPUs" in caplog.text


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_without_uuid_goes_by_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace())
    assert claim_device() == "cuda:0"
    assert [path.name for path in tmp_path.iterdir()] == ["scott-gpu-0.lock"]


def test_claims_what_this_machine_has() -> None:
    """Without CUDA the CPU; with it a device that torch can use."""
    claim_device.cache_clear()
    device = claim_device()
    assert device.startswith("cuda:") == torch.cuda.is_available()
    assert torch.ones(2, device=device).sum().item() == 2
