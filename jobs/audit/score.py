"""Score: every catalogue image of a product against every used image of its documents.

Reads the bucket's object of `document_images`, the images that it names, and the catalogue's; writes the bucket's
object of `pair_scores`: one row for each pair, in the order of the catalogue's images and then of the documents'. The
best pair of a product keeps its masks, from which `publish` draws it. Products share the scorer's batches, and an
image is decoded once for all of them, which is why those that share one come together; the score of a pair does not
depend on what else is in its bucket. An image that cannot be read fails its pairs, with a reason, and so does a
catalogue image that shows nothing.

A pair of images that the last audit of the product scored in the same way keeps its score.

With `stop_at_match` in the plan a product's likelier pairs come first, and those left when one is a match are not
scored and have no row.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict

from jobs.audit.carry import ScoredImages, scored_before
from jobs.errors import RowsMissing, UnreadableInput
from jobs.scoring.blocks import in_blocks, side_by_side
from jobs.scoring.cores import cores
from jobs.scoring.images import Prepared, PreparedImages, read_ahead
from jobs.scoring.pairs import Outcome, ScoredPair, score_block, score_columns
from jobs.scoring.scorers import planned_scorer
from jobs.tables.bucket import Bucket
from jobs.tables.failed import Failed
from jobs.tables.images import read_stored_image
from jobs.tables.inputs import read_image_input
from jobs.tables.plan import PlannedProduct
from jobs.tables.rows import NewRows
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, SCHEMA_VERSION, DocumentImage, PairScore
from scott_core.progress import Progress, silent

if TYPE_CHECKING:
    from scott_core import PairScorer

STOPPING_FACTOR = 4  # times as many images in a block where runs stop at a match: a round has fewer pairs of a product

_Place = tuple[int, int]  # a pair of a product: indices of its catalogue image and of its document image
_KnownPair = tuple[str, ScoredPair]  # a pair that an earlier audit has scored, and the SHA-256 of its catalogue image
_EXTRACTED = ("document", "page", "bbox", "digest", "used", "image_key", "run_id")


class ScoreSummary(TypedDict):
    """Counts of a scored bucket; `n_failed` counts the pairs without a score."""

    bucket: int
    n_products: int
    n_pairs: int
    n_failed: int


def score_bucket(
    root: str,
    audit_date: str,
    bucket: int,
    run_id: str,
    progress: Progress = silent,
    *,
    only: Collection[str] | None = None,
) -> ScoreSummary:
    """Score the products that `run_id` owns in `bucket`, or `only` some; `progress(1)` for each product.

    Raises RowsMissing where the bucket was not extracted by this run, ModelChanged where the weights are no longer
    those of the plan.
    """
    here = Bucket.open(root, audit_date, bucket, run_id, only)
    products, n_carried = here.to_do()
    progress(n_carried)
    if n_carried and not products:
        return {"bucket": bucket, "n_products": 0, "n_pairs": 0, "n_failed": 0}
    before = scored_before(here, products)
    asked: list[_Asked] = []
    for product, found in zip(products, here.rows(DOCUMENT_IMAGES, products, _EXTRACTED), strict=True):
        check_extracted(product, found)
        shown = [_Shown.of(row) for row in found if row["used"]]
        asked.append(_Asked(product, shown, _known(here, product, shown, before.get(product.product_id, {}))))
    rows = NewRows(PAIR_SCORES)
    counts: dict[str, tuple[int, int]] = {}
    with_pairs = [each for each in asked if each.sources]
    if with_pairs:  # else nothing is loaded
        scorer = planned_scorer(here.run.weights, here.run.model_version)
        for block, images in _read_blocks(here, scorer, with_pairs):
            outcomes = _score_products(here, scorer, block, images)
            for each, found_pairs in zip(block, outcomes, strict=True):
                pairs = _rows(here, each, images, found_pairs)
                rows.add(each.product.product_id, pairs)
                counts[each.product.product_id] = len(pairs), sum(pair["score"] is None for pair in pairs)
            progress(len(block))
    for each in asked:
        if not each.sources:
            rows.add(each.product.product_id, [])
    progress(len(asked) - len(with_pairs))
    written = [counts.get(product_id, (0, 0)) for product_id in here.replace(rows)]
    return {
        "bucket": bucket,
        "n_products": len(written),
        "n_pairs": sum(n_pairs for n_pairs, _ in written),
        "n_failed": sum(n_failed for _, n_failed in written),
    }


def check_extracted(product: PlannedProduct, rows: Iterable[DocumentImage]) -> None:
    """RowsMissing unless `rows` are those of this run for each document of the product, and no other."""
    found = list(dict.fromkeys((row["document"], row["run_id"]) for row in rows))
    if found != [(document, product.run_id) for document in product.document_uris]:
        raise RowsMissing(
            f"document_images of {product.product_id} are not those of run {product.run_id}: extract the bucket first"
        )


@dataclass(frozen=True, slots=True)
class _Source:
    """The place of an image: the URI of a catalogue image, or the key of a stored document image."""

    uri: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    """A used document image."""

    document: str
    page: int | None
    bbox: list[float] | None
    digest: str | None
    key: str

    @classmethod
    def of(cls, row: DocumentImage) -> _Shown:
        """The image of a row. Raises RowsMissing where an older version of the table wrote it, with no key."""
        if row["image_key"] is None:
            raise RowsMissing(f"{row['document']}: its images are not stored by content: extract the bucket again")
        return cls(row["document"], row["page"], row["bbox"], row["digest"], row["image_key"])


@dataclass(frozen=True)
class _Read:
    """A prepared image or the reason for which there is none, and the SHA-256 of a catalogue image's bytes."""

    image: Prepared | Failed
    sha256: str | None = None


