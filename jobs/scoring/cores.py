"""The number of CPUs that this process may use; in a container it is seldom that of the machine.

The affinity mask, cut by the CPU quota of the process's control group and of every group around it: `cpu.max` of
cgroup v2 (the kernel's Documentation/admin-guide/cgroup-v2.rst), `cpu.cfs_quota_us` of v1 (scheduler/sched-bwc.rst).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MEMBERSHIP, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def cores(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> int:
    """CPUs that this process may use, a part of one counted as one; at least 1.

    `membership` is the file that names the process's groups, `mount` the folder where they are mounted. What is
    missing or cannot be read sets no limit.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min([allowed, *_quotas(membership, mount)])))


def _quotas(membership: Path, mount: Path) -> Iterator[float]:
    """The quotas in force, in CPUs: of the process's groups and of those around them, up to the mount."""
    for line in _text(membership).splitlines():
        match line.split(":", 2):  # "0::/a/b" is v2, "4:cpu,cpuacct:/a/b" v1
            case [_, controllers, path] if not controllers or "cpu" in controllers.split(","):
                folder = mount / "cpu" if controllers else mount
                for part in PurePosixPath(path).parts:
                    folder /= part.strip("/")  # the first is "/": the mount itself
                    yield from _quota(folder, v1=bool(controllers))


def _quota(folder: Path, *, v1: bool) -> Iterator[float]:
    """The quota of one group, where it has one: "max" and -1 are none."""
    names = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if v1 else ("cpu.max",)
    match " ".join(_text(folder / name) for name in names).split():
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
