"""What people said of products, as audits need it: what was asked, what was answered, and what follows."""

from jobs.tables.reviews.answers import kept_images, read_reviews, stream_reviews
from jobs.tables.reviews.outcome import CONFLICT, Outcome, outcomes_of
from jobs.tables.reviews.tasks import LeftOut, ReviewExport, ReviewTask, read_export, read_exports

__all__ = [
    "CONFLICT",
    "LeftOut",
    "Outcome",
    "ReviewExport",
    "ReviewTask",
    "kept_images",
    "outcomes_of",
    "read_export",
    "read_exports",
    "read_reviews",
    "stream_reviews",
]
