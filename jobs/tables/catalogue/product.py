"""A product, and the cells of a feed's row that make one. A cell that may mean something else is refused."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from jobs.errors import BadCatalogue

COLUMNS = ("product_id", "title", "category", "image_uris", "document_uris")
REQUIRED = frozenset({"product_id", "image_uris", "document_uris"})
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~+=@-]{0,127}")
_NUMBER = re.compile(r"\d+\.0|\d(\.\d+)?E\+\d+")  # of pandas (1001.0) and Excel (1.23E+15): other ids become the same
_OTHER_SEPARATOR = re.compile(r"\.\w{2,5}\s*[,|\n]\s*\S|[,|\n]\s*(\w+:/)?/")  # "1.jpg,2.jpg", "s3://b/1 | s3://b/2"
_BLANKS = " \t\r\n"  # str.strip would take U+2028 and others, which a name may hold


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the catalogue."""

    product_id: str
    title: str | None
    category: str | None
    image_uris: tuple[str, ...]
    document_uris: tuple[str, ...]


_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def hash_of(product_id: str) -> int:
    """64 bits of the id's SHA-256, from which its bucket follows."""
    return int.from_bytes(hashlib.sha256(product_id.encode()).digest()[:8])


def encode_product(product: Product) -> bytes:
    """The product as a JSON object on one line."""
    return _encoded(
        {
            "product_id": product.product_id,
            "title": product.title,
            "category": product.category,
            "image_uris": product.image_uris,
            "document_uris": product.document_uris,
        }
    ).encode()


def id_of_line(line: bytes) -> str:
    """The id of the product that `encode_product` encoded; ids need no escapes."""
    return line.split(b'"', 4)[3].decode()


def decode_product(line: bytes) -> Product:
    """The product that `encode_product` encoded."""
    row = json.loads(line)
    uris = {name: tuple(row[name]) for name in ("image_uris", "document_uris")}
    return Product(row["product_id"], row["title"], row["category"], **uris)


def product_of(row: Any, where: str) -> Product:
    """The product of the row at `where`. Raises BadCatalogue naming the cell that cannot be used."""
    if not isinstance(row, dict):
        raise BadCatalogue(f"{where}: expected an object with {', '.join(sorted(REQUIRED))}, got {row!r:.80}")
    check_columns(row, where)
    return Product(
        checked_id(row["product_id"], where),
        _text(row.get("title"), where, "title"),
        _text(row.get("category"), where, "category"),
        _uris(row["image_uris"], where, "image_uris"),
        _uris(row["document_uris"], where, "document_uris"),
    )


def check_columns(names: Collection[str] | Mapping[str, Any], where: str) -> None:
    """BadCatalogue where `names` lack one of REQUIRED."""
    if not REQUIRED.issubset(names):
        missing = [name for name in COLUMNS if name in REQUIRED and name not in names]
        found = ", ".join(map(repr, names)) or "nothing"
        raise BadCatalogue(
            f"{where} has no {', '.join(missing)}: it has {found:.300} (a CSV has commas between columns)"
        )


def checked_id(value: Any, where: str) -> str:
    """The product id that `value` is. It names the product's evidence, so it must be safe in a key and in a URL."""
    if isinstance(value, bytes):  # Spark's binaryAsString
        value = value.decode(errors="replace")
    if isinstance(value, bool | float):
        raise BadCatalogue(f"{where}: product id {value!r} is a {type(value).__name__}: expected text or an integer")
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):
        value = int(value)
    text = str(value) if isinstance(value, int) else value
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        raise BadCatalogue(
            f"{where}: product id {text!r} is a number that a table changed: expected text or an integer"
        )
    if not isinstance(text, str) or not _SAFE_ID.fullmatch(text):
        raise BadCatalogue(f"{where}: product id {value!r} is not 1 to 128 of A-Z a-z 0-9 . _ ~ + = @ -")
    return text


def is_id(text: str) -> bool:
    """Whether a product may have this id."""
    return bool(_SAFE_ID.fullmatch(text))


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold `text`: it has no half of a surrogate pair."""
    return text.isascii() or text == text.encode(errors="replace").decode()


def split_uris(text: str) -> list[Any]:
    """The URIs in `text`, a JSON list or separated by ";". Raises ValueError saying what else it looks like."""
    if text.lstrip().startswith("["):
        try:
            found: list[Any] = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is not a JSON list; expected one, or URIs separated by ';'") from error
        return found
    if ("," in text or "|" in text or "\n" in text) and _OTHER_SEPARATOR.search(text):
        raise ValueError(f"{text!r} looks like several URIs; expected ';' between them, or a JSON list")
    pieces = text.split(";")
    if "?" in text and any("?" in before and piece.strip() and "/" not in piece for before, piece in pairwise(pieces)):
        raise ValueError(f"{text!r} has a ';' in a query; expected a JSON list, which may hold such a URI")
    return pieces


def _uris(value: Any, where: str, name: str) -> tuple[str, ...]:
    """The URIs of one cell, each once, in the order given."""
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    if isinstance(value, str):
        try:
            value = split_uris(value)
        except ValueError as error:
            raise BadCatalogue(f"{where}, {name}: {error}") from error
    if value is None:
        return ()
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        value = [uri.decode(errors="surrogateescape") if isinstance(uri, bytes) else uri for uri in value]
    if not isinstance(value, list) or not all(isinstance(uri, str) for uri in value):
        raise BadCatalogue(f"{where}, {name}: expected a list of URIs, got {value!r:.200}")
    _check_unicode("".join(value), where, name)
    return tuple(dict.fromkeys(found for uri in value if (found := uri.strip(_BLANKS))))


def _text(value: Any, where: str, name: str) -> str | None:
    if value is None or value == "" or value != value:  # NaN is what pandas makes of a missing cell
        return None
    if isinstance(value, list | dict | bool):
        raise BadCatalogue(f"{where}, {name}: expected text, got {value!r:.200}")
    text = value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)
    if "\0" in text:
        raise BadCatalogue(f"{where}, {name}: {text!r:.200} has a NUL character; is the feed cut, or UTF-16?")
    _check_unicode(text, where, name)
    return text


def _check_unicode(text: str, where: str, name: str) -> None:
    if not is_unicode(text):
        raise BadCatalogue(f"{where}, {name}: {text!r:.200} is not valid Unicode; expected UTF-8")
