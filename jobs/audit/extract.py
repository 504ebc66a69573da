"""Extract: the documents of a bucket's products -> the bucket's object of `document_images`.

One row for each picture placed in a document, with the encoded picture where it is used; one row for
a document without any, so that every document of the plan has a row that says how reading it went.
A picture that a product shows again (same pixels) is compared once: the others are set aside as `repeat`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from extractors import Extractor, Placement
from jobs.errors import UnreadableInput
from jobs.scoring.cores import cores
from jobs.storage import Storage, open_storage
from jobs.tables.inputs import read_input
from jobs.tables.keys import check_date
from jobs.tables.plan import Planned, read_bucket, read_run
from jobs.tables.rows import Row, replace_rows
from jobs.tables.schemas import SCHEMA_VERSION


def extract_bucket(
    root: str,
    audit_date: str,
    bucket: int,
    run_id: str,
    progress: Callable[[int], object] = lambda n: None,
) -> dict[str, Any]:
    """Extract the documents of the products that `run_id` owns in `bucket`; `progress(1)` for each product.

    Returns bucket, n_products, n_documents, n_unreadable (documents) and n_images (used).
    """
    storage = open_storage(root)
    read_run(storage, check_date(audit_date), run_id)
    products = [product for product in read_bucket(storage, audit_date, bucket) if product.run_id == run_id]
    documents = [document for product in products for document in product.document_uris]
    processes = min(cores(), max(len(documents), 1))
    rows: dict[str, list[Row]] = {}
    with Extractor(processes=processes) as extractor, ThreadPoolExecutor(processes) as pool:
        read = pool.map(partial(_document_rows, storage, extractor), documents)
        try:
            for product in products:
                found = [(document, next(read)) for document in product.document_uris]
                rows[product.product_id] = _product_rows(audit_date, product, found)
                progress(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # else all the others are read first
            raise
    taken = replace_rows(storage, "document_images", audit_date, bucket, run_id, rows)
    written = [row for name in taken for row in rows[name]]
    status = {(row["product_id"], row["document"]): row["document_status"] for row in written}
    return {
        "bucket": bucket,
        "n_products": len(taken),
        "n_documents": len(status),
        "n_unreadable": sum(value not in ("ok", "partial") for value in status.values()),
        "n_images": sum(row["used"] for row in written),
    }


def _product_rows(audit_date: str, product: Planned, found: Sequence[tuple[str, list[Row]]]) -> list[Row]:
    """The rows of one product from those of its documents."""
    rows: list[Row] = []
    seen: set[str] = set()
    for document, document_rows in found:
        for row in document_rows:
            if row["used"] and row["digest"] in seen:
                row |= {"used": False, "reason": "repeat", "image": None}
            elif row["used"]:
                seen.add(row["digest"])
            rows.append(
                {
                    "audit_date": audit_date,
                    "product_id": product.product_id,
                    "document": document,
                    **row,
                    "run_id": product.run_id,
                    "schema_version": SCHEMA_VERSION,
                }
            )
    return rows


def _document_rows(storage: Storage, extractor: Extractor, document: str) -> list[Row]:
    """The rows of one document: its placements, or a single one that only says its status."""
    try:
        source = read_input(storage, document, extractor.limits.file_bytes)
    except UnreadableInput as error:
        return [_status_row(error.status, str(error), None, None)]
    with tempfile.TemporaryDirectory(prefix="scott-extract-") as folder:
        pdf, out = Path(folder) / "document.pdf", Path(folder) / "images"
        pdf.write_bytes(source.data)
        found = extractor.extract(pdf, out)
        status = _status_row(found.status, found.detail or None, source.sha256, found.pages)
        rows = [{**status, **_placement_row(placement, out)} for placement in found.images]
    return rows or [status]


def _status_row(status: str, detail: str | None, sha256: str | None, pages: int | None) -> Row:
    return {
        "document_status": status,
        "document_detail": detail,
        "document_sha256": sha256,
        "document_pages": pages,
        "used": False,
    }


def _placement_row(placement: Placement, out: Path) -> Row:
    used = placement.used and placement.file is not None
    return {
        "page": placement.page,
        "bbox": list(placement.bbox),
        "width": placement.width,
        "height": placement.height,
        "digest": placement.digest,
        "kind": placement.kind,
        "image_class": placement.image_class,
        "used": used,
        "reason": placement.reason,
        "image": (out / placement.file).read_bytes() if used and placement.file else None,
    }
