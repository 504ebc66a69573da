"""Extracts the images that a PDF document shows, with PyMuPDF in disposable processes.

from extractors import Extractor, extract_document
found = extract_document(Path("report.pdf"), Path("out"))
found.status, [placement.file for placement in found.images if placement.used]

with Extractor(processes=4) as extractor:  # keeps warm processes for many documents; any thread may call it
    found = extractor.extract(Path("report.pdf"), Path("out"))
"""

from extractors.isolation.extractor import Extractor, extract_document
from extractors.isolation.version import fingerprint, version
from extractors.isolation.work import remove_left, work_folder
from extractors.model import Extraction, Limits, Placement, Status

__all__ = [
    "Extraction",
    "Extractor",
    "Limits",
    "Placement",
    "Status",
    "extract_document",
    "fingerprint",
    "remove_left",
    "version",
    "work_folder",
]
