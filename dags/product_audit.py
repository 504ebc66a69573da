"""Audits named products again, ahead of the nightly run: their rows change, no other row does.

Use it after a supplier sent a new document. A run goes into the audit of the day it is started, or of
`audit_date`; there it keeps the buckets, weights and threshold that the audit was planned with.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow.sdk import Param, dag

sys.path.insert(0, str(Path(__file__).parent))  # a DagBag outside of a bundle does not add this folder
from audit_steps import AUDIT_DATE, RETRYING, RISK, audit_chain

PRODUCT_IDS = Param(
    type="array",
    items={"type": "string", "minLength": 1},
    minItems=1,
    title="Product ids",
    description="The products to audit, one id a line.",
)


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params={"product_ids": PRODUCT_IDS, "audit_date": AUDIT_DATE, "risk": RISK},
    default_args={**RETRYING, "priority_weight": 100},
    doc_md=__doc__,
    tags=["scott"],
)
def product_audit() -> None:
    audit_chain()


product_audit()
