"""A root of each kind of storage, and small catalogues on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.storage import Storage, open_storage
from tests.s3_server import BUCKET, s3_server


@pytest.fixture(scope="session")
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running S3 server; its variables are in the environment of this process for the session."""
    with s3_server(tmp_path_factory.mktemp("s3")) as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


@pytest.fixture
def s3_root(s3_environment: dict[str, str]) -> str:
    """An empty place on the S3 server."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture(params=["file", "s3"])
def any_root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty root: the tests that use it run on both kinds of storage."""
    root: str = request.getfixturevalue("s3_root") if request.param == "s3" else (tmp_path / "root").as_uri()
    return root


@pytest.fixture
def any_storage(any_root: str) -> Storage:
    """The storage at `any_root`."""
    return open_storage(any_root)
