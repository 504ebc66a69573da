"""The nightly audit of the whole catalogue: one verdict for each product, or a red run.

Started by hand, it audits the catalogue anew; `audit_date` names the audit to write to.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow.sdk import dag

sys.path.insert(0, str(Path(__file__).parent))  # a DagBag outside of a bundle does not add this folder
from audit_steps import AUDIT_DATE, RETRYING, audit_chain

# No start_date: with one, un-pausing would fire the last tick at once.
NIGHTLY = "0 2 * * *"


@dag(
    schedule=NIGHTLY,
    catchup=False,
    max_active_runs=1,
    params={"audit_date": AUDIT_DATE},
    default_args={**RETRYING, "priority_weight": 1},
    doc_md=__doc__,
    tags=["scott"],
)
def catalogue_audit() -> None:
    audit_chain()


catalogue_audit()
