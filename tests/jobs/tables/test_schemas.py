"""The tables' columns: the fixed ones, a meaning for each, and the data dictionary made from them."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, REVIEWS, VERDICTS, Table, data_dictionary
from tests import ROOT

FIXED = """audit_date, product_id,
verdict, has_match, reason, best_score, threshold,
best_catalogue_image, best_document, best_page, best_bbox, n_catalogue_images, n_document_images,
n_images_skipped, n_pairs, n_pairs_scored, n_pairs_failed, evidence_uri, model_version, inputs_digest,
run_id, scored_at, carried_from, schema_version"""


def test_the_columns_of_verdicts_are_those_of_the_design() -> None:
    names = FIXED.replace("\n", " ").split(", ")
    reviews = {"machine_verdict", "machine_reason", "review", "reviewed_by", "reviewed_at"}
    added = {"probability", "risk", "confidence", *reviews}
    assert [name for name in VERDICTS.columns if name not in added] == names
    assert added < set(VERDICTS.columns)
    assert VERDICTS.schema.names == list(VERDICTS.columns)[1:], "no file holds audit_date"


@pytest.mark.parametrize("table", [VERDICTS, PAIR_SCORES, DOCUMENT_IMAGES, REVIEWS], ids=lambda table: table.name)
def test_each_column_has_a_meaning(table: Table[Any]) -> None:
    for name, column in table.columns.items():
        assert len(column.meaning) > 10, name
    assert all(field.metadata[b"meaning"].decode() == table.columns[field.name].meaning for field in table.schema)


def test_the_data_dictionary_is_current() -> None:
    path = ROOT / "docs" / "data-dictionary.md"
    assert path.read_text() == data_dictionary(), "run: python -m jobs.tables.schemas > docs/data-dictionary.md"
