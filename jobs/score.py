"""Score: every catalogue image of a product against every used image of its documents.

Reads the bucket's object of `document_images`, which holds the pictures themselves, and the catalogue
images; writes the bucket's object of `pair_scores`: one row for each pair, in the order of the
catalogue's images and then of the documents'. A product is scored on its own, so its scores do not
depend on what else is in its bucket. A picture that cannot be read fails its pairs, with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from jobs.errors import RowsMissing, UnreadableInput
from jobs.inputs import read_input
from jobs.layout import check_date
from jobs.plan import Planned, Run, read_bucket, read_run
from jobs.schemas import SCHEMA_VERSION
from jobs.scorers import planned_scorer
from jobs.storage import Storage, open_storage
from jobs.tables import Row, by_product, read_rows, replace_rows

MAX_IMAGE_BYTES = 64 * 2**20


def score_bucket(
    root: str,
    audit_date: str,
    bucket: int,
    run_id: str,
    progress: Callable[[int], object] = lambda n: None,
) -> dict[str, Any]:
    """Score the products that `run_id` owns in `bucket`; `progress(1)` for each product.

    Returns bucket, n_products, n_pairs and n_failed. Raises RowsMissing where the bucket was not
    extracted by this run, ModelChanged where the weights are no longer those of the plan.
    """
    storage = open_storage(root)
    run = read_run(storage, check_date(audit_date), run_id)
    documents = by_product(read_rows(storage, "document_images", audit_date, bucket))
    products = [product for product in read_bucket(storage, audit_date, bucket) if product.run_id == run_id]
    rows: dict[str, list[Row]] = {}
    for product in products:
        found = documents.get(product.product_id, [])
        check_extracted(product, found)
        rows[product.product_id] = _product_rows(storage, audit_date, product, found, run)
        progress(1)
    taken = replace_rows(storage, "pair_scores", audit_date, bucket, run_id, rows)
    written = [row for name in taken for row in rows[name]]
    return {
        "bucket": bucket,
        "n_products": len(taken),
        "n_pairs": len(written),
        "n_failed": sum(row["score"] is None for row in written),
    }


def check_extracted(product: Planned, rows: Iterable[Row]) -> None:
    """RowsMissing unless `rows` are those of this run for each document of the product, and no other."""
    found = list(dict.fromkeys((row["document"], row["run_id"]) for row in rows))
    if found != [(document, product.run_id) for document in product.document_uris]:
        raise RowsMissing(
            f"document_images of {product.product_id} are not those of run {product.run_id}: extract the bucket first"
        )


def _product_rows(storage: Storage, audit_date: str, product: Planned, documents: list[Row], run: Run) -> list[Row]:
    used = [row for row in documents if row["used"]]
    if not used or not product.image_uris:
        return []
    catalogue = [_catalogue_image(storage, uri) for uri in product.image_uris]
    pictures = [_picture(row["image"], "document_image_unreadable") for row in used]
    pairs = [
        (a, b)
        for a, (image_a, _, _) in enumerate(catalogue)
        for b, (image_b, _) in enumerate(pictures)
        if image_a is not None and image_b is not None
    ]
    scored = _scores(run, [image for image, _, _ in catalogue], [image for image, _ in pictures], pairs)
    rows = []
    for a, uri in enumerate(product.image_uris):
        for b, document in enumerate(used):
            rows.append(
                {
                    "audit_date": audit_date,
                    "product_id": product.product_id,
                    "catalogue_image": uri,
                    "catalogue_sha256": catalogue[a][2],
                    **{name: document[name] for name in ("document", "page", "bbox", "digest")},
                    **scored.get((a, b), {"error": catalogue[a][1] or pictures[b][1]}),
                    "model_version": run.model_version,
                    "run_id": run.run_id,
                    "schema_version": SCHEMA_VERSION,
                }
            )
    return [{"score": None, **row} for row in rows]


def _scores(run: Run, images_a: list[Any], images_b: list[Any], pairs: list[tuple[int, int]]) -> dict[Any, Row]:
    """The scored columns of each pair (a, b); nothing is loaded where there is nothing to score."""
    if not pairs:
        return {}
    at_a, at_b = sorted({a for a, _ in pairs}), sorted({b for _, b in pairs})
    place_a, place_b = {a: i for i, a in enumerate(at_a)}, {b: i for i, b in enumerate(at_b)}
    found = planned_scorer(run.weights, run.model_version).score_pairs(
        [images_a[a] for a in at_a], [images_b[b] for b in at_b], [(place_a[a], place_b[b]) for a, b in pairs]
    )
    columns = zip(pairs, found.score, found.region_a, found.region_b, strict=True)
    return {pair: _scored(float(score), float(a), float(b), run.threshold) for pair, score, a, b in columns}


def _scored(score: float, region_a: float, region_b: float, threshold: float) -> Row:
    if not math.isfinite(score):
        return {"error": f"score_not_finite: the model gave {score}"}
    return {"score": score, "region_a": region_a, "region_b": region_b, "is_match": score >= threshold}


def _catalogue_image(storage: Storage, uri: str) -> tuple[Any, str | None, str | None]:
    """The image, or why it cannot be read; and the SHA-256 of its bytes."""
    try:
        source = read_input(storage, uri, MAX_IMAGE_BYTES)
    except UnreadableInput as error:
        return None, f"catalogue_image_unreadable: {error.status}: {error}", None
    return *_picture(source.data, "catalogue_image_unreadable"), source.sha256


def _picture(data: bytes, reason: str) -> tuple[Any, str | None]:
    """The decoded picture, or `reason: detail`."""
    from scott_core import UnreadableImage, read_image

    try:
        return read_image(data), None
    except UnreadableImage as error:
        return None, f"{reason}: {error}"
