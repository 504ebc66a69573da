"""Audits through a proxy that injects faults write what an undisturbed audit writes; faults.py injects 500."""

from __future__ import annotations

from tests.jobs.audit.steps import write_two_products
from tests.jobs.storage.faults import CODES, OF_OBJECTS, WAYS, audit_with_faults


def test_no_fault_of_storage_changes_a_row(s3_environment: dict[str, str]) -> None:
    found = audit_with_faults(s3_environment, write_two_products, faults=40, share=0.4, seed=2)
    assert found.broken == []
    assert found.injected.total() == 40
    assert {kind for kind, _ in found.injected} == {*CODES, *WAYS, *OF_OBJECTS}
    assert {request for _, request in found.injected} == {"read", "list", "write"}
