"""The tables of an audit: columns, types and meanings, each spelled once.

A row is a TypedDict. Each of its keys is annotated with the column's Arrow type and meaning, and the table's schema is
made from that. A field carries its meaning in its metadata, so a Parquet file explains itself, and the analysts' data
dictionary (docs/data-dictionary.md) is printed from here: `python -m jobs.tables.schemas`.

`audit_date` is in the name of the folder alone (FOLDER_KEY), and in no file: readers of hive folders make a column of
it, each of a type of its own (READERS), and refuse a file whose column disagrees. jobs/tables/rows.py adds it to rows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, Literal, TypedDict, TypeVar, get_type_hints

import pyarrow as pa

from jobs.tables.readers import READERS

# 1 had audit_date in the files, too; 1 and 2 had no probability, risk and confidence; 1 to 3 held the images themselves
# and no masks, 1 to 4 no reviews.
SCHEMA_VERSION = 5
FOLDER_KEY = "audit_date"


@dataclass(frozen=True)
class Column:
    """The Arrow type of a column, None for FOLDER_KEY, and what its values mean."""

    type: pa.DataType | None
    meaning: str


_TEXT = pa.string()
_COUNT = pa.int32()
_BOX = pa.list_(pa.float64())
_TIME = pa.timestamp("us", tz="UTC")

_AuditDate = Annotated[str, Column(None, "date of the audit, YYYY-MM-DD")]
_Product = Annotated[str, Column(_TEXT, "product, as named by the catalogue")]
_RunId = Annotated[
    str, Column(_TEXT, "run of the audit that wrote the row; a newer run's id sorts after an older one's")
]
_Version = Annotated[int, Column(pa.int32(), "version of this table's columns")]
_Page = Annotated[int | None, Column(pa.int32(), "page of the picture, from 1")]
_Bbox = Annotated[
    list[float] | None,
    Column(_BOX, "place on the page: [x0, y0, x1, y1] in points, origin top left, page as shown"),
]

READABLE = ("ok", "partial")  # the values of document_status where the document was read, at least in part
VerdictName = Literal["match", "no_match", "undecided"]
Answer = Literal["match", "no_match", "ambiguous"]  # of a person


class DocumentImage(TypedDict):
    """One row for each picture in a document, and one for each document without any."""

    audit_date: _AuditDate
    product_id: _Product
    document: Annotated[
        str, Column(_TEXT, "document URI as the catalogue gives it (relative to the storage root, or absolute)")
    ]
    document_status: Annotated[
        str, Column(_TEXT, "ok, partial, or why it is unreadable: encrypted, damaged, missing, ...")
    ]
    document_detail: Annotated[
        str | None, Column(_TEXT, "what was wrong with the document, in words; null when nothing was")
    ]
    document_sha256: Annotated[str | None, Column(_TEXT, "SHA-256 of the document's bytes; null when it was not read")]
    document_pages: Annotated[int | None, Column(_COUNT, "pages of the document")]
    page: _Page
    bbox: _Bbox
    width: Annotated[int | None, Column(_COUNT, "width of the picture, pixels")]
    height: Annotated[int | None, Column(_COUNT, "height of the picture, pixels")]
    digest: Annotated[
        str | None,
        Column(
            _TEXT,
            "SHA-256 of the picture's size and decoded pixels; null in the row of a document without pictures",
        ),
    ]
    kind: Annotated[
        str | None,
        Column(
            _TEXT,
            "how the picture is in the page: embedded, inline, region, scan_region, figure (a vector drawing or chart)",
        ),
    ]
    image_class: Annotated[
        str | None,
        Column(
            _TEXT,
            "photo; logo, icon, barcode, qr_code, signature, stamp, chart, table, text, diagram; drawing (of a "
            "figure); blank, line, too_small, hidden (painted over, or on a layer that is off), letterhead (repeated "
            "on the pages), background, scanned_page, doubtful (hardly a photograph, in a document without a likely "
            "one)",
        ),
    ]
    photo_probability: Annotated[
        float | None,
        Column(
            pa.float32(), "probability that it is a photograph, in [0, 1]; null where its class needed no classifier"
        ),
    ]
    used: Annotated[bool, Column(pa.bool_(), "whether it is compared with the catalogue")]
    reason: Annotated[str | None, Column(_TEXT, "why it was set aside; null when used")]
    image_key: Annotated[
        str | None,
        Column(_TEXT, "object under the storage root that holds the picture, a PNG or JPEG; null when set aside"),
    ]
    image: Annotated[
        bytes | None,
        Column(pa.binary(), "the picture itself in rows of version 3 and before; null since, see image_key"),
    ]
    run_id: _RunId
    schema_version: _Version


class PairScore(TypedDict):
    """One row for each pair of a catalogue image and a used document image of one product; with --stop-at-match, for
    those scored before the product had a match.
    """

    audit_date: _AuditDate
    product_id: _Product
    catalogue_image: Annotated[str, Column(_TEXT, "catalogue image URI as the catalogue gives it")]
    catalogue_sha256: Annotated[
        str | None, Column(_TEXT, "SHA-256 of the catalogue image's bytes; null when it was not read")
    ]
    document: Annotated[str, Column(_TEXT, "document URI as the catalogue gives it")]
    page: _Page
    bbox: _Bbox
    digest: Annotated[str | None, Column(_TEXT, "digest of the document image (see document_images)")]
    score: Annotated[
        float | None,
        Column(pa.float32(), "probability that both show the same object, in [0, 1]; null when scoring failed"),
    ]
    region_a: Annotated[
        float | None,
        Column(pa.float32(), "share of the catalogue image that is the common object, in [0, 1]"),
    ]
    region_b: Annotated[
        float | None, Column(pa.float32(), "share of the document image that is the common object, in [0, 1]")
    ]
    mask_a: Annotated[
        bytes | None,
        Column(
            pa.binary(),
            "where the common object is in the catalogue image, of the product's best pair alone: 32 x 32 cells by "
            "rows, an int8 each, over 0 on the object",
        ),
    ]
    mask_b: Annotated[bytes | None, Column(pa.binary(), "where the common object is in the document image, likewise")]
    is_match: Annotated[bool | None, Column(pa.bool_(), "score >= threshold of the run; null when scoring failed")]
    error: Annotated[
        str | None,
        Column(
            _TEXT,
            "why scoring failed, as `reason: detail`; null when it did not. `catalogue_image_blank`: the image shows "
            "nothing, and the verdict is left to the product's others",
        ),
    ]
    model_version: Annotated[str, Column(_TEXT, "version of the weights that scored the pair")]
    run_id: _RunId
    schema_version: _Version


class Verdict(TypedDict):
    """One row for each product of the plan, always."""

    audit_date: _AuditDate
    product_id: _Product
    verdict: Annotated[VerdictName, Column(_TEXT, "match, no_match or undecided")]
    has_match: Annotated[bool, Column(pa.bool_(), "at least one pair is at or over the threshold (the paper's rule)")]
    reason: Annotated[
        str | None,
        Column(
            _TEXT,
            "why the verdict is undecided (`close_call`: the probability is too near to even for the risk; "
            "`catalogue_images_blank`: all of them show nothing); `stopped_at_match` for a match after which the "
            "product's other pairs were not scored (--stop-at-match); `reviewed`: people decided, and machine_verdict "
            "says what the machine does; else null",
        ),
    ]
    probability: Annotated[
        float | None,
        Column(
            pa.float32(),
            "probability that the documents show the product, from all its pairs, of which those that failed count as "
            "hopeless; null when none was scored, some were left out (--stop-at-match), or the scorer has no product "
            "model",
        ),
    ]
    risk: Annotated[
        float | None,
        Column(
            pa.float64(),
            "share of decided products that validation allows to be wrong; null when the paper's rule decided: match "
            "is has_match",
        ),
    ]
    confidence: Annotated[
        float | None,
        Column(
            pa.float64(),
            "match is a probability of at least this, no_match one of at most 1 less this; null with the risk",
        ),
    ]
    best_score: Annotated[
        float | None, Column(pa.float32(), "highest score of the product's pairs; null when none was scored")
    ]
    threshold: Annotated[float, Column(pa.float64(), "score from which a pair is a match")]
    best_catalogue_image: Annotated[str | None, Column(_TEXT, "catalogue image of the best pair")]
    best_document: Annotated[str | None, Column(_TEXT, "document of the best pair")]
    best_page: Annotated[int | None, Column(pa.int32(), "page of the best pair's document image, from 1")]
    best_bbox: Annotated[
        list[float] | None,
        Column(_BOX, "its place on that page: [x0, y0, x1, y1] in points, origin top left"),
    ]
    n_catalogue_images: Annotated[int, Column(_COUNT, "catalogue images of the product")]
    n_document_images: Annotated[int, Column(_COUNT, "pictures of its documents that were compared")]
    n_images_skipped: Annotated[
        int, Column(_COUNT, "pictures of its documents that were set aside (document_images says why)")
    ]
    n_pairs: Annotated[
        int,
        Column(
            _COUNT,
            "n_pairs_scored + n_pairs_failed = n_catalogue_images x n_document_images (fewer if stopped)",
        ),
    ]
    n_pairs_scored: Annotated[int, Column(_COUNT, "pairs with a score")]
    n_pairs_failed: Annotated[int, Column(_COUNT, "pairs without one (pair_scores says why)")]
    evidence_uri: Annotated[
        str | None,
        Column(_TEXT, "picture of the best pair with the common object marked; null when no pair was scored"),
    ]
    model_version: Annotated[str, Column(_TEXT, "version of the weights that scored the pairs")]
    inputs_digest: Annotated[
        str, Column(_TEXT, "SHA-256 over the URIs and contents of the catalogue images and documents read")
    ]
    run_id: _RunId
    scored_at: Annotated[datetime, Column(_TIME, "when the run that decided it was requested, maybe an earlier one")]
    carried_from: Annotated[
        str | None,
        Column(_TEXT, "audit date the verdict was carried over from; null when decided in this audit"),
    ]
    machine_verdict: Annotated[
        VerdictName | None,
        Column(_TEXT, "verdict without reviews; null in rows of version 4 and before, where verdict is it"),
    ]
    machine_reason: Annotated[str | None, Column(_TEXT, "reason of that verdict")]
    review: Annotated[
        str | None,
        Column(
            _TEXT,
            "what people said of these inputs: match, no_match, ambiguous (then the verdict is undecided), or conflict "
            "(they disagree, and the machine's verdict stays); null where nobody was asked",
        ),
    ]
    reviewed_by: Annotated[list[str] | None, Column(pa.list_(_TEXT), "who said so, by name; null with review")]
    reviewed_at: Annotated[datetime | None, Column(_TIME, "when the last of them said so; null with review")]
    schema_version: _Version


class InputVersion(TypedDict):
    """One row for each image and document that the catalogue names, in its order: what a later audit compares."""

    audit_date: _AuditDate
    product_id: _Product
    kind: Annotated[str, Column(_TEXT, "image or document")]
    uri: Annotated[str, Column(_TEXT, "its URI, as the catalogue gives it")]
    version: Annotated[
        str | None,
        Column(_TEXT, "what storage said of it before it was read: size, time, ETag; null when it was not sure"),
    ]
    decided_by: Annotated[
        str, Column(_TEXT, "digest of the configuration, the software and the reviews that decide a product's rows")
    ]
    source_date: Annotated[
        str | None, Column(_TEXT, "audit whose rows the product got; null where it was audited, and not carried over")
    ]
    source_run: Annotated[str | None, Column(_TEXT, "run of that audit; null with its date")]
    run_id: _RunId
    schema_version: _Version


class Review(TypedDict):
    """One row for each answer of a person to a task of `scott review export`. Its audit date is that of the audit that
    was looked at. A person's newest answer counts; older ones stay.
    """

    audit_date: _AuditDate
    product_id: _Product
    task_id: Annotated[str, Column(_TEXT, "task: audit date, export and number; review_tasks holds it")]
    annotation_id: Annotated[str, Column(_TEXT, "the annotation's id in Label Studio")]
    reviewer: Annotated[str, Column(_TEXT, "who answered")]
    reviewed_at: Annotated[datetime, Column(_TIME, "when the answer was given, or last changed")]
    answer: Annotated[Answer, Column(_TEXT, "do the documents show the product: match, no_match or ambiguous")]
    pair_answer: Annotated[Answer, Column(_TEXT, "do the two pictures of the task show the same object, likewise")]
    catalogue_image: Annotated[str, Column(_TEXT, "catalogue image of the pair")]
    document: Annotated[str, Column(_TEXT, "document of the pair")]
    page: _Page
    bbox: _Bbox
    digest: Annotated[str | None, Column(_TEXT, "digest of the document image (see document_images)")]
    image_a_key: Annotated[
        str, Column(_TEXT, "object under the storage root that holds the catalogue image as it was shown")
    ]
    image_b_key: Annotated[str, Column(_TEXT, "object that holds the document image as it was shown")]
    mask_a_key: Annotated[
        str | None,
        Column(
            _TEXT,
            "object that holds the drawn mask of the catalogue image, a PNG of its size, white on the object; null "
            "where none was drawn, or the two pictures do not match",
        ),
    ]
    mask_b_key: Annotated[str | None, Column(_TEXT, "object that holds the mask of the document image, likewise")]
    inputs_digest: Annotated[str, Column(_TEXT, "inputs of the product that were looked at (see verdicts)")]
    machine_verdict: Annotated[VerdictName, Column(_TEXT, "verdict of the audit without reviews")]
    machine_reason: Annotated[str | None, Column(_TEXT, "reason of that verdict")]
    probability: Annotated[float | None, Column(pa.float32(), "probability of that verdict (see verdicts)")]
    model_version: Annotated[str, Column(_TEXT, "version of the weights that scored the pair")]
    stratum: Annotated[
        str, Column(_TEXT, "group that the product was drawn from: close_call, match, no_match or undecided")
    ]
    weight: Annotated[float, Column(pa.float64(), "products of the audit that the task stands for")]
    schema_version: _Version


Row = TypeVar("Row", DocumentImage, PairScore, Verdict, InputVersion, Review)


class Table(Generic[Row]):
    """One table: its name, which is its folder under the storage root, its columns, and the schema of its files."""

    def __init__(self, name: str, row: type[Row], files: str = "bucket=NNNN") -> None:
        self.name = name
        self.path = f"{name}/audit_date=YYYY-MM-DD/{files}.parquet"
        self.columns: dict[str, Column] = {
            column: hint.__metadata__[0] for column, hint in get_type_hints(row, include_extras=True).items()
        }
        self.schema = _schema(self.columns)
        self.one_row_for = " ".join((row.__doc__ or "").split())


def _schema(columns: Mapping[str, Column]) -> pa.Schema:
    """The schema of a file: every column but FOLDER_KEY."""
    fields = [
        pa.field(name, column.type, metadata={"meaning": column.meaning})
        for name, column in columns.items()
        if column.type is not None
    ]
    return pa.schema(fields, metadata={"schema_version": str(SCHEMA_VERSION)})


VERDICTS = Table("verdicts", Verdict)
PAIR_SCORES = Table("pair_scores", PairScore)
DOCUMENT_IMAGES = Table("document_images", DocumentImage)
INPUT_VERSIONS = Table("input_versions", InputVersion)
REVIEWS = Table("reviews", Review, files="EXPORT-DIGEST")
WITHOUT_BYTES = tuple(name for name in DOCUMENT_IMAGES.schema.names if name != "image")  # columns of document_images


def data_dictionary() -> str:
    """The tables, their columns, types and meanings, as Markdown."""
    lines = ["# Data dictionary", "", "Generated by `python -m jobs.tables.schemas`; do not edit.", ""]
    for table in (VERDICTS, PAIR_SCORES, DOCUMENT_IMAGES, INPUT_VERSIONS, REVIEWS):
        lines += [f"## {table.name}", "", f"`{table.path}`. {table.one_row_for}", ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        for name, column in table.columns.items():
            kind = "the folder's name" if column.type is None else str(column.type).replace("item: ", "")
            lines.append(f"| {name} | {kind} | {column.meaning} |")
        lines.append("")
    return "\n".join([*lines, READERS])


if __name__ == "__main__":
    sys.stdout.write(data_dictionary())
