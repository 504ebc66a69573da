"""Score: every catalogue image of a product against every used image of its documents.

Reads the bucket's object of `document_images`, which holds the pictures themselves, and the catalogue
images; writes the bucket's object of `pair_scores`: one row for each pair, in the order of the
catalogue's images and then of the documents'. Products share the scorer's batches, and a picture is
decoded once for all of them, which is why those that share one come together; what a pair scores does
not depend on what else is in its bucket. A picture that cannot be read fails its pairs, with a reason.

With `stop_at_match` in the plan a product's likelier pairs come first, and those left when one is a match
are not scored and have no row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from jobs.errors import RowsMissing, UnreadableInput
from jobs.scoring.cores import cores
from jobs.scoring.images import Pictures, in_blocks, read_ahead, side_by_side
from jobs.scoring.scorers import planned_scorer, scored_columns
from jobs.storage import Storage, open_storage
from jobs.tables.inputs import read_input
from jobs.tables.keys import check_date
from jobs.tables.plan import Planned, Run, read_bucket, read_run
from jobs.tables.rows import Row, by_product, read_rows, replace_rows
from jobs.tables.schemas import SCHEMA_VERSION

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
    scored: list[_Scored] = []
    for product in products:
        found = documents.get(product.product_id, [])
        check_extracted(product, found)
        scored.append(_Scored(product, [row for row in found if row["used"]]))
    for block in _with_pictures(storage, run, [each for each in scored if each.sources]):
        _score_block(run, block)
        progress(len(block))
    progress(sum(not each.sources for each in scored))
    rows = {each.product.product_id: each.rows(audit_date, run) for each in scored}
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


@dataclass(frozen=True)
class _Source:
    """Where a picture is: a catalogue image's URI, or a document image's digest and its bytes."""

    uri: str | None = None
    digest: str | None = None
    image: bytes = field(default=b"", compare=False)


@dataclass(frozen=True)
class _Read:
    """A prepared picture, or why there is none; with the SHA-256 of a catalogue image's bytes."""

    picture: Any
    error: str | None
    sha256: str | None


@dataclass
class _Scored:
    """One product: what is compared, what was read of it, and the scored columns of its pairs (a, b)."""

    product: Planned
    documents: list[Row]  # of the used images
    read: dict[_Source, _Read] = field(default_factory=dict)
    pairs: dict[tuple[int, int], Row] = field(default_factory=dict)

    @cached_property
    def catalogue(self) -> list[_Source]:
        return [_Source(uri=uri) for uri in self.product.image_uris]

    @cached_property
    def shown(self) -> list[_Source]:
        return [_Source(digest=row["digest"], image=row["image"]) for row in self.documents]

    @property
    def sources(self) -> list[_Source]:
        """All that is to be read; nothing where there is no pair."""
        return [*self.catalogue, *self.shown] if self.documents and self.product.image_uris else []

    def readable(self) -> list[tuple[int, int]]:
        """The pairs of which both pictures could be read, in order."""
        good_a, good_b = (
            [n for n, source in enumerate(side) if self.read[source].error is None]
            for side in (self.catalogue, self.shown)
        )
        return list(itertools.product(good_a, good_b))

    def rows(self, audit_date: str, run: Run) -> list[Row]:
        """The product's rows of `pair_scores`."""
        rows = []
        catalogue, shown = self.catalogue, self.shown
        for a, b in itertools.product(range(len(catalogue)), range(len(shown))) if self.sources else ():
            read_a, read_b = self.read[catalogue[a]], self.read[shown[b]]
            failed = read_a.error or read_b.error
            if not failed and (a, b) not in self.pairs:  # left out once there was a match
                continue
            rows.append(
                {
                    "audit_date": audit_date,
                    "product_id": self.product.product_id,
                    "catalogue_image": catalogue[a].uri,
                    "catalogue_sha256": read_a.sha256,
                    **{name: self.documents[b][name] for name in ("document", "page", "bbox", "digest")},
                    "score": None,
                    **({"error": failed} if failed else self.pairs[a, b]),
                    "model_version": run.model_version,
                    "run_id": run.run_id,
                    "schema_version": SCHEMA_VERSION,
                }
            )
        return rows


def _with_pictures(storage: Storage, run: Run, products: list[_Scored]) -> Iterator[list[_Scored]]:
    """The products in blocks, with their pictures read; nothing is loaded where there is nothing to score."""
    if not products:
        return
    scorer = planned_scorer(run.weights, run.model_version)
    pictures = Pictures(scorer)

    def read(source: _Source) -> tuple[_Source, _Read]:
        if source.uri is None:
            return source, _picture(pictures.get(source.digest, source.image), "document_image_unreadable", None)
        try:
            found = read_input(storage, source.uri, MAX_IMAGE_BYTES)
        except UnreadableInput as error:
            return source, _Read(None, f"catalogue_image_unreadable: {error.status}: {error}", None)
        return source, _picture(pictures.get(found.sha256, found.data), "catalogue_image_unreadable", found.sha256)

    order = side_by_side([each.sources for each in products])
    at_once = scorer.images_at_once * (4 if run.stop_at_match else 1)  # of more products, fewer pairs in a round
    blocks = in_blocks(((products[n], products[n].sources) for n in order), at_once)
    for block, found in read_ahead(read, blocks, cores()):
        by_source = dict(found)
        for each in block:
            each.read = {source: by_source[source] for source in each.sources}
        yield block
        for each in block:  # what is kept for the rows is small
            each.read = {source: replace(read, picture=None) for source, read in each.read.items()}


def _picture(found: Any, reason: str, sha256: str | None) -> _Read:
    return _Read(None, f"{reason}: {found}", sha256) if isinstance(found, str) else _Read(found, None, sha256)


def _score_block(run: Run, products: list[_Scored]) -> None:
    """Fill in `pairs` of each product; all of them share the scorer's batches."""
    scorer = planned_scorer(run.weights, run.model_version)
    pictures = {source: read.picture for each in products for source, read in each.read.items() if read.error is None}
    at = {source: place for place, source in enumerate(pictures)}
    images = list(pictures.values())

    def places(each: _Scored, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
        catalogue, shown = each.catalogue, each.shown
        return [(at[catalogue[a]], at[shown[b]]) for a, b in pairs]

    waiting = [(each, each.readable()) for each in products]
    if run.stop_at_match:
        waiting = [(each, _likeliest_first(scorer, images, places(each, pairs), pairs)) for each, pairs in waiting]
    while waiting := [(each, pairs) for each, pairs in waiting if pairs]:
        share = -(-scorer.pairs_at_once // len(waiting)) if run.stop_at_match else max(len(p) for _, p in waiting)
        now = [(each, pairs[:share]) for each, pairs in waiting]
        asked = [place for each, pairs in now for place in places(each, pairs)]
        found = scorer.score_pairs(images, images, asked)
        columns = zip(found.score, found.region_a, found.region_b, strict=True)
        for each, pairs in now:
            for pair in pairs:
                each.pairs[pair] = scored_columns(*next(columns), run.threshold)
        waiting = [
            (each, pairs[share:])
            for each, pairs in waiting
            if not any(row.get("is_match") for row in each.pairs.values())
        ]


def _likeliest_first(
    scorer: Any, images: list[Any], places: list[tuple[int, int]], pairs: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    likeness = scorer.likeness(images, images, places)
    return [pairs[n] for n in sorted(range(len(pairs)), key=lambda n: -likeness[n])]
