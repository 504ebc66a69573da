"""The catalogue: products with their images and documents, from a table or from folders.

One of `catalogue/products.parquet`, `.csv`, `.jsonl` (columns product_id, title, category,
image_uris, document_uris); or, where there is none of them, a folder for each product:
`catalogue/<product_id>/images/*` and `documents/*`. In a CSV, several URIs are a JSON list or are
separated by ";". A URI is absolute (file://, s3://, or a path from "/") or relative to the storage
root. Titles and categories may be missing. A file whose name is not UTF-8 goes by its file:// URI.
Files that operating systems leave in folders (Thumbs.db, desktop.ini, __MACOSX, ...) are no inputs.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import BadCatalogue, UnknownProduct
from jobs.storage import Storage

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~+=@-]{0,127}")
_LITTER_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}  # of Windows and macOS, in lower case
_LITTER_FOLDERS = {"__macosx", "$recycle.bin", "system volume information", "lost+found", "@eadir"}
_LITTER_SUFFIX = ":zone.identifier"  # a stream of NTFS that a copy has made a file
_FORMATS = ("parquet", "csv", "jsonl")


@dataclass(frozen=True)
class Product:
    """One product of the catalogue."""

    product_id: str
    title: str | None
    category: str | None
    image_uris: tuple[str, ...]
    document_uris: tuple[str, ...]


def read_catalogue(storage: Storage) -> list[Product]:
    """Every product, by id. Raises BadCatalogue naming the table and the row that cannot be used."""
    blobs = {key: storage.read_or_none(key) for key in (f"catalogue/products.{form}" for form in _FORMATS)}
    tables = {key: blob.data for key, blob in blobs.items() if blob}
    if len(tables) > 1:
        raise BadCatalogue(f"{storage.root} has {' and '.join(tables)}: expected one of them")
    where = storage.uri(next(iter(tables), "catalogue"))
    if tables:
        products = [product for key, data in tables.items() for product in _from_table(key, data, where)]
    else:
        products = _from_folders(storage)
    if not products:
        raise BadCatalogue(
            f"no products at {where}: expected catalogue/products.parquet, .csv or .jsonl, "
            "or folders catalogue/<product_id>/images and documents"
        )
    by_id: dict[str, Product] = {}
    for product in products:
        if product.product_id in by_id:
            raise BadCatalogue(f"product {product.product_id!r} is twice in the catalogue of {storage.root}")
        by_id[product.product_id] = product
    return [by_id[name] for name in sorted(by_id)]


def select_products(products: list[Product], product_ids: Iterable[str] | None) -> list[Product]:
    """The products that `product_ids` names, all of them for None.

    Raises UnknownProduct naming the ids that do not exist.
    """
    if product_ids is None:
        return products
    wanted = set(product_ids)
    unknown = sorted(wanted - {product.product_id for product in products})
    if unknown:
        raise UnknownProduct(f"not in the catalogue: {', '.join(map(repr, unknown))}")
    return [product for product in products if product.product_id in wanted]


def _from_folders(storage: Storage) -> list[Product]:
    keys: dict[str, list[str]] = {name: [] for name in storage.folders("catalogue") if not _is_litter(f"{name}/")}
    for key in storage.keys("catalogue"):
        product_id, _, rest = key.removeprefix("catalogue/").partition("/")
        if product_id and rest and not _is_litter(key):  # S3 may hold "catalogue//x"
            keys.setdefault(product_id, []).append(key)  # a folder made since `folders` looked is there too
    return [
        Product(
            _checked_id(product_id, f"a folder of {storage.uri('catalogue')}"),
            None,
            None,
            tuple(_uri(storage, key) for key in found if key.startswith(f"catalogue/{product_id}/images/")),
            tuple(_uri(storage, key) for key in found if key.startswith(f"catalogue/{product_id}/documents/")),
        )
        for product_id, found in keys.items()
    ]


def _is_litter(key: str) -> bool:
    """Whether an operating system left the file there, or the folder that it lies in; nobody placed it as an input."""
    *folders, name = key.lower().split("/")
    return bool(_LITTER_FOLDERS & {*folders}) or name in _LITTER_FILES or name.endswith(_LITTER_SUFFIX)


def _uri(storage: Storage, key: str) -> str:
    """`key`; as a percent-escaped URI where it is a file name that is not UTF-8, which no table can hold."""
    return key if _is_unicode(key) else f"{storage.root}/{quote(key, errors='surrogateescape')}"


def _from_table(key: str, data: bytes, where: str) -> list[Product]:
    try:
        if key.endswith(".parquet"):
            rows: list[Any] = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False).to_pylist()
        elif key.endswith(".csv"):
            rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
        else:
            rows = [json.loads(line) for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except (pa.ArrowException, OSError, csv.Error, ValueError) as error:
        raise BadCatalogue(f"{where} cannot be read: {str(error).splitlines()[0]}") from error
    return [_product(row, f"{where} row {number}") for number, row in enumerate(rows, 1)]


def _product(row: Any, where: str) -> Product:
    if not isinstance(row, dict):
        raise BadCatalogue(f"{where}: expected an object with product_id, image_uris, document_uris")
    missing = [name for name in ("product_id", "image_uris", "document_uris") if name not in row]
    if missing:
        raise BadCatalogue(f"{where} has no {', '.join(missing)}")
    return Product(
        _checked_id(row["product_id"], where),
        _text(row.get("title"), f"{where}, title"),
        _text(row.get("category"), f"{where}, category"),
        _uris(row["image_uris"], f"{where}, image_uris"),
        _uris(row["document_uris"], f"{where}, document_uris"),
    )


def _checked_id(value: Any, where: str) -> str:
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str) or not _SAFE_ID.fullmatch(text):
        raise BadCatalogue(f"{where}: product id {value!r} is not 1 to 128 of A-Z a-z 0-9 . _ ~ + = @ -")
    return text


def _text(value: Any, where: str) -> str | None:
    text = None if value is None or value == "" else str(value)
    if text is not None and not _is_unicode(text):
        raise BadCatalogue(f"{where}: {text!r} is not valid Unicode")
    return text


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold `text`: it has no half of a surrogate pair."""
    return text.isascii() or text == text.encode(errors="replace").decode()


def _uris(value: Any, where: str) -> tuple[str, ...]:
    """The URIs of one cell, each once, in the order given."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise BadCatalogue(f"{where}: {value!r} is not a JSON list") from error
    elif isinstance(value, str):
        value = value.split(";")
    if not isinstance(value, list | None) or not all(isinstance(uri, str) for uri in value or []):
        raise BadCatalogue(f"{where}: expected a list of URIs, got {value!r}")
    for uri in value or []:
        _text(uri, where)
    return tuple(dict.fromkeys(uri.strip() for uri in value or [] if uri.strip()))
