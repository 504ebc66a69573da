"""Audits that are disturbed at random end as if they had not been; `make chaos` disturbs 1,200."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.chaos.disturbed import audit_disturbed


@pytest.mark.slow
def test_no_disturbance_changes_an_outcome(tmp_path: Path) -> None:
    assert audit_disturbed(tmp_path, times=12, seed=2) == []
