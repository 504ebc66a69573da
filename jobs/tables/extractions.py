"""What was extracted of a document, kept by the document's content: a report under fifty products is read once.

An object holds the JSON of an Extraction whose files are keys of stored images. It is named by the SHA-256 of the
document and by the version of the extractor. What may have been an accident of the moment is not kept.
"""

from __future__ import annotations

import json

from extractors import Extraction, Placement, version
from jobs.storage import Storage
from jobs.tables.keys import extraction_key

LASTING = frozenset({"ok", "encrypted", "damaged", "not_a_pdf", "empty", "too_large", "too_many_pages"})
ACCIDENTS = ("timeout", "out_of_memory", "crashed")  # in the detail of a document that is `partial`


def is_lasting(status: str, detail: str | None) -> bool:
    """Whether reading the document again would give the same."""
    return status in LASTING or (status == "partial" and not any(each in (detail or "") for each in ACCIDENTS))


def read_extraction(storage: Storage, sha256: str) -> Extraction | None:
    """What this version of the extractor found in the document; None where that, or an image of it, is not kept."""
    blob = storage.read_or_none(extraction_key(sha256, version()))
    if blob is None:
        return None
    found = json.loads(blob.data)
    images = tuple(
        Placement(**{**row, "bbox": tuple(row["bbox"]), "image_class": image_class})
        for row in found["images"]
        for image_class in [row.pop("class")]
    )
    if not all(storage.exists(each.file) for each in images if each.file is not None):
        return None
    return Extraction(found["status"], found["detail"], found["pages"], images)


def write_extraction(storage: Storage, sha256: str, found: Extraction) -> None:
    """Keeps what was found in the document, unless it may have been an accident."""
    if is_lasting(found.status, found.detail):
        data = json.dumps(found.to_json(), separators=(",", ":")).encode()
        storage.write(extraction_key(sha256, version()), data)
