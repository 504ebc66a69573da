"""Publish: the verdicts of a bucket's products, and an image of each one's best pair as evidence.

Refuses (PublishRefused, RowsMissing) what does not add up: pairs that are not exactly catalogue images x used document
images, scores of other weights, inputs that changed since they were scored. Evidence is written before the verdict that
points to it, and both only by the run that owns the product.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from jobs.audit.score import check_extracted
from jobs.audit.verdicts import best_pair, decide
from jobs.errors import PublishRefused, UnreadableInput
from jobs.scoring.scorers import planned_product_model, planned_scorer
from jobs.tables.bucket import Bucket
from jobs.tables.inputs import read_image_input
from jobs.tables.keys import evidence_key
from jobs.tables.plan import PlannedProduct, Run, read_products
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS, DocumentImage, PairScore
from scott_core.progress import Progress, silent

if TYPE_CHECKING:
    from PIL.Image import Image

EVIDENCE_AT_ONCE = 16  # best pairs whose images are in memory, and share a batch
EVIDENCE_SIDE = 2048  # px: the longer side of an image in the evidence, at most


class PublishSummary(TypedDict):
    """Counts of a published bucket: its products, and those with each verdict."""

    bucket: int
    n_products: int
    match: int
    no_match: int
    undecided: int


def publish_bucket(
    root: str,
    audit_date: str,
    bucket: int,
    run_id: str,
    progress: Progress = silent,
    *,
    only: Collection[str] | None = None,
) -> PublishSummary:
    """Publish the products that `run_id` owns in `bucket`, or `only` some; `progress(1)` for each product."""
    here = Bucket.open(root, audit_date, bucket, run_id, only)
    documents, pairs = here.rows(DOCUMENT_IMAGES), here.rows(PAIR_SCORES)
    found = [
        _Product(product, documents.get(product.product_id, []), pairs.get(product.product_id, []))
        for product in here.products()
    ]
    for each in found:  # refuse before anything is written
        check_extracted(each.product, each.documents)
        check_pairs(each.product, each.documents, each.pairs, here.run)
    model = planned_product_model(here.run.weights, here.run.model_version)
    verdicts = {
        each.product.product_id: decide(each.product, each.documents, each.pairs, here.run, audit_date, model)
        for each in found
    }
    shown = [_BestPair(each, pair) for each in found if (pair := best_pair(each.pairs))]
    progress(len(found) - len(shown))
    for start in range(0, len(shown), EVIDENCE_AT_ONCE):
        chunk = shown[start : start + EVIDENCE_AT_ONCE]
        for best, evidence in zip(chunk, _evidence(here, chunk), strict=True):
            verdicts[best.product.product_id]["evidence_uri"] = _write_evidence(here, best.product, evidence)
            progress(1)
    taken = here.replace(VERDICTS, {name: [verdict] for name, verdict in verdicts.items()})
    counts = Counter(verdicts[name]["verdict"] for name in taken)
    return {
        "bucket": bucket,
        "n_products": len(taken),
        "match": counts["match"],
        "no_match": counts["no_match"],
        "undecided": counts["undecided"],
    }


def check_pairs(
    product: PlannedProduct, documents: Sequence[DocumentImage], pairs: Sequence[PairScore], run: Run
) -> None:
    """PublishRefused unless `pairs` are this run's, each of catalogue images x used document images once.

    A run that stops at a match may lack some of a product that has one.
    """
    used = [(row["document"], row["digest"]) for row in documents if row["used"]]
    expected = [(uri, *image) for uri in product.image_uris for image in used]
    found = [(pair["catalogue_image"], pair["document"], pair["digest"]) for pair in pairs]
    if run.stop_at_match and any(pair["is_match"] for pair in pairs):
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
class _Product:
    """A product with its rows of document_images and of pair_scores."""

    product: PlannedProduct
    documents: list[DocumentImage]
    pairs: list[PairScore]


@dataclass(frozen=True)
class _BestPair:
    """The best pair of a product: its row of pair_scores."""

    of: _Product
    pair: PairScore

    @property
    def product(self) -> PlannedProduct:
        return self.of.product

    def read(self, here: Bucket) -> tuple[Image, Image]:
        """Both images, of EVIDENCE_SIDE pixels a side or less. PublishRefused where one is not what was scored."""
        from scott_core import UnreadableImage, read_image

        uri, product_id = self.pair["catalogue_image"], self.product.product_id
        data = next(row["image"] for row in self.of.documents if row["used"] and row["digest"] == self.pair["digest"])
        try:
            source = read_image_input(here.storage, uri, here.run.inputs_from)
            if source.sha256 != self.pair["catalogue_sha256"]:
                raise PublishRefused(f"{product_id}: {uri} changed since it was scored: score the bucket again")
            images = read_image(source.data), read_image(data or b"")
        except (UnreadableInput, UnreadableImage) as error:
            raise PublishRefused(f"{product_id}: {uri} was scored and now is unreadable: {error}") from error
        for image in images:
            image.thumbnail((EVIDENCE_SIDE, EVIDENCE_SIDE))
        return images


def _evidence(here: Bucket, best: Sequence[_BestPair]) -> Iterator[bytes]:
    """Each best pair side by side with the common object marked, as JPEG."""
    from scott_core import Match
    from scott_core.overlay import draw_match

    images_a, images_b = zip(*(each.read(here) for each in best), strict=True)
    scorer = planned_scorer(here.run.weights, here.run.model_version)
    pairs = [(n, n) for n in range(len(best))]
    found = scorer.matches(images_a, images_b, pairs) if scorer.finds_regions else [None] * len(best)
    for image_a, image_b, each, match in zip(images_a, images_b, best, found, strict=True):
        score, is_match = each.pair["score"] or 0.0, bool(each.pair["is_match"])  # as recorded, wherever this runs
        if match is None:
            match = Match.without_regions(score, is_match, image_a, image_b)
        stream = io.BytesIO()
        draw_match(image_a, image_b, replace(match, score=score, is_match=is_match)).save(stream, "JPEG", quality=85)
        yield stream.getvalue()


def _write_evidence(here: Bucket, product: PlannedProduct, evidence: bytes) -> str:
    """Write the image if, once the old one was read, the product is still its run's; returns its URI."""
    key = evidence_key(here.audit_date, product.product_id)

    def change(_: bytes | None) -> bytes | None:
        return evidence if product in read_products(here.storage, here.audit_date, here.number) else None

    here.storage.update(key, change)
    return here.storage.uri(key)
