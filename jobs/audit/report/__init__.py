"""The report of an audit: pages for the person who looks at what the machine is not sure of.

reports/audit_date=.../index.html says how the audit went, and beside it an *issue* of the report, a folder, holds pages
of all products, what needs a person first. Nothing on them needs a network or a server: links are relative, and the
search loads scripts. An issue is written before the index that names it, and the issues before it are removed after
that, so that a reader sees one state of the audit. Rows are read once, bucket by bucket (`read`); a product becomes a
card (`cards`), which waits in a temporary file for its place (`order`).
"""

from __future__ import annotations

from jobs.audit.report.read import read_verdicts
from jobs.audit.report.write import ReportSummary, write_report

__all__ = ["ReportSummary", "read_verdicts", "write_report"]
