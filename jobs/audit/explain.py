"""Explain: why a product has its verdict, from the rows in storage and nothing else."""

from __future__ import annotations

from typing import Any

from jobs.errors import UnknownProduct
from jobs.storage import Storage, open_storage
from jobs.tables.keys import check_date
from jobs.tables.plan import bucket_of, read_bucket, read_plan
from jobs.tables.rows import Row, read_rows

_DOCUMENT = ("document", "document_status", "document_detail", "document_pages")
_PICTURE = ("document", "page", "bbox", "width", "height", "kind", "image_class", "used", "reason")
_PAIR = ("score", "is_match", "catalogue_image", "document", "page", "bbox", "region_a", "region_b", "error")


def explain_product(root: str, audit_date: str, product_id: str) -> dict[str, Any]:
    """Everything that led to the verdict of one product.

    Returns product (as planned), verdict (its row, None where it has none yet), documents (each with
    its status), pictures (each placement, with the reason it was set aside) and pairs (best first,
    failed last). Raises UnknownAudit, UnknownProduct.
    """
    storage = open_storage(root)
    bucket = bucket_of(product_id, read_plan(storage, check_date(audit_date))["n_buckets"])
    planned = {product.product_id: product for product in read_bucket(storage, audit_date, bucket)}
    if product_id not in planned:
        raise UnknownProduct(f"the audit of {audit_date} has no product {product_id!r}")
    product = planned[product_id]
    columns = list(dict.fromkeys(("product_id", "digest", *_DOCUMENT, *_PICTURE)))  # all but the pictures
    placements = _rows(storage, "document_images", audit_date, bucket, product_id, columns)
    documents = {row["document"]: {name: row[name] for name in _DOCUMENT} for row in placements}
    pairs = _rows(storage, "pair_scores", audit_date, bucket, product_id)
    pairs.sort(key=lambda pair: (pair["score"] is None, -(pair["score"] or 0)))
    verdicts = _rows(storage, "verdicts", audit_date, bucket, product_id)
    return {
        "product": {
            "product_id": product_id,
            "title": product.title,
            "category": product.category,
            "image_uris": list(product.image_uris),
            "document_uris": list(product.document_uris),
        },
        "verdict": verdicts[0] if verdicts else None,
        "documents": list(documents.values()),
        "pictures": [{name: row[name] for name in _PICTURE} for row in placements if row["digest"]],
        "pairs": [{name: pair[name] for name in _PAIR} for pair in pairs],
    }


def _rows(
    storage: Storage,
    table: str,
    audit_date: str,
    bucket: int,
    product_id: str,
    columns: list[str] | None = None,
) -> list[Row]:
    rows = read_rows(storage, table, audit_date, bucket, columns)
    return [row for row in rows if row["product_id"] == product_id]
