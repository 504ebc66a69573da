"""Where inputs may lie: a catalogue cannot name what its audit is not meant to read."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import BadArgument, BadCatalogue, ObjectMissing, UnreadableInput
from jobs.storage import Storage, open_storage
from jobs.tables.allowed import real_prefixes
from jobs.tables.catalogue import read_catalogue
from jobs.tables.images import write_image
from jobs.tables.inputs import read_input
from jobs.tables.keys import OUTPUTS

DATA = b"0123456789"


def status(storage: Storage, uri: str, *inputs_from: str) -> str:
    """The status with which `uri` is refused, or `read`."""
    try:
        assert read_input(storage, uri, 10, real_prefixes(inputs_from)).data == DATA
    except UnreadableInput as error:
        return error.status
    return "read"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a root, `a`, that has `in.jpg`, and files beside it: in `ab`, in `other`, and `secret`."""
    for name in ("a/catalogue/P1/images/in.jpg", "ab/x.jpg", "other/x.jpg", "other/sub/x.jpg", "secret"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(DATA)
    return tmp_path


@pytest.mark.parametrize(
    "uri",
    [
        "{0}/secret",
        "file://{0}/secret",
        "file://localhost{0}/secret",
        "{0}/a/../secret",
        "{0}/a/catalogue/../../secret",
        "file://{0}/a/%2e%2e/secret",
        "file://{0}/a/catalogue/%2E%2E/..%2Fsecret",
        "{0}/ab/x.jpg",
        "/etc/passwd",
        "file:///proc/self/environ",
        "/dev/zero",
        "s3://bucket-of-others/x.jpg",
    ],
)
def test_what_lies_outside_is_not_read(place: Path, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", lambda *_, **__: pytest.fail("it was opened"))
    assert status(open_storage(str(place / "a")), uri.format(place)) == "not_allowed"


@pytest.mark.parametrize(
    "uri", ["../secret", "FILE:///etc/passwd", "File:///etc/passwd", "http://host/x", "./../secret"]
)
def test_what_names_no_place_is_no_uri(place: Path, uri: str) -> None:
    assert status(open_storage(str(place / "a")), uri) == "bad_uri"


@pytest.mark.parametrize(
    ("prefix", "allowed"),
    [
        ("other", True),
        ("other/", True),
        ("other/x.jpg", True),
        ("othe", False),
        ("other/sub", False),
        ("a/../other", True),
    ],
)
def test_a_listed_prefix_is_a_folder(place: Path, prefix: str, allowed: bool) -> None:
    storage = open_storage(str(place / "a"))
    for listed in (f"{place}/{prefix}", f"file://{place}/{prefix}"):
        for uri in (f"{place}/other/x.jpg", f"file://{place}/oth%65r/x.jpg"):
            assert status(storage, uri, listed) == ("read" if allowed else "not_allowed")
    assert status(storage, "catalogue/P1/images/in.jpg", f"{place}/{prefix}") == "read"


def test_links_count_where_they_lead(place: Path) -> None:
    (place / "link-to-other").symlink_to("other")
    images = place / "a/catalogue/P1/images"
    for name, target in (
        ("secret.jpg", place / "secret"),
        ("again.jpg", images / "secret.jpg"),
        ("folder", place / "other"),
        ("fine.jpg", images / "in.jpg"),
    ):
        (images / name).symlink_to(target)
    storage = open_storage(str(place / "a"))
    said = {
        n: status(storage, f"catalogue/P1/images/{n}") for n in ("secret.jpg", "again.jpg", "folder/x.jpg", "fine.jpg")
    }
    assert list(said.values()) == ["not_allowed", "not_allowed", "not_allowed", "read"]
    assert status(storage, f"{images}/secret.jpg") == "not_allowed"
    assert status(storage, f"{place}/link-to-other/x.jpg", f"{place}/other") == "read"
    assert status(storage, f"{place}/other/x.jpg", f"{place}/link-to-other") == "read"


def test_the_catalogue_and_the_root_may_be_links(place: Path) -> None:
    (place / "root").mkdir()
    (place / "root/catalogue").symlink_to(place / "a/catalogue")
    (place / "linked").symlink_to("root")
    for root in ("root", "linked"):
        storage = open_storage(str(place / root))
        (product,) = read_catalogue(storage)
        assert [status(storage, uri) for uri in product.image_uris] == ["read"]
        assert status(storage, f"{place}/secret") == "not_allowed"


@pytest.mark.parametrize("folder", OUTPUTS)
def test_what_an_audit_writes_is_no_input(any_storage: Storage, folder: str) -> None:
    any_storage.write(f"{folder}/audit_date=2026-01-01/x.jpg", DATA)
    any_storage.write(f"{folder}-of-ours/x.jpg", DATA)
    key = f"{folder}/audit_date=2026-01-01/x.jpg"
    for uri in (key, any_storage.uri(key)):
        assert status(any_storage, uri) == "not_allowed"
        assert status(any_storage, uri, any_storage.root) == "not_allowed"
    assert status(any_storage, f"{folder}-of-ours/x.jpg") == "read"


def test_an_image_that_an_audit_stored_is_no_input_and_others_beside_it_are(any_storage: Storage) -> None:
    stored = write_image(any_storage, DATA, ".jpg")
    any_storage.write("images/x.jpg", DATA)
    for uri in (stored, any_storage.uri(stored)):
        assert status(any_storage, uri) == "not_allowed"
    assert status(any_storage, "images/x.jpg") == "read"


def test_a_bucket_is_no_more_than_its_prefix(s3_root: str) -> None:
    storage = open_storage(f"{s3_root}/a")
    for key in ("a/x.jpg", "ab/x.jpg", "b/x.jpg"):
        open_storage(s3_root).write(key, DATA)
    assert status(storage, f"{s3_root}/a/x.jpg") == "read"
    assert status(storage, f"{s3_root}/ab/x.jpg") == "not_allowed"
    assert status(storage, f"{s3_root}/a/../b/x.jpg") == "bad_uri"
    assert status(storage, f"{s3_root}/a%2F..%2Fb/x.jpg") == "not_allowed"
    assert status(storage, f"{s3_root}/b/x.jpg", f"{s3_root}/b/") == "read"
    assert status(storage, f"{s3_root}/b/x.jpg", f"{s3_root}/B") == "not_allowed"
    assert status(storage, "/etc/passwd", "s3://etc") == "not_allowed"


@pytest.mark.parametrize(
    "prefix",
    [
        *("", " ", "http://h/x", "s3:/bucket/p", "bucket/p", "s3:bucket", "s3://", "s3:///p", "s3://*"),
        *("s3://no bucket", "S3://bucket", "file:/data", "file://host/x", "file:data", "data", "./data", " /x", "*"),
    ],
)
def test_a_mistyped_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(BadArgument, match="expected s3://bucket/prefix"):
        real_prefixes([prefix])


def test_prefixes_are_a_list() -> None:
    assert real_prefixes(["s3://a-b.c_d", "s3://b/p q/*/", "file://localhost/x%20y", "/"]) == (
        "s3://a-b.c_d",
        "s3://b/p q/*",
        "file:///x%20y",
        "file:///",
    )
    with pytest.raises(BadArgument, match="is text"):
        real_prefixes("/data")


def test_a_folder_that_leaves_the_root_is_not_walked(place: Path) -> None:
    """The names of what lies there would stand in the plan, and "/" has no end."""
    (place / "a/catalogue/P1/documents").symlink_to(place / "other")
    (place / "a/catalogue/P1/images/link").symlink_to("/")
    (place / "a/catalogue/P2").symlink_to(place / "other")
    storage = open_storage(str(place / "a"))
    one, two = read_catalogue(storage)
    assert one.image_uris == ("catalogue/P1/images/in.jpg", "catalogue/P1/images/link")
    assert one.document_uris == ("catalogue/P1/documents",)
    assert (two.image_uris, two.document_uris) == (("catalogue/P2",), ("catalogue/P2",))
    refused = {*one.image_uris[1:], *one.document_uris, *two.image_uris}
    assert {status(storage, uri) for uri in refused} == {"not_allowed"}
    listed = real_prefixes([str(place / "other")])
    assert read_catalogue(storage, listed)[0].document_uris == (
        "catalogue/P1/documents/sub/x.jpg",
        "catalogue/P1/documents/x.jpg",
    )
    assert status(storage, "catalogue/P1/documents/x.jpg", *listed) == "read"


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Opened like a file it would wait for ever for somebody to write."""
    os.mkfifo(tmp_path / "pipe.jpg")
    found: list[BaseException] = []

    def read() -> None:
        try:
            open_storage(str(tmp_path)).read("pipe.jpg")
        except ObjectMissing as error:
            found.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(10)
    assert "is no file" in str(found)


@pytest.mark.parametrize("swapped", ["in.jpg", "."])
def test_what_is_read_is_what_was_checked(place: Path, monkeypatch: pytest.MonkeyPatch, swapped: str) -> None:
    """A link that comes in between, of the file or of its folder, is not followed."""
    images, elsewhere = place / "a/catalogue/P1/images", place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "in.jpg").write_bytes(b"secret")
    open_now = os.open

    def swap(path: str, *others: Any, **named: Any) -> int:
        monkeypatch.undo()
        (images / swapped).rename(place / "away")
        (images / swapped).symlink_to(elsewhere / swapped)
        return open_now(path, *others, **named)

    monkeypatch.setattr(os, "open", swap)
    assert status(open_storage(str(place / "a")), "catalogue/P1/images/in.jpg") == "missing"
    assert (images / "in.jpg").read_bytes() == b"secret"


def test_outputs_are_known_by_their_names_and_by_where_they_lie(place: Path) -> None:
    """Where an output's folder is a link, and where an input is one into it, or has the name of an output."""
    storage = open_storage(str(place / "a"))
    (place / "kept").mkdir()
    (place / "kept/x.jpg").write_bytes(DATA)
    (place / "a/evidence").symlink_to(place / "kept")
    (place / "a/reports").mkdir()
    (place / "a/reports/x.jpg").symlink_to(place / "a/catalogue/P1/images/in.jpg")
    (place / "a/catalogue/P1/images/link.jpg").symlink_to(place / "kept/x.jpg")
    for uri in ("evidence/x.jpg", f"{place}/kept/x.jpg", "reports/x.jpg", "catalogue/P1/images/link.jpg"):
        assert status(storage, uri, f"{place}") == "not_allowed"


def test_the_root_of_all_files_has_outputs_too(place: Path) -> None:
    root = open_storage("/")
    assert root.root == open_storage(root.root).root == "file:///"
    assert status(root, str(place / "secret")) == status(root, str(place / "secret")[1:]) == "read"
    for uri in ("/reports/x.jpg", "reports/x.jpg", "file:///evidence/x.jpg"):
        assert status(root, uri) == "not_allowed"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("products.csv", "secret"),
        ("products.csv.gz", "secret"),
        ("products.csv", "other"),
        ("products.csv/part-0.csv", "secret"),
        ("products.csv/day=1", "other"),
        ("products.jsonl", "a/evidence/x.jsonl"),
    ],
)
def test_a_feed_that_is_a_link_out_of_the_root_is_not_read(place: Path, link: str, target: str) -> None:
    for name in ("secret", "other/root:x.csv", "a/evidence/x.jsonl"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("root:x:0:0\n")
    (place / "a/catalogue" / link).parent.mkdir(exist_ok=True)
    (place / "a/catalogue" / link).symlink_to(place / target)
    storage = open_storage(str(place / "a"))
    with pytest.raises(BadCatalogue, match=link) as raised:
        read_catalogue(storage)
    assert "root:x" not in str(raised.value)


def test_a_feed_may_lie_where_the_operator_says(place: Path) -> None:
    (place / "other/feed.csv").write_text("product_id,image_uris,document_uris\nP1,,\n")
    (place / "a/catalogue/products.csv").symlink_to(place / "other/feed.csv")
    storage = open_storage(str(place / "a"))
    assert [p.product_id for p in read_catalogue(storage, real_prefixes([str(place / "other")]))] == ["P1"]
