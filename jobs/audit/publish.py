"""Publish: the verdicts of a bucket's products, and an image of each one's best pair as evidence.

Refuses (PublishRefused, RowsMissing) what does not add up: pairs that are not exactly catalogue images x used document
images, scores of other weights. Evidence is written before the verdict that points to it, and both only by the run that
owns the product.

A catalogue image that was replaced or removed since it was scored cannot be shown as evidence, and its scores are of
what is there no more: its pairs fail, and the product is decided by the others.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, TypedDict

from jobs.audit.score import check_extracted
from jobs.audit.verdicts import best_pair, decide
from jobs.errors import PublishRefused, RowsMissing, UnreadableInput
from jobs.scoring.pairs import score_columns
from jobs.scoring.scorers import planned_product_model
from jobs.tables.bucket import Bucket
from jobs.tables.failed import Failed
from jobs.tables.images import read_stored_image
from jobs.tables.inputs import read_image_input
from jobs.tables.keys import evidence_key
from jobs.tables.plan import PlannedProduct, Run
from jobs.tables.rows import NewRows
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS, WITHOUT_BYTES, DocumentImage, PairScore
from scott_core.progress import Progress, silent

if TYPE_CHECKING:
    from PIL.Image import Image

EVIDENCE_AT_ONCE = 16  # products whose evidence is drawn, then written after one look at who owns them


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
    products, n_carried = here.to_do()
    progress(n_carried)
    if n_carried and not products:
        return {"bucket": bucket, "n_products": 0, "match": 0, "no_match": 0, "undecided": 0}
    for each in _read(here, products):  # refuse before anything is written
        check_extracted(each.product, each.documents)
        check_pairs(each.product, each.documents, each.pairs, here.run)
    model = planned_product_model(here.run.weights, here.run.model_version)
    rows = NewRows(VERDICTS)
    named: dict[str, str] = {}
    changed = NewRows(PAIR_SCORES)
    found = (_draw(here, each) for each in _read(here, products) if _is_of_the_run(each))
    while chunk := list(islice(found, EVIDENCE_AT_ONCE)):
        evidence = _write_evidence(here, {each.product.product_id: picture for each, picture in chunk if picture})
        for each, _ in chunk:
            if each.is_changed:
                changed.add(each.product.product_id, each.pairs)
            verdict = decide(each.product, each.documents, each.pairs, here.run, audit_date, model)
            verdict["evidence_uri"] = evidence.get(each.product.product_id)
            named[each.product.product_id] = verdict["verdict"]
            rows.add(each.product.product_id, [verdict])
        progress(len(chunk))
    taken = here.replace(rows)
    if changed.product_ids:
        here.replace(changed)
    counts = Counter(named[name] for name in taken)
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
    """A product with its rows of document_images and of pair_scores, or these as they are after a change."""

    product: PlannedProduct
    documents: list[DocumentImage]
    pairs: list[PairScore]
    is_changed: bool = False


def _read(here: Bucket, products: Sequence[PlannedProduct]) -> Iterator[_Product]:
    documents = here.rows(DOCUMENT_IMAGES, products, WITHOUT_BYTES)
    return map(_Product, products, documents, here.rows(PAIR_SCORES, products))


def _is_of_the_run(each: _Product) -> bool:
    """Whether all rows are those of the run that was planned: a newer one may have taken the product a moment ago."""
    return {row["run_id"] for row in (*each.documents, *each.pairs)} <= {each.product.run_id}


def _draw(here: Bucket, each: _Product) -> tuple[_Product, bytes | None]:
    """The evidence of a product's best pair, None where it has none; pairs of images that have changed are failed."""
    while pair := best_pair(each.pairs):
        try:
            return each, _evidence(here, each, pair)
        except UnreadableInput as error:
            failed = score_columns(Failed("catalogue_image_unreadable", f"{error.status}: {error}"))
            pairs = list(each.pairs)
            for n, row in enumerate(pairs):
                if row["catalogue_image"] == pair["catalogue_image"]:
                    pairs[n] = {**row, **failed, "catalogue_sha256": None, "mask_a": None, "mask_b": None}
            each = replace(each, pairs=pairs, is_changed=True)
    return each, None


def _write_evidence(here: Bucket, drawn: Mapping[str, bytes]) -> Mapping[str, str]:
    """Writes the evidence, by product id, of those that are still the run's; returns the URI of each.

    Evidence stays as it is, since verdicts that were carried over point to it: another picture of a product gets a name
    of its own. Who owns them is asked once the old evidence was read, so that a late attempt writes none.
    """
    key_of = {product_id: evidence_key(here.audit_date, product_id) for product_id in drawn}
    product_of = {key: product_id for product_id, key in key_of.items()}

    def change(found: Mapping[str, bytes | None]) -> dict[str, bytes]:
        owned = {product.product_id for product in here.products()}
        new = {key: drawn[product_of[key]] for key in found if product_of[key] in owned}
        for key, picture in new.items():
            if found[key] not in (None, picture):
                digest = sha256(picture).hexdigest()
                key_of[product_of[key]] = evidence_key(here.audit_date, product_of[key], digest)
        return {key: picture for key, picture in new.items() if found[key] is None}

    here.storage.update_all(product_of, change)
    others = {key: drawn[product_id] for product_id, key in key_of.items() if key not in product_of}
    here.storage.update_all(others, lambda found: {key: others[key] for key in found})
    return {product_id: here.storage.uri(key) for product_id, key in key_of.items()}


def _evidence(here: Bucket, of: _Product, pair: PairScore) -> bytes:
    """The best pair of a product side by side with the common object marked, as JPEG."""
    from scott_core.match import Match, decode_mask
    from scott_core.overlay import draw_match, panel

    image_a, image_b = map(panel, _best_images(here, of, pair))
    score, is_match = pair["score"] or 0.0, bool(pair["is_match"])  # as recorded, wherever this runs
    match = Match.without_regions(score, is_match, image_a, image_b)
    if pair["mask_a"] is not None and pair["mask_b"] is not None:
        masks = decode_mask(pair["mask_a"], image_a.size[::-1]), decode_mask(pair["mask_b"], image_b.size[::-1])
        match = Match(score, is_match, *masks, alpha=0.5)
    stream = io.BytesIO()
    draw_match(image_a, image_b, match).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def _best_images(here: Bucket, of: _Product, pair: PairScore) -> tuple[Image, Image]:
    """Both images of a pair. UnreadableInput where that of the catalogue is not what was scored."""
    from scott_core import read_image

    uri = pair["catalogue_image"]
    key = next(row["image_key"] for row in of.documents if row["used"] and row["digest"] == pair["digest"])
    if key is None:
        raise RowsMissing(f"{of.product.product_id}: an older version extracted its images: extract the bucket again")
    source = read_image_input(here.storage, uri, here.run.inputs_from)
    if source.sha256 != pair["catalogue_sha256"]:
        raise UnreadableInput("changed", f"{uri} was replaced while the audit ran")
    return read_image(source.data), read_image(read_stored_image(here.storage, key))
