"""The sample catalogue that ships with SCOTT: our own images and reports, and what an audit must say."""

from pathlib import Path

SAMPLE = Path(__file__).parent
"""A storage root: it holds `catalogue/` and, beside it, `expected.csv` (product_id, verdict, reason)."""
