"""Audits that are killed at random end as if they had not been; `make chaos` kills a thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.chaos.kills import audit_with_kills


@pytest.mark.slow
def test_no_kill_changes_an_outcome(tmp_path: Path) -> None:
    assert audit_with_kills(tmp_path, kills=8, seed=2) == []
