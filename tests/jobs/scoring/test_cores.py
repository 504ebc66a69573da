"""The CPUs of this process: real folders laid out as the kernel lays out its control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from jobs.scoring import scorers
from jobs.scoring.cores import cores
from jobs.scoring.scorers import load_scorer

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def v1(folder: str, quota: str, period: str) -> dict[str, str]:
    return {f"{folder}cpu.cfs_quota_us": quota, f"{folder}cpu.cfs_period_us": period}


def laid_out(top: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """/proc/self/cgroup and /sys/fs/cgroup under `top`, with the given text."""
    (top / "membership").write_text(membership)
    for name, text in files.items():
        path = top / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return top / "membership", top / "mount"


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 CPUs, all of them allowed."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        # v2: the process's own group, the namespace's root, and the smallest of all around it
        ("0::/a/b\n", {"a/b/cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "350000 100000\n"}, 4),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 50000\n", "cpu.max": "800000 100000\n"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "500000 100000\n", "a/cpu.max": "max 100000\n"}, 5),
        ("0::/a:b c/d\n", {"a:b c/d/cpu.max": "200000 100000\n"}, 2),
        # a part of a CPU
        ("0::/a\n", {"a/cpu.max": "110000 100000\n"}, 2),
        ("0::/a\n", {"a/cpu.max": "1000 100000\n"}, 1),
        # v1: only the cpu controller, alone or with another
        ("5:memory:/m\n4:cpu,cpuacct:/a\n", v1("cpu/a/", "300000", "100000"), 3),
        ("4:cpu:/a/b\n", v1("cpu/a/", "200000\n", "50000\n"), 4),
        ("4:cpu:/a\n", v1("cpu/a/", "-1\n", "100000\n"), 64),
        ("3:cpuacct:/a\n", v1("cpu/a/", "300000", "100000"), 64),
        # a container that sees its groups by the machine's path, mounted at the container's own
        ("4:cpu:/docker/0123\n", v1("cpu/", "200000\n", "100000\n"), 2),
        # both versions at once
        ("4:cpu:/\n0::/\n", v1("cpu/", "700000", "100000"), 7),
        # no limit
        ("0::/a\n", {"a/cpu.max": "max 100000\n"}, 64),
        ("0::/a\n", {"a/cpu.max": "9900000 100000\n"}, 64),
        ("0::/a\n", {}, 64),
        ("", {"cpu.max": "100000 100000\n"}, 64),
        ("0::/a\n", {"a/cpu.max": ""}, 64),
        ("0::/a\n", {"a/cpu.max": "100000 0\n"}, 64),
        ("4:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "100000\n"}, 64),
        ("nonsense\n", {"cpu.max": "100000 100000\n"}, 64),
        # a group outside the namespace cannot be seen; its root can
        ("0::/../x\n", {"cpu.max": "300000 100000\n"}, 3),
    ],
)
def test_the_smallest_quota_counts(membership: str, files: dict[str, str], expected: int, tmp_path: Path) -> None:
    assert cores(*laid_out(tmp_path, membership, files)) == expected


@pytest.mark.usefixtures("many")
def test_what_cannot_be_read_sets_no_limit(tmp_path: Path) -> None:
    membership, mount = laid_out(tmp_path, "0::/a\n", {"cpu.max": "200000 100000\n"})
    (mount / "a" / "cpu.max").mkdir(parents=True)  # a folder cannot be read, not by root either
    assert cores(membership, mount) == 2
    membership.write_bytes(b"0::/\xff\n")
    assert cores(membership, mount) == 64
    assert cores(tmp_path / "none", tmp_path / "none") == 64


def test_the_affinity_of_a_real_process_counts() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    asked = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from jobs.scoring.cores import cores"
    found = subprocess.run([sys.executable, "-c", f"{asked}; print(cores())"], capture_output=True, check=True)
    assert found.stdout == b"1\n"


def test_of_this_process() -> None:
    assert 1 <= cores() <= HERE


def test_a_system_without_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for counted, expected in ((5, 5), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda counted=counted: counted)
        assert cores(tmp_path, tmp_path) == expected


def test_a_scorer_keeps_to_the_cpus_and_the_device_of_its_process(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = torch.get_num_threads()
    try:
        for share in (1, 1000):
            torch.set_num_threads(2)
            monkeypatch.setattr(scorers, "cores", lambda share=share: share)
            load_scorer("orb")
            assert torch.get_num_threads() == min(2, share)  # never more than torch would take
        monkeypatch.setattr("scott_core.inference.devices.claim_device", lambda: "cpu:0")
        assert str(load_scorer("scott", str(tiny_weights)).device) == "cpu:0"
    finally:
        torch.set_num_threads(threads)
