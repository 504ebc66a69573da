"""Audits through a proxy that injects faults write what an undisturbed audit writes; faults.py injects 500."""

from __future__ import annotations

import pytest

from tests.jobs.small_catalogue import write_catalogue
from tests.jobs.storage.faults import CODES, OF_OBJECTS, WAYS, audit_with_faults


@pytest.mark.slow
def test_no_fault_of_storage_changes_a_row(s3_environment: dict[str, str]) -> None:
    """All kinds of faults while documents are read: there one could become a row."""
    found = audit_with_faults(
        s3_environment, write_catalogue, faults=30, share=0.8, seed=2, where="/documents/", patience=20.0
    )
    assert found.broken == []
    assert {kind for kind, _ in found.injected} == {*CODES, *WAYS, *OF_OBJECTS}
