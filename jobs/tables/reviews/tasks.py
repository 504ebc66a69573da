"""What was asked: each export for review is an object under the root, with which the answers are compared.

So what comes back changed, or belongs to another root, is seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.damage import decoding
from jobs.tables.schemas import VerdictName

Size = tuple[int, int]  # (height, width) in pixels


@dataclass(frozen=True, kw_only=True)
class ReviewTask:
    """One question: a product, the pair of images that is shown, and what the machine says."""

    task_id: str  # AUDIT_DATE.EXPORT.NUMBER
    product_id: str
    title: str
    catalogue_image: str
    document: str
    page: int | None
    bbox: list[float] | None
    digest: str | None
    image_a_key: str
    image_b_key: str
    size_a: Size
    size_b: Size
    inputs_digest: str
    machine_verdict: VerdictName
    machine_reason: str | None
    probability: float | None
    best_score: float
    model_version: str
    stratum: str
    weight: float

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        return {**asdict(self), "size_a": list(self.size_a), "size_b": list(self.size_b)}


@dataclass(frozen=True)
class LeftOut:
    """A product that was drawn and could not be shown."""

    product_id: str
    stratum: str
    reason: str


@dataclass(frozen=True)
class ReviewExport:
    """One export: its tasks, and what is needed to estimate from their answers."""

    audit_date: str
    export_id: str
    strata: dict[str, int]  # products of the audit in each stratum, asked about or not
    known: dict[str, tuple[VerdictName, str]]  # products with a review already: the machine's verdict, inputs_digest
    left_out: tuple[LeftOut, ...]
    tasks: tuple[ReviewTask, ...]

    def to_json(self) -> bytes:
        """The bytes of its object."""
        fields = {**asdict(self), "tasks": [task.to_json() for task in self.tasks]}
        return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, uri: str) -> ReviewExport:
        """The export that its object, at `uri`, holds. Raises DamagedObject."""
        with decoding(uri):
            fields = json.loads(data)
            sizes = ("size_a", "size_b")
            tasks = (ReviewTask(**{**row, **{name: tuple(row[name]) for name in sizes}}) for row in fields["tasks"])
            return cls(
                **{
                    **fields,
                    "known": {name: tuple(each) for name, each in fields["known"].items()},
                    "left_out": tuple(LeftOut(**row) for row in fields["left_out"]),
                    "tasks": tuple(tasks),
                }
            )


def read_exports(storage: Storage, audit_date: str | None = None) -> Iterator[ReviewExport]:
    """The exports about the audit of that date, or about any; the oldest audit first."""
    for key in storage.keys(keys.REVIEW_TASKS):
        found = keys.date_of_review_tasks_key(key)
        if found and audit_date in (None, found):
            yield ReviewExport.from_json(storage.read(key).data, storage.uri(key))


def read_export(storage: Storage, audit_date: str, export_id: str) -> ReviewExport | None:
    """The export of that name; None where this root has none."""
    key = keys.review_tasks_key(audit_date, export_id)
    blob = storage.read_or_none(key)
    return None if blob is None else ReviewExport.from_json(blob.data, storage.uri(key))
