"""The catalogue in each of its forms, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs.errors import BadCatalogue, UnknownProduct
from jobs.storage import Storage, open_storage
from jobs.storage.s3 import S3Storage
from jobs.tables.catalogue import Product, read_catalogue
from jobs.tables.inputs import read_input

ROWS: list[dict[str, Any]] = [
    {
        "product_id": "P-2",
        "title": "Pillow, red",
        "category": "home",
        "image_uris": ["pictures/1.jpg", "s3://other/2.jpg"],
        "document_uris": ["documents/a.pdf"],
    },
    {"product_id": "P-1", "title": "Hemd grün", "category": None, "image_uris": [], "document_uris": []},
]
EXPECTED = [
    Product("P-1", "Hemd grün", None, (), ()),
    Product("P-2", "Pillow, red", "home", ("pictures/1.jpg", "s3://other/2.jpg"), ("documents/a.pdf",)),
]


def as_csv(rows: list[dict[str, Any]], join: Any) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0].keys())
    writer.writeheader()
    writer.writerows({name: join(v) if isinstance(v, list) else v for name, v in row.items()} for row in rows)
    return stream.getvalue().encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    pd.DataFrame(rows).to_parquet(stream)
    return stream.getvalue()


FORMS = {
    "parquet": as_parquet,
    "csv": lambda rows: as_csv(rows, ";".join),
    "jsonl": lambda rows: "\n".join(map(json.dumps, rows)).encode(),
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("products.parquet", as_parquet(ROWS)),
        ("products.csv", as_csv(ROWS, ";".join)),
        ("products.csv", b"\xef\xbb\xbf" + as_csv(ROWS, json.dumps)),
        ("products.jsonl", "\n".join(json.dumps(row) for row in ROWS).encode() + b"\n\n"),
    ],
)
def test_tables_of_each_form_read_alike(tmp_path: Path, name: str, data: bytes) -> None:
    storage = open_storage(str(tmp_path))
    storage.write(f"catalogue/{name}", data)
    assert read_catalogue(storage) == EXPECTED


def test_folders(any_storage: Storage) -> None:
    for key in (
        "P1/images/02.jpg",
        "P1/images/01.jpg",
        "P1/documents/r.pdf",
        "P1/notes.txt",
        "P1/images/.DS_Store",
        "P2/notes.txt",
    ):
        any_storage.write(f"catalogue/{key}", b"x")
    images = ("catalogue/P1/images/01.jpg", "catalogue/P1/images/02.jpg")
    assert read_catalogue(any_storage) == [
        Product("P1", None, None, images, ("catalogue/P1/documents/r.pdf",)),
        Product("P2", None, None, (), ()),
    ]


def test_a_product_folder_without_any_file_is_a_product(tmp_path: Path) -> None:
    (tmp_path / "catalogue" / "P1" / "images").mkdir(parents=True)
    assert read_catalogue(open_storage(str(tmp_path))) == [Product("P1", None, None, (), ())]


def test_a_catalogue_that_is_not_there_says_what_was_expected(any_storage: Storage) -> None:
    with pytest.raises(BadCatalogue, match=r"no products at .*expected catalogue/products\.parquet"):
        read_catalogue(any_storage)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a b", ".hidden", "x" * 129, "é", None, "a\n"])
def test_an_id_that_is_no_safe_key_is_named(tmp_path: Path, name: str | None) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("catalogue/products.jsonl", json.dumps({**ROWS[0], "product_id": name}).encode())
    with pytest.raises(BadCatalogue, match="row 1: product id"):
        read_catalogue(storage)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("products.jsonl", b"{", "cannot be read"),
        ("products.jsonl", b"[1]", "row 1: expected an object"),
        ("products.jsonl", b'{"product_id": "P"}', "row 1 has no image_uris, document_uris"),
        (
            "products.jsonl",
            b'{"product_id": "P", "image_uris": 5, "document_uris": []}',
            "image_uris: expected a list",
        ),
        ("products.csv", b"product_id,image_uris,document_uris\nP,[x,\n", "is not a JSON list"),
        ("products.csv", b"\xff\xfe", "cannot be read"),
        ("products.parquet", b"PAR1 no", "cannot be read"),
        ("products.csv", b"product_id,image_uris,document_uris\nP,,\nP,,\n", "'P' is twice"),
        ("products.csv", b"product_id,image_uris,document_uris\n", "no products at .*products.csv"),
    ],
)
def test_a_malformed_table_is_named(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    storage = open_storage(str(tmp_path))
    storage.write(f"catalogue/{name}", data)
    with pytest.raises(BadCatalogue, match=said):
        read_catalogue(storage)


def test_two_tables_are_ambiguous(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    storage.write("catalogue/products.csv", as_csv(ROWS, ";".join))
    storage.write("catalogue/products.parquet", as_parquet(ROWS))
    with pytest.raises(BadCatalogue, match=r"products\.parquet and .*products\.csv"):
        read_catalogue(storage)


@pytest.mark.parametrize("form", [*FORMS, "folders"])
def test_products_by_id_are_those_of_the_whole_and_unknown_ids_are_named(tmp_path: Path, form: str) -> None:
    storage = open_storage(str(tmp_path))
    if form == "folders":
        for key in ("P-1/images/1.jpg", "P-2/documents/a.pdf", "P-22/images/1.jpg"):
            storage.write(f"catalogue/{key}", b"x")
        (tmp_path / "catalogue/P-3").mkdir()
    else:
        storage.write(f"catalogue/products.{form}", FORMS[form](ROWS))
    every = {product.product_id: product for product in read_catalogue(storage)}
    for product_id in every:
        assert read_catalogue(storage, (), [product_id, product_id]) == [every[product_id]]
    assert read_catalogue(storage, (), every) == list(every.values())
    with pytest.raises(UnknownProduct, match="'X-1', 'X-2'"):
        read_catalogue(storage, (), ["X-2", "P-1", "X-1"])


def test_a_parquet_with_a_garbage_footer_is_named(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    for footer in (b"\x07" * 200, bytes(200), b"\xff" * 200):
        storage.write("catalogue/products.parquet", b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
        with pytest.raises(BadCatalogue, match="cannot be read"):
            read_catalogue(storage)


@pytest.mark.parametrize("name", ["title", "image_uris", "document_uris"])
def test_half_a_surrogate_pair_is_named(tmp_path: Path, name: str) -> None:
    storage = open_storage(str(tmp_path))
    value: Any = "\ud800" if name == "title" else ["x\ud800.jpg"]
    storage.write("catalogue/products.jsonl", json.dumps({**ROWS[0], name: value}).encode())
    with pytest.raises(BadCatalogue, match=f"row 1, {name}: .* is not valid Unicode"):
        read_catalogue(storage)


def test_a_file_name_that_is_not_utf8_goes_by_its_uri(tmp_path: Path) -> None:
    images = tmp_path / "a b" / "catalogue" / "P1" / "images"
    images.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(images) + b"/\xff %.jpg")).write_bytes(b"latin")
    (images / "é.jpg").write_bytes(b"x")
    storage = open_storage(str(tmp_path / "a b"))
    (product,) = read_catalogue(storage)
    assert product.image_uris == ("catalogue/P1/images/é.jpg", f"{images.as_uri()}/%FF%20%25.jpg")
    assert read_input(storage, product.image_uris[1], 9).data == b"latin"
    (images.parent.parent / os.fsdecode(b"\xff")).mkdir()
    with pytest.raises(BadCatalogue, match=r"a folder of file:.*product id '\\udcff'") as error:
        read_catalogue(storage)
    assert str(error.value).isascii()


def test_a_product_uploaded_while_it_is_listed_is_there(any_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    any_storage.write("catalogue/P1/images/1.jpg", b"x")
    monkeypatch.setattr(any_storage, "folders", lambda folder: [])
    assert [product.product_id for product in read_catalogue(any_storage)] == ["P1"]


def test_an_s3_key_with_an_empty_folder_is_no_product(s3_root: str) -> None:
    storage = open_storage(s3_root)
    storage.write("catalogue/P1/images/1.jpg", b"x")
    assert isinstance(storage, S3Storage)
    storage.client.put_object(Bucket=storage.bucket, Key=f"{storage.prefix}catalogue//x.jpg", Body=b"x")
    assert [product.product_id for product in read_catalogue(storage)] == ["P1"]


LITTER = (
    "P1/images/Thumbs.db",
    "P1/images/desktop.ini",
    "P1/images/1.jpg:Zone.Identifier",
    "P1/documents/@eaDir/a.pdf",
    "P1/documents/report.pdf:Zone.Identifier",
    "__MACOSX/P1/images/1.jpg",
    "$RECYCLE.BIN/desktop.ini",
    "lost+found/x",
    "Thumbs.db",
)


def test_what_operating_systems_leave_is_no_input(any_storage: Storage) -> None:
    for key in ("P1/images/1.jpg", "P1/images/thumbs.db.jpg", "P1/documents/report.pdf", *LITTER):
        any_storage.write(f"catalogue/{key}", b"x")
    (product,) = read_catalogue(any_storage)
    assert product.image_uris == ("catalogue/P1/images/1.jpg", "catalogue/P1/images/thumbs.db.jpg")
    assert product.document_uris == ("catalogue/P1/documents/report.pdf",)
