"""Made audits of many nights, in the files that an audit would have written: for measuring what reads them.

A product has two images and a document with one photograph. On each night after the first, CHANGED of the products
have another document under the old name, and the others are carried over.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.audit.plan import FEW_BUCKETS
from jobs.tables import keys
from jobs.tables.catalogue.product import Product, encode_product
from jobs.tables.plan import Plan, Run, bucket_of, encode_planned, planned_line
from jobs.tables.rows import encode_table, of_products
from jobs.tables.schemas import (
    DOCUMENT_IMAGES,
    INPUT_VERSIONS,
    PAIR_SCORES,
    SCHEMA_VERSION,
    VERDICTS,
    DocumentImage,
    InputVersion,
    PairScore,
    Table,
    Verdict,
)

CHANGED = 0.01
TABLES: tuple[Table[Any], ...] = (DOCUMENT_IMAGES, PAIR_SCORES, INPUT_VERSIONS, VERDICTS)
RUN_ID = "000001-nightly"
MODEL = "scott-lite0-8a6f2c11"
CONFIGURATION: dict[str, Any] = {
    "weights": "default",
    "model_version": MODEL,
    "threshold": 0.5,
    "risk": 0.05,
    "confidence": 0.8,
    "config_digest": "0" * 64,
}


def write_audits(root: Path, n_products: int, nights: Sequence[str]) -> None:
    """One audit of all products for each of `nights`."""
    ids = [f"P{number:07d}" for number in range(n_products)]
    buckets: list[list[str]] = [[] for _ in range(FEW_BUCKETS)]
    for product_id in ids:
        buckets[bucket_of(product_id, FEW_BUCKETS)].append(product_id)
    before: list[dict[str, pa.Table]] = [{table.name: table.schema.empty_table() for table in TABLES}] * FEW_BUCKETS
    for n, night in enumerate(nights):
        new = set(random.Random(n).sample(ids, round(CHANGED * n_products)) if n else ids)
        for bucket, owned in enumerate(buckets):
            before[bucket] = _night(before[bucket], owned, new, nights[: n + 1])
            for name, rows in before[bucket].items():
                _write(root / keys.table_key(name, night, bucket), encode_table(rows))
            planned = [planned_line(encode_product(_product(each)), RUN_ID) for each in owned]
            _write(root / keys.bucket_key(night, bucket), encode_planned(planned))
        _write(root / keys.plan_key(night), _plan(night, n_products).to_json())


def _write(path: Path, data: bytes) -> None:
    """Writes without the waiting for the disk that storage does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _plan(night: str, n_products: int) -> Plan:
    run = Run(
        run_id=RUN_ID,
        run_name="nightly",
        requested_at=f"{night}T02:00:00+00:00",
        product_ids=None,
        n_products=n_products,
        full=False,
        **CONFIGURATION,
    )
    return Plan(
        schema_version=SCHEMA_VERSION,
        audit_date=night,
        n_buckets=FEW_BUCKETS,
        n_products=n_products,
        runs=(run,),
        **CONFIGURATION,
    )


def _night(
    before: dict[str, pa.Table], owned: Sequence[str], new: Collection[str], nights: Sequence[str]
) -> dict[str, pa.Table]:
    """A bucket's tables on the last of `nights`: rows of the night before, and for the `new` products others."""
    carried = {name: of_products(rows, set(owned).difference(new)) for name, rows in before.items()}
    if len(nights) > 1:
        verdicts = carried[VERDICTS.name]
        place = verdicts.schema.get_field_index("carried_from")
        since = pc.coalesce(verdicts["carried_from"], nights[-2])
        carried[VERDICTS.name] = verdicts.set_column(place, verdicts.schema.field(place), since)
    made: dict[str, list[Any]] = {table.name: [] for table in TABLES}
    for product_id in owned:
        for name, row in _rows(_product(product_id), nights[-1]) if product_id in new else ():
            made[name].append(row)
    tables = {table.name: pa.Table.from_pylist(made[table.name], schema=table.schema) for table in TABLES}
    return {name: pa.concat_tables([carried[name], tables[name]]).sort_by("product_id") for name in tables}


