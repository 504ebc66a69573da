"""Fixtures of the isolation tests."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractors.isolation import extractor
from jobs.audit import extract
from tests.extractors.isolation import misbehaving as misbehaving_server
from tests.extractors.isolation.processes import children, readers


@pytest.fixture(scope="package", autouse=True)
def readers_of_audits() -> None:
    """Ends the servers that an audit of an earlier test keeps warm: these tests count their own."""
    extract._extractor(os.getpid()).close()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder of the extractions of a test, after which no process and no file may be left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = children(os.getpid())
    yield folder
    assert children(os.getpid()) <= before, "a server is left"
    until = time.monotonic() + 2  # a killed reader may take a moment to end
    while readers(folder) and time.monotonic() < until:
        time.sleep(0.02)
    assert readers(folder) == set(), "a reader is left"
    assert list(folder.iterdir()) == [], "a temporary file is left"


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers obey the documents that command them to misbehave."""
    monkeypatch.setattr(extractor, "_SERVER", misbehaving_server.__name__)
