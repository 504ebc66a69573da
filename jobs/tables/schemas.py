"""The tables of an audit: columns, types and meanings, as pyarrow schemas.

Each field carries its meaning in its metadata, so a Parquet file explains itself, and the analysts'
data dictionary (docs/data-dictionary.md) is printed from here: `python -m jobs.tables.schemas`.

`audit_date` is dictionary-encoded text because it is a folder name as well: readers that take hive
folders (`pandas.read_parquet(ROOT/verdicts)`) give it that type, and refuse a table that disagrees.
"""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1

Column = tuple[str, Any, str]  # name, type, meaning

_TEXT = pa.string()
_COUNT = pa.int32()
_BOX = pa.list_(pa.float64())

_AUDIT_DATE: Column = ("audit_date", pa.dictionary(pa.int32(), pa.string()), "date of the audit, YYYY-MM-DD")
_PRODUCT: Column = ("product_id", _TEXT, "product, as named by the catalogue")
_RUN: Column = (
    "run_id",
    _TEXT,
    "run of the audit that wrote the row; a newer run's id sorts after an older one's",
)
_VERSION: Column = ("schema_version", pa.int32(), "version of this table's columns")
_PAGE: Column = ("page", pa.int32(), "page of the picture, from 1")
_BBOX: Column = (
    "bbox",
    _BOX,
    "place on the page: [x0, y0, x1, y1] in points, origin top left, page as shown",
)

_DOCUMENT_IMAGES: list[Column] = [
    _AUDIT_DATE,
    _PRODUCT,
    ("document", _TEXT, "document URI as the catalogue gives it (relative to the storage root, or absolute)"),
    ("document_status", _TEXT, "ok, partial, or why it is unreadable: encrypted, damaged, missing, ..."),
    ("document_detail", _TEXT, "what was wrong with the document, in words; null when nothing was"),
    ("document_sha256", _TEXT, "SHA-256 of the document's bytes; null when it was not read"),
    ("document_pages", _COUNT, "pages of the document"),
    _PAGE,
    _BBOX,
    ("width", _COUNT, "width of the picture, pixels"),
    ("height", _COUNT, "height of the picture, pixels"),
    (
        "digest",
        _TEXT,
        "SHA-256 of the picture's size and decoded pixels; null in the row of a document without pictures",
    ),
    (
        "kind",
        _TEXT,
        "how the picture is in the page: embedded, inline, region, scan_region, figure (a vector drawing or chart)",
    ),
    (
        "image_class",
        _TEXT,
        "photo; logo, icon, barcode, qr_code, signature, stamp, chart, table, text, diagram; drawing (of a figure); "
        "blank, line, too_small, hidden (painted over), letterhead (repeated on the pages), background, scanned_page",
    ),
    ("used", pa.bool_(), "whether it is compared with the catalogue"),
    ("reason", _TEXT, "why it was set aside; null when used"),
    ("image", pa.binary(), "the picture, encoded as PNG or JPEG; null when set aside"),
    _RUN,
    _VERSION,
]

_PAIR_SCORES: list[Column] = [
    _AUDIT_DATE,
    _PRODUCT,
    ("catalogue_image", _TEXT, "catalogue image URI as the catalogue gives it"),
    ("catalogue_sha256", _TEXT, "SHA-256 of the catalogue image's bytes; null when it was not read"),
    ("document", _TEXT, "document URI as the catalogue gives it"),
    _PAGE,
    _BBOX,
    ("digest", _TEXT, "digest of the document image (see document_images)"),
    (
        "score",
        pa.float32(),
        "probability that both show the same object, in [0, 1]; null when scoring failed",
    ),
    ("region_a", pa.float32(), "share of the catalogue image that is the common object, in [0, 1]"),
    ("region_b", pa.float32(), "share of the document image that is the common object, in [0, 1]"),
    ("is_match", pa.bool_(), "score >= threshold of the run; null when scoring failed"),
    ("error", _TEXT, "why scoring failed, as `reason: detail`; null when it did not"),
    ("model_version", _TEXT, "version of the weights that scored the pair"),
    _RUN,
    _VERSION,
]

_VERDICTS: list[Column] = [
    _AUDIT_DATE,
    _PRODUCT,
    ("verdict", _TEXT, "match, no_match or undecided"),
    ("has_match", pa.bool_(), "verdict is match: at least one pair at or over the threshold"),
    (
        "reason",
        _TEXT,
        "why the verdict is undecided; `stopped_at_match` for a match after which the product's other pairs were not "
        "scored (--stop-at-match); else null",
    ),
    ("best_score", pa.float32(), "highest score of the product's pairs; null when none was scored"),
    ("threshold", pa.float64(), "score from which a pair is a match"),
    ("best_catalogue_image", _TEXT, "catalogue image of the best pair"),
    ("best_document", _TEXT, "document of the best pair"),
    ("best_page", pa.int32(), "page of the best pair's document image, from 1"),
    ("best_bbox", _BOX, "its place on that page: [x0, y0, x1, y1] in points, origin top left"),
    ("n_catalogue_images", _COUNT, "catalogue images of the product"),
    ("n_document_images", _COUNT, "pictures of its documents that were compared"),
    ("n_images_skipped", _COUNT, "pictures of its documents that were set aside (document_images says why)"),
    ("n_pairs", _COUNT, "n_pairs_scored + n_pairs_failed = n_catalogue_images x n_document_images (fewer if stopped)"),
    ("n_pairs_scored", _COUNT, "pairs with a score"),
    ("n_pairs_failed", _COUNT, "pairs without one (pair_scores says why)"),
    (
        "evidence_uri",
        _TEXT,
        "picture of the best pair with the common object marked; null when no pair was scored",
    ),
    ("model_version", _TEXT, "version of the weights that scored the pairs"),
    ("inputs_digest", _TEXT, "SHA-256 over the URIs and contents of the catalogue images and documents read"),
    _RUN,
    ("scored_at", pa.timestamp("us", tz="UTC"), "when the run was requested"),
    ("carried_from", _TEXT, "audit date the verdict was carried over from; null when decided in this audit"),
    _VERSION,
]


def _schema(columns: list[Column]) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, metadata={"meaning": meaning}) for name, kind, meaning in columns],
        metadata={"schema_version": str(SCHEMA_VERSION)},
    )


SCHEMAS: dict[str, pa.Schema] = {
    "verdicts": _schema(_VERDICTS),
    "pair_scores": _schema(_PAIR_SCORES),
    "document_images": _schema(_DOCUMENT_IMAGES),
}

_ONE_ROW_FOR = {
    "verdicts": "One row for each product of the plan, always.",
    "pair_scores": "One row for each pair of a catalogue image and a used document image of one product; with "
    "--stop-at-match, for those scored before the product had a match.",
    "document_images": "One row for each picture in a document, and one for each document without any.",
}


def data_dictionary() -> str:
    """The tables, their columns, types and meanings, as Markdown."""
    lines = ["# Data dictionary", "", "Generated by `python -m jobs.tables.schemas`; do not edit.", ""]
    for name, schema in SCHEMAS.items():
        lines += [
            f"## {name}",
            "",
            f"`{name}/audit_date=YYYY-MM-DD/bucket=NNNN.parquet`. {_ONE_ROW_FOR[name]}",
            "",
        ]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        for field in schema:
            kind = "string" if field.name == "audit_date" else str(field.type).replace("item: ", "")
            lines.append(f"| {field.name} | {kind} | {field.metadata[b'meaning'].decode()} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(data_dictionary())
