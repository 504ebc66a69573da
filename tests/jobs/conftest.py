"""A root of each kind of storage, and small catalogues on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from jobs.storage import Storage, open_storage
from scott_core.checkpoint import save_checkpoint
from scott_core.model.registry import build
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


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small, untrained SCOTT: real in all but its opinions."""
    torch.manual_seed(0)
    architecture = {
        "encoder": {"name": "coder", "d": 32},
        "merge": {"name": "matcher", "k": 8, "similarity": "cosine"},
        "alpha": 0.5,
    }
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    card = {"name": "tiny", "architecture": architecture, "image_size": 96}
    save_checkpoint(build(architecture), {**card, "threshold": 0.5, "slope": 1.0, "bias": 0.0}, path)
    return path
