"""What a report shows, read from the tables of an audit bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from jobs.storage import Storage
from jobs.tables.plan import PlannedProduct, planned_buckets, read_products
from jobs.tables.rows import read_rows, stream_rows
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
    images = stream_rows(storage, DOCUMENT_IMAGES, audit_date, bucket, _IMAGE)
    found = _Groups(images)
    for verdict in stream_rows(storage, VERDICTS, audit_date, bucket, _VERDICT):
        product_id = verdict["product_id"]
        yield Shown(verdict, products.get(product_id), found.of(product_id))


def read_verdicts(storage: Storage, audit_date: str) -> tuple[dict[str, str | None], list[Verdict]]:
    """Title by product id for each product of the plan, and the verdicts of that date, by product id."""
    buckets = planned_buckets(storage, audit_date)
    products = [product for bucket in buckets for product in read_products(storage, audit_date, bucket)]
    rows = [row for bucket in buckets for row in read_rows(storage, VERDICTS, audit_date, bucket)]
    titles = {product.product_id: product.title for product in sorted(products, key=lambda p: p.product_id)}
    return titles, sorted(rows, key=lambda row: row["product_id"])


class _Groups:
    """Rows by product, asked for in the order of product ids, in which they come."""

    def __init__(self, rows: Iterable[DocumentImage]) -> None:
        self._groups = groupby(rows, key=lambda row: row["product_id"])
        self._next = next(self._groups, None)

    def of(self, product_id: str) -> list[DocumentImage]:
        while self._next is not None and self._next[0] < product_id:
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != product_id:
            return []
        found = list(self._next[1])
        self._next = next(self._groups, None)
        return found
