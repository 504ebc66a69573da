"""The nightly audit of the whole catalogue: one verdict for each product, or a red run.

Products that are unchanged since an earlier audit get its verdicts; `full` audits every product anew. `audit_date`
names the audit to write to.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from airflow.sdk import CronTriggerTimetable, dag

sys.path.insert(0, str(Path(__file__).parent))  # a DagBag outside of a bundle does not add this folder
from audit_steps import AUDIT_DATE, FULL, RETRYING, RISK, VERIFY, audit_chain

# No start_date, and a second's grace: else un-pausing would fire the last tick at once, in the middle of the day.
# (`run_immediately=False` still fires a tick that was missed by less than a tenth of its interval.)
NIGHTLY = CronTriggerTimetable("0 2 * * *", timezone="UTC", run_immediately=timedelta(seconds=1))


@dag(
    schedule=NIGHTLY,
    catchup=False,
    max_active_runs=1,
    params={"audit_date": AUDIT_DATE, "risk": RISK, "full": FULL, "verify": VERIFY},
    default_args={**RETRYING, "priority_weight": 1},
    doc_md=__doc__,
    tags=["scott"],
)
def catalogue_audit() -> None:
    audit_chain()


catalogue_audit()
