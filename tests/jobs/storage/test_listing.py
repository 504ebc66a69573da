"""What a listing of files has: links, names that are no keys, folders that link to each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.errors import BadStorageUri, ObjectMissing
from jobs.storage import open_storage


def test_links_that_lead_nowhere_or_back_are_objects_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    for link, target in (("a/loop", "loop"), ("a/self", "."), ("a/b", "../b"), ("b/a", "../a"), ("a/gone", "gone2")):
        (tmp_path / link).symlink_to(target)
    storage = open_storage(str(tmp_path))
    assert storage.keys("a") == ["a/b/a", "a/gone", "a/loop", "a/self", "a/x"]
    for key in ("a/b/a", "a/gone", "a/loop", "a/self", "a/" + "x" * 300):
        with pytest.raises(ObjectMissing, match=key):
            storage.read(key)


def test_a_listing_has_what_is_no_key(tmp_path: Path) -> None:
    """So that it becomes a row of its product, and the others are audited."""
    (tmp_path / "a/b\\..\\c").mkdir(parents=True)
    (tmp_path / "a/b\\..\\c/x").write_bytes(b"1")
    (tmp_path / "a/b\\c").write_bytes(b"1")
    storage = open_storage(str(tmp_path))
    assert storage.keys("a") == ["a/b\\..\\c/x", "a/b\\c"]
    assert storage.read("a/b\\c").data == b"1"
    with pytest.raises(BadStorageUri):
        storage.folders("..")


def test_folders_that_link_to_each_other_are_walked_once(tmp_path: Path) -> None:
    """By every way through them the folders below would have 7! times 7 names."""
    shared = [tmp_path / f"a/P1/images/{n}" for n in range(7)]
    for folder in shared:
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(b"1")
    for folder in shared:
        for other in shared:
            if other != folder:
                (folder / f"to-{other.name}").symlink_to(other)
    found = open_storage(str(tmp_path)).keys("a")
    assert len(found) < 100
    assert sorted(str((tmp_path / key).resolve().parent) for key in found if key.endswith("x")) == list(
        map(str, shared)
    )


def test_products_and_their_kinds_may_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/x").write_bytes(b"1")
    links = ("a/P1/images", "a/P1/documents", "a/P2")
    for link in links:
        (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / link).symlink_to(tmp_path / "pool")
    storage = open_storage(str(tmp_path))
    assert storage.keys("a") == sorted(f"{link}/x" for link in links)
