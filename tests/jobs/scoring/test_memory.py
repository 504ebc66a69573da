"""Freed memory is kept: made again, a tensor has no new pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from jobs.scoring.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    several = [torch.ones(k * 1_000_000, dtype=torch.uint8) for k in [*range(1, 25), 100]]
    pages = sum(one.nbytes for one in several) / 4096
    del several
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / pages)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is of the GNU C library")
def test_pages_are_not_asked_for_again() -> None:
    """The second time, not again and again: later the library's own thresholds have risen, by luck of the layout."""
    new = {
        how: float(subprocess.run([sys.executable, "-c", SCRIPT, how], check=True, capture_output=True).stdout)
        for how in ("keep", "leave")
    }
    assert new["keep"] < 0.5 < new["leave"], new
