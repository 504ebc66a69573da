"""`scott train --time-steps`: parts and whole, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from scott_core.training.timing import time_steps
from tests.scott_core.training.small_runs import CONFIG, options


@pytest.mark.slow
def test_the_bench_times_parts_and_whole(pack: Path, tmp_path: Path) -> None:
    found = time_steps(CONFIG, options(tmp_path), 2, pack=pack)
    rates = {name: float(value) for name, value in found.items() if "per_second" in name}
    assert rates["images_per_second"] == pytest.approx(16 * rates["steps_per_second"], rel=0.02)
    assert rates["steps_per_second"] < 1.5 * rates["steps_per_second_on_drawn_batches"]
    assert 0 < float(found["share"]) < 1.5
    assert list(tmp_path.iterdir()) == []
