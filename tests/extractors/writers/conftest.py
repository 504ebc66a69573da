"""The fixture of the writers' tests."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from extractors import Extractor
from tests.extractors.writers.written import Check, check_document


@pytest.fixture(scope="package")
def check() -> Iterator[Check]:
    """check_document() with one extractor for all documents."""
    with Extractor() as extractor:
        yield partial(check_document, extractor)