@dataclass(frozen=True)
class _Asked:
    """One product and its used document images; `known` are the pairs that an earlier audit has scored."""

    product: PlannedProduct
    shown: list[_Shown]
    known: Mapping[_Place, _KnownPair]

    @cached_property
    def sources_a(self) -> list[_Source]:
        return [_Source(uri=uri) for uri in self.product.image_uris]

    @cached_property
    def sources_b(self) -> list[_Source]:
        return [_Source(key=each.key) for each in self.shown]

    @cached_property
    def sources(self) -> list[_Source]:
        """Every source that is to be read; none where the product has no pair."""
        pairs = [self.pair(place) for place in self.to_score()]
        return [*dict.fromkeys(a for a, _ in pairs), *dict.fromkeys(b for _, b in pairs)]

    def pair(self, place: _Place) -> tuple[_Source, _Source]:
        return self.sources_a[place[0]], self.sources_b[place[1]]

    def places(self) -> Iterator[_Place]:
        """Every pair, in the order of the table."""
        return itertools.product(range(len(self.sources_a)), range(len(self.sources_b)))

    def to_score(self) -> Iterator[_Place]:
        """The pairs that are not known."""
        return (place for place in self.places() if place not in self.known)

    def known_outcomes(self) -> dict[_Place, Outcome]:
        return {place: pair for place, (_, pair) in self.known.items()}


def _known(
    here: Bucket, product: PlannedProduct, shown: Sequence[_Shown], before: ScoredImages
) -> dict[_Place, _KnownPair]:
    """Those pairs of a product that were scored `before`, but for the best of them, whose masks are to be drawn."""
    found: dict[_Place, _KnownPair] = {}
    for n, uri in enumerate(product.image_uris if before else ()):
        with contextlib.suppress(UnreadableInput):  # it is read again with those that are scored, and fails its pairs
            sha256 = read_image_input(here.storage, uri, here.run.inputs_from).sha256
            for m, image in enumerate(shown):
                if scored := before.get((sha256, image.key)):
                    found[n, m] = sha256, ScoredPair(*scored)
    best = _best({place: pair for place, (_, pair) in found.items()})
    return {place: each for place, each in found.items() if place != best}


def _read_blocks(
    here: Bucket, scorer: PairScorer, products: Sequence[_Asked]
) -> Iterator[tuple[list[_Asked], dict[_Source, _Read]]]:
    """The products in blocks, each with its images read."""
    prepared = PreparedImages(scorer)
    order = side_by_side([each.sources for each in products])
    at_once = scorer.images_at_once * (STOPPING_FACTOR if here.run.stop_at_match else 1)
    blocks = in_blocks(((products[n], products[n].sources) for n in order), at_once)
    for block, found in read_ahead(lambda each: (each, _read(here, prepared, each)), blocks, cores()):
        yield block, dict(found)


def _read(here: Bucket, prepared: PreparedImages, source: _Source) -> _Read:
    if source.key is not None:
        data = read_stored_image(here.storage, source.key)
        return _Read(_of("document_image", prepared.get(source.key, data, is_extracted=True)))
    try:
        found = read_image_input(here.storage, source.uri or "", here.run.inputs_from)
    except UnreadableInput as error:
        return _Read(Failed("catalogue_image_unreadable", f"{error.status}: {error}"))
    return _Read(_of("catalogue_image", prepared.get(found.sha256, found.data)), found.sha256)


