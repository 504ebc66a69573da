"""Makes the pictures of docs/report.md: python -m tests.jobs.audit.report.screenshots OUT

It audits the sample catalogue on five nights, on the first of which some documents have not come yet, at a risk so
small that there are close calls, and photographs the report of the last.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from jobs.audit.run import run_audit
from jobs.sample import SAMPLE
from jobs.storage import open_storage
from jobs.tables.keys import report_key
from tests.jobs.audit.report.browser import open_tab

NIGHTS = tuple(f"2026-11-{day}" for day in range(23, 28))
LATE = {"TOY-0002": 1, "TOY-0005": 1, "TOY-0007": 2, "TOY-0009": 3}  # the night on which the documents come
RISK = 0.01
QUALITY = 82  # of the JPEG files: under 200 kB each


def audit_nights(root: Path) -> None:
    """Audits the sample as its documents come in."""
    shutil.copytree(SAMPLE / "catalogue", root / "catalogue")
    (root / "catalogue" / "canaries.csv").unlink()
    for name in LATE:
        (root / "catalogue" / name / "documents").rename(root / name)
    for number, night in enumerate(NIGHTS):
        for name in [name for name, first in LATE.items() if first == number]:
            (root / name).rename(root / "catalogue" / name / "documents")
        run_audit(str(root), night, run_name="nightly", requested_at=f"{night}T02:00:00+00:00", risk=RISK)


def main(out: Path) -> None:
    """Writes report-summary.jpg and report-products.jpg."""
    with tempfile.TemporaryDirectory() as folder, open_tab(1180, 700) as tab:
        root = Path(folder) / "root"
        root.mkdir()
        audit_nights(root)
        tab.goto(open_storage(str(root)).uri(report_key(NIGHTS[-1])))
        tab.screenshot(path=out / "report-summary.jpg", type="jpeg", quality=QUALITY)
        tab.get_by_text("Look at the products").click()
        tab.set_viewport_size({"width": 1180, "height": 1010})
        tab.locator("summary").first.click()
        tab.keyboard.press("/")
        tab.keyboard.type("toy-000")
        tab.locator(".found a").first.wait_for()
        tab.wait_for_load_state("networkidle")
        tab.screenshot(path=out / "report-products.jpg", type="jpeg", quality=QUALITY)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
