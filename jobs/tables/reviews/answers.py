"""What was answered: the rows of the table `reviews`, wherever they were imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.reviews.tasks import read_exports
from jobs.tables.rows import decode_rows
from jobs.tables.schemas import REVIEWS, Review


def read_reviews(storage: Storage, product_ids: Collection[str] | None = None) -> dict[str, list[Review]]:
    """The reviews of each product that has some, or of `product_ids` alone; the oldest first.

    Of each person's answers about a pair of images, and about certain inputs, it is the newest.
    """
    newest: dict[tuple[str | None, ...], Review] = {}
    for row in sorted(stream_reviews(storage, product_ids), key=lambda row: (row["reviewed_at"], row["annotation_id"])):
        pair = row["image_a_key"], row["image_b_key"]
        newest[(row["product_id"], row["reviewer"], row["inputs_digest"], *pair)] = row
    found: dict[str, list[Review]] = defaultdict(list)
    for row in sorted(newest.values(), key=lambda row: (row["product_id"], row["reviewed_at"], row["annotation_id"])):
        found[row["product_id"]].append(row)
    return dict(found)


def kept_images(storage: Storage) -> set[str]:
    """The SHA-256 of each stored image that a task shows or an answer has drawn."""
    found = {
        row[name]
        for row in stream_reviews(storage)
        for name in ("image_a_key", "image_b_key", "mask_a_key", "mask_b_key")
    }
    for export in read_exports(storage):
        for task in export.tasks:
            found |= {task.image_a_key, task.image_b_key}
    return {PurePosixPath(key).stem for key in found if key}


def stream_reviews(storage: Storage, product_ids: Collection[str] | None = None) -> Iterator[Review]:
    """Every row of `reviews`, those too that a newer answer of the same person has replaced."""
    for key in storage.keys(keys.REVIEWS):
        audit_date = keys.date_of_review_key(key)
        if audit_date is not None:
            for row in decode_rows(REVIEWS, audit_date, storage.read(key).data, storage.uri(key)):
                if product_ids is None or row["product_id"] in product_ids:
                    yield row