def _product(product_id: str) -> Product:
    images = tuple(f"catalogue/files/{product_id}-{side}.jpg" for side in "ab")
    return Product(product_id, f"Toy {product_id}", "toys", images, (f"catalogue/files/{product_id}.pdf",))


def _rows(product: Product, night: str) -> Iterator[tuple[str, DocumentImage | PairScore | InputVersion | Verdict]]:
    """The rows of a product whose document is new on that night, each with the name of its table."""
    product_id, document = product.product_id, product.document_uris[0]
    sha256 = _sha256(f"{document} {night}")
    probability = int(sha256[:8], 16) / 2**32
    bbox = [72.0, 90.0, 472.0, 390.0]
    yield (
        DOCUMENT_IMAGES.name,
        {
            "audit_date": night,
            "product_id": product_id,
            "document": document,
            "document_status": "ok",
            "document_detail": None,
            "document_sha256": sha256,
            "document_pages": 3,
            "page": 2,
            "bbox": bbox,
            "width": 1200,
            "height": 900,
            "digest": sha256,
            "kind": "embedded",
            "image_class": "photo",
            "photo_probability": 0.98,
            "used": True,
            "reason": None,
            "image_key": keys.image_key(sha256, ".jpg"),
            "image": None,
            "run_id": RUN_ID,
            "schema_version": SCHEMA_VERSION,
        },
    )
    for uri in product.image_uris:
        yield (
            PAIR_SCORES.name,
            {
                "audit_date": night,
                "product_id": product_id,
                "catalogue_image": uri,
                "catalogue_sha256": _sha256(uri),
                "document": document,
                "page": 2,
                "bbox": bbox,
                "digest": sha256,
                "score": probability,
                "region_a": 0.4,
                "region_b": 0.5,
                "mask_a": None,
                "mask_b": None,
                "is_match": probability >= CONFIGURATION["threshold"],
                "error": None,
                "model_version": MODEL,
                "run_id": RUN_ID,
                "schema_version": SCHEMA_VERSION,
            },
        )
    for kind, uri in (*(("image", each) for each in product.image_uris), ("document", document)):
        yield (
            INPUT_VERSIONS.name,
            {
                "audit_date": night,
                "product_id": product_id,
                "kind": kind,
                "uri": uri,
                "version": f"52113-{_sha256(f'{uri} {night}')[:19]}-2049",
                "decided_by": "1" * 64,
                "source_date": None,
                "source_run": None,
                "run_id": RUN_ID,
                "schema_version": SCHEMA_VERSION,
            },
        )
    is_match, is_other = probability >= CONFIGURATION["confidence"], 1 - probability >= CONFIGURATION["confidence"]
    yield (
        VERDICTS.name,
        {
            "audit_date": night,
            "product_id": product_id,
            "verdict": "match" if is_match else "no_match" if is_other else "undecided",
            "has_match": probability >= CONFIGURATION["threshold"],
            "reason": None if is_match or is_other else "close_call",
            "probability": probability,
            "risk": CONFIGURATION["risk"],
            "confidence": CONFIGURATION["confidence"],
            "best_score": probability,
            "threshold": CONFIGURATION["threshold"],
            "best_catalogue_image": product.image_uris[0],
            "best_document": document,
            "best_page": 2,
            "best_bbox": bbox,
            "n_catalogue_images": 2,
            "n_document_images": 1,
            "n_images_skipped": 0,
            "n_pairs": 2,
            "n_pairs_scored": 2,
            "n_pairs_failed": 0,
            "evidence_uri": f"s3://bucket/{keys.evidence_key(night, product_id)}",
            "model_version": MODEL,
            "inputs_digest": _sha256(f"{product_id} {night}"),
            "run_id": RUN_ID,
            "scored_at": datetime.fromisoformat(f"{night}T02:00:00+00:00"),
            "carried_from": None,
            "machine_verdict": None,
            "machine_reason": None,
            "review": None,
            "reviewed_by": None,
            "reviewed_at": None,
            "schema_version": SCHEMA_VERSION,
        },
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
