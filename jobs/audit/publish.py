"""Publish: the verdicts of a bucket's products, and a picture of each one's best pair as evidence.

Refuses (PublishRefused, RowsMissing) what does not add up: pairs that are not exactly catalogue images x
used document images, scores of other weights, inputs that changed since they were scored. Evidence is
written before the verdict that points to it, and both only by the run that owns the product.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jobs.audit.score import MAX_IMAGE_BYTES, check_extracted
from jobs.audit.verdicts import decide
from jobs.errors import PublishRefused, UnreadableInput
from jobs.scoring.scorers import planned_scorer
from jobs.storage import Storage, open_storage
from jobs.tables.inputs import read_input
from jobs.tables.keys import check_date, evidence_key
from jobs.tables.plan import Planned, Run, read_bucket, read_run
from jobs.tables.rows import Row, by_product, read_rows, replace_rows

EVIDENCE_AT_ONCE = 16  # best pairs whose pictures are in memory, and share a batch
EVIDENCE_SIDE = 2048


def publish_bucket(
    root: str,
    audit_date: str,
    bucket: int,
    run_id: str,
    progress: Callable[[int], object] = lambda n: None,
) -> dict[str, Any]:
    """Publish the products that `run_id` owns in `bucket`; `progress(1)` for each product.

    Returns bucket, n_products, and the number of each verdict (match, no_match, undecided).
    """
    storage = open_storage(root)
    run = read_run(storage, check_date(audit_date), run_id)
    documents = by_product(read_rows(storage, "document_images", audit_date, bucket))
    pairs = by_product(read_rows(storage, "pair_scores", audit_date, bucket))
    products = [product for product in read_bucket(storage, audit_date, bucket) if product.run_id == run_id]
    for product in products:  # refuse before anything is written
        name = product.product_id
        check_extracted(product, documents.get(name, []))
        check_pairs(product, documents.get(name, []), pairs.get(name, []), run)
    verdicts = {
        product.product_id: decide(
            product, documents.get(product.product_id, []), pairs.get(product.product_id, []), run, audit_date
        )
        for product in products
    }
    shown = [product for product in products if verdicts[product.product_id]["best_score"] is not None]
    progress(len(products) - len(shown))
    for start in range(0, len(shown), EVIDENCE_AT_ONCE):
        chunk = shown[start : start + EVIDENCE_AT_ONCE]
        best = [
            _best(storage, verdicts[name], documents[name], pairs[name])
            for name in (product.product_id for product in chunk)
        ]
        for product, picture in zip(chunk, _evidence(run, best), strict=True):
            _write_evidence(storage, audit_date, bucket, product, picture)
            uri = storage.uri(evidence_key(audit_date, product.product_id))
            verdicts[product.product_id]["evidence_uri"] = uri
            progress(1)
    rows = {name: [verdict] for name, verdict in verdicts.items()}
    taken = replace_rows(storage, "verdicts", audit_date, bucket, run_id, rows)
    counts = Counter(verdicts[name]["verdict"] for name in taken)
    return {
        "bucket": bucket,
        "n_products": len(taken),
        **{verdict: counts[verdict] for verdict in ("match", "no_match", "undecided")},
    }


def check_pairs(product: Planned, documents: list[Row], pairs: list[Row], run: Run) -> None:
    """PublishRefused unless `pairs` are this run's, each of catalogue images x used document images once.

    A run that stops at a match may lack some of a product that has one.
    """
    used = [(row["document"], row["digest"]) for row in documents if row["used"]]
    expected = [(uri, *picture) for uri in product.image_uris for picture in used]
    found = [(pair["catalogue_image"], pair["document"], pair["digest"]) for pair in pairs]
    stopped = run.stop_at_match and any(pair["is_match"] for pair in pairs)
    if stopped:
        scored = set(found)
        expected = [pair for pair in expected if pair in scored]
    if found != expected:
        raise PublishRefused(
            f"{product.product_id}: {len(found)} pairs are not {len(product.image_uris)} catalogue images x "
            f"{len(used)} document images: score the bucket again"
        )
    for pair in pairs:
        if (pair["run_id"], pair["model_version"]) != (run.run_id, run.model_version):
            raise PublishRefused(
                f"{product.product_id}: a pair is of run {pair['run_id']} with {pair['model_version']}, "
                f"not of {run.run_id} with {run.model_version}: score the bucket again"
            )
        if (pair["score"] is None) == (pair["error"] is None):
            raise PublishRefused(f"{product.product_id}: a pair must have a score or an error, and not both")


@dataclass(frozen=True)
class _Best:
    """The best pair of a product: its row of pair_scores, and both pictures, of EVIDENCE_SIDE pixels a side or less."""

    pair: Row
    image_a: Any
    image_b: Any


def _best(storage: Storage, verdict: Row, documents: list[Row], pairs: list[Row]) -> _Best:
    from scott_core import UnreadableImage, read_image

    best = next(pair for pair in pairs if pair["score"] == verdict["best_score"])
    picture = next(row["image"] for row in documents if row["used"] and row["digest"] == best["digest"])
    uri = best["catalogue_image"]
    try:
        source = read_input(storage, uri, MAX_IMAGE_BYTES)
        if source.sha256 != best["catalogue_sha256"]:
            raise PublishRefused(f"{verdict['product_id']}: {uri} changed since it was scored: score the bucket again")
        images = [read_image(source.data), read_image(picture)]
    except (UnreadableInput, UnreadableImage) as error:
        raise PublishRefused(f"{verdict['product_id']}: {uri} was scored and now is unreadable: {error}") from error
    for image in images:
        image.thumbnail((EVIDENCE_SIDE, EVIDENCE_SIDE))
    return _Best(best, *images)


def _evidence(run: Run, best: list[_Best]) -> Iterator[bytes]:
    """Each best pair side by side with the common object marked, as JPEG."""
    from scott_core.overlay import draw_match

    for each, match in zip(best, _matches(run, best), strict=True):
        recorded = replace(match, score=each.pair["score"], is_match=each.pair["is_match"])  # wherever this runs
        stream = io.BytesIO()
        draw_match(each.image_a, each.image_b, recorded).save(stream, "JPEG", quality=85)
        yield stream.getvalue()


def _matches(run: Run, best: list[_Best]) -> Iterator[Any]:
    """The pairs with their masks; a baseline looks at whole pictures, so it marks nothing in them."""
    from scott_core import Match, Predictor

    scorer = planned_scorer(run.weights, run.model_version)
    if isinstance(scorer, Predictor):
        yield from scorer.matches(
            [each.image_a for each in best], [each.image_b for each in best], [(n, n) for n in range(len(best))]
        )
        return
    for each in best:
        blank_a, blank_b = (np.zeros((image.height, image.width), np.float32) for image in (each.image_a, each.image_b))
        yield Match(0.0, False, blank_a, blank_b, alpha=0.5)


def _write_evidence(storage: Storage, audit_date: str, bucket: int, product: Planned, picture: bytes) -> None:
    """Write the picture if, once the old one was read, the product is still its run's."""

    def change(_: bytes | None) -> bytes | None:
        return picture if product in read_bucket(storage, audit_date, bucket) else None

    storage.update(evidence_key(audit_date, product.product_id), change)
