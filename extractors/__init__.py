"""PDF documents to the pictures they show: PyMuPDF in a disposable child process.

from extractors import extract_document
found = extract_document(Path("report.pdf"), Path("out"))
found.status, [placement.file for placement in found.images if placement.used]
"""

from extractors.document import extract_document
from extractors.model import Extraction, Limits, Placement, Status

__all__ = ["Extraction", "Limits", "Placement", "Status", "extract_document"]
