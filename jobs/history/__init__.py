"""What analysts ask of past audits: a database of their tables, and what changed between two of them."""

from jobs.history.database import connect
from jobs.history.diff import diff_audits

__all__ = ["connect", "diff_audits"]
