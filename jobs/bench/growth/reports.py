"""The cost of an audit's report by the number of its products, without auditing them.

    python -m jobs.bench.growth.reports WORKDIR PRODUCTS

plans a catalogue of PRODUCTS without files under WORKDIR, writes made-up verdicts and document images of each product,
and writes the report in a process of its own. Prints its cost, and the number and the largest size of its files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from jobs.audit.plan import plan_audit
from jobs.bench.growth import audits
from jobs.storage import open_storage
from jobs.tables import keys
from jobs.tables.bucket import Bucket
from jobs.tables.plan import PlannedProduct, planned_buckets
from jobs.tables.rows import NewRows
from jobs.tables.schemas import DOCUMENT_IMAGES, SCHEMA_VERSION, VERDICTS, Table

OPEN = 0.1  # share of the products that are undecided for another reason than a close call
REASONS = ("no_document", "document_unreadable:encrypted", "no_document_images", "pairs_failed")
CLASSES = ("photo", "logo", "barcode", "logo")  # of the images of a document; photographs are used


def write_audit(root: Path, n: int, n_buckets: int | None = None) -> None:
    """The plan of n products, and rows as if they had been audited."""
    audits.write_catalogue(root, n, with_files=False)
    plan_audit(
        str(root), audits.DAY, n_buckets=n_buckets, run_name="scale", requested_at=f"{audits.DAY}T00:00:00+00:00"
    )
    storage = open_storage(str(root))
    for bucket in tqdm(planned_buckets(storage, audits.DAY), desc="rows", unit="bucket"):
        here = Bucket.open(str(root), audits.DAY, bucket, "000001-scale")
        products = here.products()
        for table, columns in ((DOCUMENT_IMAGES, _images(here, products)), (VERDICTS, _verdicts(here, products))):
            rows: NewRows[Any] = NewRows(table)
            rows.add_table([product.product_id for product in products], _table(table, columns))
            here.replace(rows)


def _verdicts(here: Bucket, products: Sequence[PlannedProduct]) -> dict[str, Any]:
    """Columns of `verdicts`: probabilities are mostly near 0 or 1."""
    rng, n = np.random.default_rng(here.number), len(products)
    probability, is_open = rng.beta(0.2, 0.2, n).astype(np.float32), rng.random(n) < OPEN
    confidence = here.run.confidence or 1.0
    sure = np.where(
        probability >= confidence, "match", np.where(1 - probability >= confidence, "no_match", "undecided")
    )
    reason = np.full(n, None, object)
    reason[sure == "undecided"] = "close_call"
    image = [product.image_uris[0] for product in products]
    document = [product.document_uris[0] for product in products]
    evidence = [here.storage.uri(keys.evidence_key(here.audit_date, product.product_id)) for product in products]
    return {
        "product_id": [product.product_id for product in products],
        "verdict": np.where(is_open, "undecided", sure),
        "has_match": probability >= here.run.threshold,
        "reason": np.where(is_open, rng.choice(REASONS, n), reason),
        "probability": pa.array(probability, mask=is_open),
        "risk": [here.run.risk] * n,
        "confidence": [here.run.confidence] * n,
        "best_score": pa.array(probability, mask=is_open),
        "threshold": [here.run.threshold] * n,
        "best_catalogue_image": _where_not(is_open, image),
        "best_document": _where_not(is_open, document),
        "best_page": _where_not(is_open, [1] * n),
        "best_bbox": _where_not(is_open, [[0.0, 0.0, 100.0, 100.0]] * n),
        "n_catalogue_images": [1] * n,
        "n_document_images": [1] * n,
        "n_images_skipped": [len(CLASSES) - 1] * n,
        "n_pairs": [1] * n,
        "n_pairs_scored": (~is_open).astype(np.int32),
        "n_pairs_failed": is_open.astype(np.int32),
        "evidence_uri": _where_not(is_open, evidence),
        "inputs_digest": ["0" * 64] * n,
        **_of_run(here, n),
        "model_version": [here.run.model_version] * n,
        "scored_at": [datetime.now(UTC)] * n,
    }


def _images(here: Bucket, products: Sequence[PlannedProduct]) -> dict[str, Any]:
    """Columns of `document_images`: one image of each of CLASSES on the first page of each document."""
    each, n = len(CLASSES), len(products) * len(CLASSES)
    digest = [f"{number:064x}" for number in range(n)]
    used = [name == "photo" for name in CLASSES] * len(products)
    return {
        "product_id": [product.product_id for product in products for _ in range(each)],
        "document": [product.document_uris[0] for product in products for _ in range(each)],
        "document_status": ["ok"] * n,
        "document_pages": [1] * n,
        "page": [1] * n,
        "bbox": [[100.0 * place, 0.0, 100.0 * (place + 1), 100.0] for place in range(each)] * len(products),
        "width": [320] * n,
        "height": [320] * n,
        "digest": digest,
        "kind": ["embedded"] * n,
        "image_class": list(CLASSES) * len(products),
        "used": used,
        "reason": [None if name == "photo" else f"{name}: probability 0.98" for name in CLASSES] * len(products),
        "image_key": [
            keys.image_key(name, ".jpg") if is_used else None for name, is_used in zip(digest, used, strict=True)
        ],
        **_of_run(here, n),
    }


def _of_run(here: Bucket, n: int) -> dict[str, Any]:
    return {"run_id": [here.run.run_id] * n, "schema_version": [SCHEMA_VERSION] * n}


def _where_not(is_open: Any, values: Sequence[Any]) -> list[Any]:
    return [None if missing else value for missing, value in zip(is_open, values, strict=True)]


def _table(table: Table[Any], columns: dict[str, Any]) -> pa.Table:
    """The columns as rows of the table, null where there is none."""
    n = len(columns["product_id"])
    found = [
        pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(n, field.type)
        for field in table.schema
    ]
    return pa.table(found, schema=table.schema)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints a line."""
    parser = argparse.ArgumentParser(prog="python -m jobs.bench.growth.reports", description=main.__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("products", type=int)
    asked = parser.parse_args(arguments)
    write_audit(asked.workdir, asked.products)
    audits.show(asked.products, {"report": audits.report(asked.workdir)})
    sizes = [path.stat().st_size for path in (asked.workdir / "reports").rglob("*") if path.is_file()]
    sys.stdout.write(f"{len(sizes)} files, the largest {max(sizes):,} bytes, {sum(sizes):,} in all\n")


if __name__ == "__main__":
    main(sys.argv[1:])
