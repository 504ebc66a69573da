"""PDF documents to the pictures they show: PyMuPDF in disposable processes.

from extractors import extract_document
found = extract_document(Path("report.pdf"), Path("out"))
found.status, [placement.file for placement in found.images if placement.used]

with Extractor(processes=4) as extractor:  # for many: warm processes, from any thread
    found = extractor.extract(Path("report.pdf"), Path("out"))
"""

from extractors.isolation.extractor import Extractor, extract_document
from extractors.model import Extraction, Limits, Placement, Status

__all__ = ["Extraction", "Extractor", "Limits", "Placement", "Status", "extract_document"]
