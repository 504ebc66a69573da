"""Feeds as shops, spreadsheets, pandas and Spark write them: read right, or refused by file and row."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.errors import BadCatalogue
from jobs.storage import Storage, open_storage
from jobs.tables.catalogue import Product, formats, read_catalogue

TWO = [Product(f"P-{n}", "Lamp", None, (f"i/{n}.jpg", f"i/{n}b.jpg"), (f"d/{n}.pdf",)) for n in (1, 2)]


def rows(**values: Any) -> list[dict[str, Any]]:
    """The rows of TWO, with `values` in each."""
    return [
        {
            "product_id": each.product_id,
            "title": each.title,
            "image_uris": list(each.image_uris),
            "document_uris": list(each.document_uris),
            **values,
        }
        for each in TWO
    ]


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def as_csv(rows: list[dict[str, Any]], **options: Any) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), **options)
    writer.writeheader()
    writer.writerows({name: ";".join(v) if isinstance(v, list) else v for name, v in row.items()} for row in rows)
    return stream.getvalue().encode()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    pd.DataFrame(rows).to_parquet(stream)
    return stream.getvalue()


def read(storage: Storage, files: dict[str, bytes]) -> list[Product]:
    """The catalogue that has `files` in its folder."""
    for name, data in files.items():
        storage.write(f"catalogue/{name}", data)
    return read_catalogue(storage)


def with_ids(*ids: Any) -> bytes:
    """The rows of TWO as Parquet, with other ids."""
    return parquet([{**row, "product_id": each} for row, each in zip(rows(), ids, strict=True)])


@pytest.fixture
def storage(tmp_path: Any) -> Storage:
    return open_storage(str(tmp_path))


HALVES = [rows()[:1], rows()[1:]]
PARTS = {
    "products.parquet/part-00000-ab.snappy.parquet": parquet(HALVES[0]),
    "products.parquet/part-00001-ab.snappy.parquet": parquet(HALVES[1]),
    "products.csv/part-00000-ab.csv": as_csv(HALVES[0]),
    "products.csv/part-00001-ab.csv.gz": gzip.compress(as_csv([dict(reversed(HALVES[1][0].items()))])),
    "products.csv/part-00002-ab.csv": b"",
    "products.jsonl/part-00000-ab.json": jsonl(HALVES[0]),
    "products.jsonl/part-00001-ab.jsonl.gz": gzip.compress(jsonl(HALVES[1])),
}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_folder_of_part_files_is_one_feed(any_storage: Storage, form: str) -> None:
    parts = {name: data for name, data in PARTS.items() if name.startswith(f"products.{form}/")}
    for name in ("_SUCCESS", "_committed_1", ".part-00000-ab.crc", "Thumbs.db"):
        parts[f"products.{form}/{name}"] = b"x"
    assert read(any_storage, parts) == TWO


def test_folders_of_a_partitioned_table_name_a_column(storage: Storage) -> None:
    files = {
        "products.parquet/category=home%20%26%20garden/part-0.parquet": parquet(HALVES[0]),
        "products.parquet/category=__HIVE_DEFAULT_PARTITION__/part-0.parquet": parquet(HALVES[1]),
    }
    assert [product.category for product in read(storage, files)] == ["home & garden", None]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("products.jsonl.gz", gzip.compress(jsonl(rows()))),
        ("products.csv.gz", gzip.compress(as_csv(rows())[:40]) + gzip.compress(as_csv(rows())[40:])),
        ("products.jsonl", jsonl(rows()).replace(b"\n", b"\r\n")),
        ("products.jsonl", b"\xef\xbb\xbf" + jsonl(rows(description=float("nan")))),
        ("products.csv", as_csv(rows(description="x" * 200_000))),
        ("products.csv", as_csv(rows()).replace(b"\r\n", b"\r")),
        ("products.csv", as_csv(rows()) + b"\r\n,,,\r\n\r\n"),
        ("products.csv", as_csv(rows()).replace(b"product_id,title,image_uris", b"Product_ID, Title ,IMAGE_URIS")),
        ("products.csv", as_csv(rows(description='a\nb, "c"'), quoting=csv.QUOTE_ALL)),
        ("products.parquet", parquet(rows())),
        ("products.parquet", with_ids(b"P-1", b"P-2")),
        (
            "products.parquet",
            parquet([{**row, "image_uris": [u.encode() for u in row["image_uris"]]} for row in rows()]),
        ),
    ],
    ids=range(12),
)
def test_what_tools_write_is_read(storage: Storage, name: str, data: bytes) -> None:
    assert read(storage, {name: data}) == TWO


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_line_ends_with_a_line_feed_alone(storage: Storage, end: str) -> None:
    found = read(storage, {"products.jsonl": jsonl(rows(title=f"a{end}b", document_uris=[f"d{end}{end}"]))})
    assert [(product.title, product.document_uris) for product in found] == [(f"a{end}b", (f"d{end}{end}",))] * 2


def test_what_pandas_calls_missing_is_missing(storage: Storage) -> None:
    nan = float("nan")
    (product, _) = read(storage, {"products.jsonl": jsonl(rows(title=nan, category=nan, document_uris=nan))})
    assert (product.title, product.category, product.document_uris) == (None, None, ())


@pytest.mark.parametrize("ids", [(1001, 1002), (Decimal("1001"), Decimal("1002")), ("1001", "1002")])
def test_ids_that_are_exact_numbers_are_read(storage: Storage, ids: tuple[Any, ...]) -> None:
    assert [product.product_id for product in read(storage, {"products.parquet": with_ids(*ids)})] == ["1001", "1002"]


CSV = as_csv(rows())
CUT = gzip.compress(CSV)[:-12]
REFUSED: list[tuple[str, bytes, str]] = [
    ("products.csv", CSV + b"P-3,Lamp\r\n", r"products\.csv row 3 has 2 cells and the header 4: .*'P-3'"),
    ("products.csv", CSV + b"P-3,Lamp, red,i/3.jpg,d/3.pdf\r\n", "row 3 has 5 cells and the header 4: .*quotes"),
    ("products.csv", as_csv(rows(), delimiter="\t"), r"in its header, has no product_id.*it has 'product_id\\ttitle"),
    ("products.csv", b"sep=,\r\n" + CSV, "has no product_id.*it has 'sep='"),
    ("products.csv", CSV.split(b"\r\n", 1)[1], "has no product_id, image_uris, document_uris: it has 'p-1', 'lamp'"),
    ("products.csv", CSV.replace(b"title", b"image_uris"), "has the column image_uris twice"),
    ("products.csv", CSV.replace(b"Lamp", "Hülle".encode("cp1252")), "row 1, title: .* expected UTF-8"),
    ("products.csv", CSV.decode().encode("utf-16"), "cannot be read at row 1: it is UTF-16; expected UTF-8"),
    ("products.csv", CSV.replace(b"Lamp", b"La\0mp"), "row 1, title: .*NUL"),
    ("products.csv", CSV + b'P-3,"Lamp" red,i,d\r\n', "cannot be read at row 3: "),
    ("products.csv", CSV + CSV.split(b"\r\n")[1], "row 3: product 'P-1' is twice"),
    ("products.csv", as_csv(rows(image_uris="i/1.jpg,i/2.jpg")), "row 1, image_uris: .* several URIs; expected ';'"),
    ("products.csv", CSV.replace(b"1.jpg;", b"1.jpg | "), "row 1, image_uris: .* looks like several"),
    ("products.csv", as_csv(rows(image_uris="s3://b/1|s3://b/2")), "row 1, image_uris: .* several URIs"),
    ("products.csv", CSV.replace(b"d/2.pdf", b"d/2.pdf?w=5;h=6"), "row 2, document_uris: .*';' in a query"),
    ("products.csv", CSV.replace(b"d/2.pdf", b"['d/2.pdf']"), "row 2, document_uris: .* is not a JSON list"),
    ("products.csv.gz", CUT, "cannot be read at row"),
    ("products.jsonl.gz", jsonl(rows()), "cannot be read at row 1: Not a gzipped file"),
    ("products.jsonl", jsonl(rows()).decode().encode("utf-16"), "it is UTF-16; expected UTF-8"),
    ("products.jsonl", jsonl(rows())[:-30], "cannot be read at row 2"),
    ("products.jsonl", json.dumps(rows(), indent=1).encode(), "cannot be read at row 1"),
    ("products.jsonl", b"[" * 200_000, "cannot be read at row 1"),
    ("products.jsonl", jsonl(rows(title={"en": "Lamp"})), "row 1, title: expected text, got {'en': 'Lamp'}"),
    ("products.jsonl", jsonl(rows(title="a\0b")), "row 1, title: .*NUL"),
    ("products.parquet", with_ids(1000.0, 1001.0), "1000.0 is a float"),
    ("products.csv", as_csv(rows(product_id="123456.0")), r"row 1: product id '123456\.0' is a number"),
    ("products.csv", as_csv(rows(product_id="1.23E+15")), r"row 1: product id '1\.23E\+15' is a number"),
    ("products.jsonl", jsonl(rows(product_id="4E+12")), r"row 1: product id '4E\+12' is a number"),
    ("products.parquet", with_ids(False, True), "False is a bool"),
    ("products.parquet", with_ids(Decimal(1), Decimal("1.5")), "row 2.*1.5"),
    ("products.parquet", parquet(rows(image_uris=["i/1.jpg", None])), r"row 1, image_uris: expected a list of URIs"),
    ("products.parquet", parquet(rows(image_uris=[{"element": "i"}])), r"row 1, image_uris: expected a list of URIs"),
    ("products.parquet", parquet(rows()).replace(b"document_uris", b"document_URIs"), "no document_uris: it has"),
    ("PRODUCTS.CSV", CSV, r"PRODUCTS\.CSV is no feed that is read: expected catalogue/products\.parquet"),
    ("products.json", json.dumps(rows()).encode(), r"products\.json is no feed that is read"),
    ("products.xlsx", b"PK", r"products\.xlsx is no feed that is read"),
    ("products.json/part-0.json", jsonl(rows()), r"'products\.json' is named like a table, and no product"),
    ("items.parquet/part-0.parquet", parquet(rows()), r"'items\.parquet' is named like a table, and no product"),
    ("products.parquet/images/1.jpg", b"x", r"1\.jpg is no part of the feed catalogue/products\.parquet"),
    ("products.parquet/part-0.csv", CSV, r"part-0\.csv is no part of the feed catalogue/products\.parquet: expected"),
    ("products.parquet/old/part-0.parquet", parquet(rows()), "is no part of the feed"),
    ("products.parquet/_temporary/0/part-0.parquet", parquet(rows()), "still being written"),
    ("products.parquet/_delta_log/0.json", b"{}", "Delta table"),
    ("products.parquet/_SUCCESS", b"", r"no products at .*products\.parquet"),
    ("products.csv/part-0.csv", CSV + b"x\r\n", r"products\.csv/part-0\.csv row 3 has 1 cells"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "said"), REFUSED, ids=[f"{n}-{e[0]}" for n, e in enumerate(REFUSED)])
def test_what_may_mean_something_else_is_refused_by_its_place(
    storage: Storage, name: str, data: bytes, said: str
) -> None:
    with pytest.raises(BadCatalogue, match=said) as error:
        read(storage, {name: data})
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("uri", ["Mug, red.jpg", "a|b", "v1.2,final", "i/1.jpg?w=5", "s3://b/Mug, red.jpg", "a;b"])
def test_a_uri_with_a_comma_is_not_several(storage: Storage, uri: str) -> None:
    (product, _) = read(storage, {"products.csv": as_csv(rows(image_uris=[uri]))})
    assert product.image_uris == tuple(uri.split(";"))


def test_a_json_list_holds_any_uri(storage: Storage) -> None:
    uris = ["i/1.jpg,i/2.jpg", "i/1.jpg?w=5;h=6", "[x]"]
    (product, _) = read(storage, {"products.csv": as_csv(rows(image_uris=json.dumps(uris)))})
    assert product.image_uris == tuple(uris)


THREADS = """
import os, sys
from jobs.storage import open_storage
from jobs.tables.catalogue import read_catalogue
storage = open_storage(sys.argv[1])
before = len(os.listdir("/proc/self/task"))
read_catalogue(storage)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_reading_a_feed_leaves_no_thread_behind(storage: Storage) -> None:
    """One of Arrow's outlived a plan and aborted its process at exit."""
    read(storage, {"products.parquet": parquet(rows())})
    done = subprocess.run([sys.executable, "-c", THREADS, storage.root], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_two_forms_of_one_feed_are_ambiguous(storage: Storage) -> None:
    files = {"products.csv.gz": gzip.compress(CSV), "products.parquet/part-0.parquet": parquet(rows())}
    with pytest.raises(
        BadCatalogue, match=r"catalogue/products\.parquet and catalogue/products\.csv\.gz: expected one"
    ):
        read(storage, files)


def test_what_lies_beside_a_feed_is_not_read(storage: Storage) -> None:
    old = {"products.csv.bak": b"x", "P-9/images/1.jpg": b"x", "products.old.csv": CSV}
    assert read(storage, {"products.csv": CSV, **old}) == TWO


@pytest.mark.parametrize("name", ["products.jsonl.gz", "products.csv.gz"])
def test_a_line_without_end_stops_at_the_limit(storage: Storage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_LINE", 1000)
    data = (jsonl if "jsonl" in name else as_csv)(rows()[:1]) + b"x" * 5000
    with pytest.raises(BadCatalogue, match="row 2: a line is over 1000 characters"):
        read(storage, {name: gzip.compress(data)})


def urided(*counts: int) -> bytes:
    """A Parquet feed of a product for each of `counts`, which has the same URI so many times."""
    uris = pa.DictionaryArray.from_arrays(pa.array(np.zeros(sum(counts), np.int32)), pa.array(["i/1.jpg"]))
    lists = pa.ListArray.from_arrays(pa.array(np.cumsum([0, *counts]), pa.int32()), uris)
    ids = [f"P{n}" for n in range(len(counts))]
    stream = io.BytesIO()
    table = pa.table({"product_id": ids, "image_uris": lists, "document_uris": pa.array([["d.pdf"]] * len(ids))})
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


@pytest.mark.parametrize("counts", [(5_000_000,), (1, 20_000, 1), (*[10_000] * 500, 10_001)])
def test_a_row_of_parquet_that_unpacks_without_end_is_refused(storage: Storage, counts: tuple[int, ...]) -> None:
    feed = urided(*counts)
    assert len(feed) < 9000
    with pytest.raises(BadCatalogue, match=r"products\.parquet cannot be read at row \d+: image_uris.* 10000 "):
        read(storage, {"products.parquet": feed})


def test_large_rows_of_parquet_are_read_one_by_one(storage: Storage) -> None:
    found = read(storage, {"products.parquet": urided(*[formats.MAX_URIS] * 5)})
    assert [product.image_uris for product in found] == [("i/1.jpg",)] * 5
