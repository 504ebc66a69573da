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

# 1 had audit_date in the files, too; 1 and 2 had no probability, risk and confidence; 1 to 3 held the images themselves
# and no masks.
SCHEMA_VERSION = 4
FOLDER_KEY = "audit_date"


@dataclass(frozen=True)
class Column:
    """The Arrow type of a column, None for FOLDER_KEY, and what its values mean."""

    type: pa.DataType | None
    meaning: str


_TEXT = pa.string()
_COUNT = pa.int32()
_BOX = pa.list_(pa.float64())

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
            "product's other pairs were not scored (--stop-at-match); else null",
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
    scored_at: Annotated[datetime, Column(pa.timestamp("us", tz="UTC"), "when the run was requested")]
    carried_from: Annotated[
        str | None,
        Column(_TEXT, "audit date the verdict was carried over from; null when decided in this audit"),
    ]
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
        str, Column(_TEXT, "digest of the configuration and the software that decide a product's rows")
    ]
    source_date: Annotated[
        str | None, Column(_TEXT, "audit whose rows the product got; null where it was audited, and not carried over")
    ]
    source_run: Annotated[str | None, Column(_TEXT, "run of that audit; null with its date")]
    run_id: _RunId
    schema_version: _Version


Row = TypeVar("Row", DocumentImage, PairScore, Verdict, InputVersion)


class Table(Generic[Row]):
    """One table: its name, which is its folder under the storage root, its columns, and the schema of its files."""

    def __init__(self, name: str, row: type[Row]) -> None:
        self.name = name
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
WITHOUT_BYTES = tuple(name for name in DOCUMENT_IMAGES.schema.names if name != "image")  # columns of document_images


# Tried with the versions of constraints.txt; tests/jobs/tables/test_readers.py reads every line of it.
READERS = """\
## audit_date

`audit_date` is the name of the folder and no column of the files. Readers make a column of it, each of its own type
(`D` is ROOT/verdicts, ROOT/pair_scores, ROOT/document_images or ROOT/input_versions):

| reader | type of audit_date |
|---|---|
| DuckDB, `read_parquet('D/*/*.parquet', union_by_name=true)` | DATE |
| pandas, `pd.read_parquet(D)`; pyarrow, `pq.read_table(D)` | category (dictionary of strings) |
| pyarrow, `ds.dataset(D, partitioning="hive")` | string |
| polars, `pl.read_parquet(D)`, or a glob with `hive_partitioning=True` | Date |
| dask, `dd.read_parquet(D)` | category |

One night's folder, or one file, has no such column in pandas and in polars; DuckDB takes it from the path.

Files of schema version 1 have the column, too, as a dictionary of strings. Beside later files, DuckDB and pandas read
them as above; the others are told the type:

    hive = ds.HivePartitioning.discover(infer_dictionary=True)
    ds.dataset(D, partitioning=hive)
    dd.read_parquet(D, dataset={"partitioning": hive})
    pl.scan_parquet(D, hive_schema={"audit_date": pl.String}, missing_columns="insert", extra_columns="ignore")

Version 3 added columns to `verdicts`, version 4 to `pair_scores` and `document_images`. Beside older files, readers
other than DuckDB take the columns of the first file, which is the oldest, and lose what came later. Name the columns of
the newest file (`FILE`), or give polars the newest file of all (`FILES`) first; dask reads nights of one version at a
time:

    schema = pq.read_schema(FILE).append(pa.field("audit_date", pa.string()))
    ds.dataset(D, schema=schema, partitioning="hive")
    pd.read_parquet(D, schema=schema)
    pl.scan_parquet(sorted(FILES, reverse=True), hive_partitioning=True, missing_columns="insert")

pandas with `engine="fastparquet"` reads files of one version at a time.
"""


def data_dictionary() -> str:
    """The tables, their columns, types and meanings, as Markdown."""
    lines = ["# Data dictionary", "", "Generated by `python -m jobs.tables.schemas`; do not edit.", ""]
    for table in (VERDICTS, PAIR_SCORES, DOCUMENT_IMAGES, INPUT_VERSIONS):
        path = f"`{table.name}/audit_date=YYYY-MM-DD/bucket=NNNN.parquet`"
        lines += [f"## {table.name}", "", f"{path}. {table.one_row_for}", ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        for name, column in table.columns.items():
            kind = "the folder's name" if column.type is None else str(column.type).replace("item: ", "")
            lines.append(f"| {name} | {kind} | {column.meaning} |")
        lines.append("")
    return "\n".join([*lines, READERS])


if __name__ == "__main__":
    sys.stdout.write(data_dictionary())
