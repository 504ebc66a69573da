"""Explain: why a product has its verdict, from the rows in storage and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.errors import UnknownProduct
from jobs.storage import open_storage
from jobs.tables.keys import check_date
from jobs.tables.plan import PlannedProduct, bucket_of, read_plan, read_products
from jobs.tables.reviews import read_reviews
from jobs.tables.rows import read_rows
from jobs.tables.schemas import (
    DOCUMENT_IMAGES,
    PAIR_SCORES,
    VERDICTS,
    WITHOUT_BYTES,
    DocumentImage,
    PairScore,
    Review,
    Verdict,
)

_DOCUMENT = ("document", "document_status", "document_detail", "document_pages")
_PLACE = ("document", "page", "bbox", "width", "height", "kind")
_IMAGE = (*_PLACE, "image_class", "photo_probability", "used", "reason")
_PAIR = ("score", "is_match", "catalogue_image", "document", "page", "bbox", "region_a", "region_b", "error")


@dataclass(frozen=True)
class Explanation:
    """Everything that led to the verdict of one product."""

    product: PlannedProduct
    verdict: Verdict | None  # None where it has none yet
    documents: list[DocumentImage]  # one row for each document, which says how reading it went
    images: list[DocumentImage]  # with the reason for which one was excluded
    pairs: list[PairScore]  # the best first, those without a score last
    reviews: list[Review]  # what people said of it, the oldest first, of whatever inputs

    def to_json(self) -> dict[str, object]:
        """The object that `scott explain --json` prints: of each row the columns that say why."""
        product = self.product
        return {
            "product": {
                "product_id": product.product_id,
                "title": product.title,
                "category": product.category,
                "image_uris": list(product.image_uris),
                "document_uris": list(product.document_uris),
            },
            "verdict": self.verdict,
            "documents": [_columns(row, _DOCUMENT) for row in self.documents],
            "pictures": [_columns(row, _IMAGE) for row in self.images],
            "pairs": [_columns(row, _PAIR) for row in self.pairs],
            "reviews": self.reviews,
        }


def explain_product(root: str, audit_date: str, product_id: str) -> Explanation:
    """Everything that led to the verdict of one product.

    Raises UnknownAudit, UnknownProduct, and BadArgument where `audit_date` is no date.
    """
    storage = open_storage(root)
    bucket = bucket_of(product_id, read_plan(storage, check_date(audit_date)).n_buckets)
    planned = {product.product_id: product for product in read_products(storage, audit_date, bucket)}
    if product_id not in planned:
        raise UnknownProduct(f"the audit of {audit_date} has no product {product_id!r}")
    placements = read_rows(storage, DOCUMENT_IMAGES, audit_date, bucket, WITHOUT_BYTES, [product_id])
    pairs = read_rows(storage, PAIR_SCORES, audit_date, bucket, product_ids=[product_id])
    verdicts = read_rows(storage, VERDICTS, audit_date, bucket, product_ids=[product_id])
    return Explanation(
        product=planned[product_id],
        verdict=verdicts[0] if verdicts else None,
        documents=list({row["document"]: row for row in placements}.values()),
        images=[row for row in placements if row["digest"]],
        pairs=sorted(pairs, key=lambda pair: (pair["score"] is None, -(pair["score"] or 0))),
        reviews=read_reviews(storage, [product_id]).get(product_id, []),
    )


def _columns(row: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
    return {name: row[name] for name in names}
