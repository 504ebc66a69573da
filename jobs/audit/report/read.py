"""What a report shows, read from the tables of an audit bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import tee

from jobs.storage import Storage
from jobs.tables.plan import PlannedProduct, planned_buckets, read_products
from jobs.tables.rows import read_rows, rows_of_each, stream_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, VERDICTS, DocumentImage, Verdict

_VERDICT = (
    "product_id",
    "verdict",
    "reason",
    "probability",
    "risk",
    "confidence",
    "best_score",
    "threshold",
    "best_catalogue_image",
    "best_document",
    "best_page",
    "best_bbox",
    "n_catalogue_images",
    "n_document_images",
    "n_images_skipped",
    "n_pairs_failed",
    "evidence_uri",
    "carried_from",
    "machine_verdict",
    "machine_reason",
    "review",
    "reviewed_by",
)
_IMAGE = (
    "product_id",
    "document",
    "document_status",
    "document_detail",
    "page",
    "bbox",
    "width",
    "height",
    "digest",
    "image_class",
    "used",
    "reason",
    "image_key",
)


@dataclass(frozen=True)
class Shown:
    """What the report shows of one product: the columns of its rows that say why it has its verdict."""

    verdict: Verdict
    product: PlannedProduct | None  # None where it has left the plan
    rows: list[DocumentImage]  # of document_images

    @property
    def excluded(self) -> list[DocumentImage]:
        """The images of its documents that were not compared."""
        return [row for row in self.rows if row["digest"] and not row["used"]]


def read_bucket(
    storage: Storage, audit_date: str, bucket: int, products: Mapping[str, PlannedProduct]
) -> Iterator[Shown]:
    """The products of a bucket that have a verdict, by id; `products` are those of its plan."""
    verdicts, again = tee(stream_rows(storage, VERDICTS, audit_date, bucket, _VERDICT))
    images = stream_rows(storage, DOCUMENT_IMAGES, audit_date, bucket, _IMAGE)
    found = rows_of_each(images, (verdict["product_id"] for verdict in again))
    for verdict, rows in zip(verdicts, found, strict=True):
        yield Shown(verdict, products.get(verdict["product_id"]), rows)


def read_verdicts(storage: Storage, audit_date: str) -> tuple[dict[str, str | None], list[Verdict]]:
    """Title by product id for each product of the plan, and the verdicts of that date, by product id."""
    buckets = planned_buckets(storage, audit_date)
    products = [product for bucket in buckets for product in read_products(storage, audit_date, bucket)]
    rows = [row for bucket in buckets for row in read_rows(storage, VERDICTS, audit_date, bucket)]
    titles = {product.product_id: product.title for product in sorted(products, key=lambda p: p.product_id)}
    return titles, sorted(rows, key=lambda row: row["product_id"])
