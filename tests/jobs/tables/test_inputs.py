"""What a catalogue may point at, and what is wrong with one input."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jobs.errors import StorageUnavailable, UnreadableInput
from jobs.storage import Storage, open_storage
from jobs.tables.allowed import real_prefixes
from jobs.tables.inputs import read_input

DATA = b"0123456789"


def test_relative_and_absolute_uris(any_storage: Storage, tmp_path: Path, s3_root: str) -> None:
    any_storage.write("pictures/a b#1?.jpg", DATA)
    outside = tmp_path / "out side#?" / "a%20b é.jpg"
    outside.parent.mkdir()
    outside.write_bytes(DATA)
    open_storage(f"{s3_root}/other#place").write("x?.jpg", DATA)
    for uri in (
        "pictures/a b#1?.jpg",
        any_storage.root + "/pictures/a b#1?.jpg",
        str(outside),
        outside.as_uri(),
        f"{s3_root}/other#place/x?.jpg",
    ):
        found = read_input(any_storage, uri, 10, real_prefixes([str(tmp_path), s3_root]))
        assert (found.data, found.sha256) == (DATA, hashlib.sha256(DATA).hexdigest()), uri


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("no/such.jpg", "missing"),
        ("folder", "missing"),
        ("/no/such.jpg", "missing"),
        ("file:///no/such.jpg", "missing"),
        ("s3://no-such-bucket/x.jpg", "missing"),
        ("http://host/x.jpg", "bad_uri"),
        ("../x.jpg", "bad_uri"),
        ("a\\..\\..\\secret", "bad_uri"),
        ("folder/", "bad_uri"),
        ("s3://bucket", "bad_uri"),
        ("s3://no bucket/x.jpg", "bad_uri"),
        ("/a\0b/c.pdf", "bad_uri"),
        ("file:///a%00b/c.pdf", "bad_uri"),
        ("file:///a/%FF.pdf", "missing"),
        ("/" + "x" * 300 + "/c.pdf", "missing"),
        ("/tmp/" + "x" * 300, "missing"),
        ("file://host/x.jpg", "bad_uri"),
        ("folder/ten", "too_large"),
    ],
)
def test_an_unreadable_input_has_a_status(
    any_storage: Storage, s3_environment: dict[str, str], uri: str, status: str
) -> None:
    any_storage.write("folder/ten", DATA)
    with pytest.raises(UnreadableInput) as error:
        read_input(any_storage, uri, 9, ["file:///", "s3://no-such-bucket", "s3://no bucket"])
    assert error.value.status == status


def test_storage_that_does_not_answer_is_no_fault_of_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ENDPOINT_URL": "http://127.0.0.1:1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr("jobs.storage.s3.RETRY_SECONDS", 0.0)
    with pytest.raises(StorageUnavailable):
        read_input(open_storage(str(tmp_path)), "s3://dead-server/x.jpg", 9, ["s3://dead-server"])