def _of(side: str, image: Prepared | Failed) -> Prepared | Failed:
    """The image, or its failure with the side in its reason: `catalogue_image_blank`."""
    return replace(image, reason=f"{side}_{image.reason}") if isinstance(image, Failed) else image


def _score_products(
    here: Bucket, scorer: PairScorer, products: Sequence[_Asked], read: Mapping[_Source, _Read]
) -> list[dict[_Place, Outcome]]:
    """The outcomes of each product's pairs whose images were read; all products share the scorer's batches."""
    images = {source: each.image for source, each in read.items() if not isinstance(each.image, Failed)}
    outcomes = [each.known_outcomes() for each in products]
    waiting = [[place for place in each.to_score() if all(s in images for s in each.pair(place))] for each in products]
    if here.run.stop_at_match:
        waiting = [
            _likeliest_first(scorer, images, each, places) for each, places in zip(products, waiting, strict=True)
        ]
    while open_products := [n for n, places in enumerate(waiting) if places]:
        share = max(map(len, waiting))
        if here.run.stop_at_match:  # a round fills the scorer's batches with a few pairs of each product
            share = -(-scorer.pairs_at_once // len(open_products))
        now = [(n, place) for n in open_products for place in waiting[n][:share]]
        asked = [products[n].pair(place) for n, place in now]
        for (n, place), outcome in zip(now, score_block(scorer, images, asked, here.run.threshold), strict=True):
            outcomes[n][place] = outcome
        for n in open_products:
            waiting[n] = [] if _has_match(outcomes[n]) else waiting[n][share:]
    return outcomes


def _has_match(outcomes: Mapping[_Place, Outcome]) -> bool:
    return any(isinstance(each, ScoredPair) and each.is_match for each in outcomes.values())


def _best(outcomes: Mapping[_Place, Outcome]) -> _Place | None:
    """The pair with the highest score, the first of equal ones, as verdicts choose it; None where none was scored."""
    scored = {place: each.score for place, each in sorted(outcomes.items()) if isinstance(each, ScoredPair)}
    return max(scored, key=scored.__getitem__, default=None)


def _likeliest_first(
    scorer: PairScorer, images: Mapping[_Source, Prepared], asked: _Asked, places: list[_Place]
) -> list[_Place]:
    """The product's pairs, those with the most alike images first."""
    index = {source: n for n, source in enumerate(images)}
    prepared = list(images.values())
    pairs = [(index[a], index[b]) for a, b in map(asked.pair, places)]
    likeness = scorer.likeness(prepared, prepared, pairs)
    return [places[n] for n in sorted(range(len(places)), key=lambda n: -likeness[n])]


def _rows(
    here: Bucket, asked: _Asked, read: Mapping[_Source, _Read], outcomes: Mapping[_Place, Outcome]
) -> list[PairScore]:
    """The product's rows of `pair_scores`; none for a pair that was left out once there was a match."""
    rows = []
    best = _best(outcomes)
    for place in asked.places():
        sha256: str | None
        outcome: Outcome | None
        if known := asked.known.get(place):
            sha256, outcome = known
        else:
            a, b = (read[source] for source in asked.pair(place))
            failed = next((each.image for each in (a, b) if isinstance(each.image, Failed)), None)
            sha256, outcome = a.sha256, failed or outcomes.get(place)
        if outcome is not None:
            row = _row(here, asked, place, sha256, outcome)
            if place == best and isinstance(outcome, ScoredPair) and outcome.masks is not None:
                row["mask_a"], row["mask_b"] = outcome.masks()
            rows.append(row)
    return rows


def _row(here: Bucket, asked: _Asked, place: _Place, sha256: str | None, outcome: Outcome) -> PairScore:
    shown = asked.shown[place[1]]
    return {
        "audit_date": here.audit_date,
        "product_id": asked.product.product_id,
        "catalogue_image": asked.product.image_uris[place[0]],
        "catalogue_sha256": sha256,
        "document": shown.document,
        "page": shown.page,
        "bbox": shown.bbox,
        "digest": shown.digest,
        **score_columns(outcome),
        "mask_a": None,
        "mask_b": None,
        "model_version": here.run.model_version,
        "run_id": here.run.run_id,
        "schema_version": SCHEMA_VERSION,
    }
