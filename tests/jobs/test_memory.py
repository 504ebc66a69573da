"""Freed memory is kept: made again, a tensor has no new pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, threading, torch
from jobs.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    for n in range(10):
        if n == 2:
            before.append(faults())
        several = [torch.ones(6_000_000, dtype=torch.uint8) for _ in range(20)]
        del several
before = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(faults() - before[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is of the GNU C library")
def test_pages_are_not_asked_for_again() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", SCRIPT, how], check=True, capture_output=True).stdout)
        for how in ("keep", "leave")
    }
    assert faults["keep"] < 1000 < faults["leave"], faults
