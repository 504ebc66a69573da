"""The folder convention: `catalogue/<product_id>/images/*` and `documents/*`, where the catalogue has no feed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import quote

from jobs.errors import BadCatalogue
from jobs.storage import Storage, is_under
from jobs.tables.catalogue.feed import EXPECTED
from jobs.tables.catalogue.litter import is_litter
from jobs.tables.catalogue.product import Product, checked_id, is_id, is_unicode

_FEED = re.compile(r"products\..*")  # PRODUCTS.CSV, products.json, products.xlsx
_TABLE = re.compile(r".*\.(parquet|csv|tsv|jsonl?|ndjson|avro|orc)(\.\w+)?")  # a folder of part files


def products_in_folders(
    storage: Storage, inputs_from: Sequence[str], product_ids: Collection[str] | None = None
) -> Iterable[tuple[str, Product]]:
    """Each product, or each of `product_ids`, with its place in words.

    Raises BadCatalogue for a name that looks like a feed's, or is no id.

    A file whose name is not UTF-8 goes by its file:// URI. A folder that is a link out of the root and `inputs_from` is
    an input itself, which reading then refuses.
    """
    folders = storage.folders("catalogue")
    keys: dict[str, list[str]] = {
        name: [] for name in folders if not is_litter(f"{name}/") and (product_ids is None or name in product_ids)
    }
    for key in _listed(storage, inputs_from, product_ids):
        product_id, _, rest = key.removeprefix("catalogue/").partition("/")
        if not rest and _FEED.fullmatch(product_id.lower()):
            raise BadCatalogue(f"{storage.uri(key)} is no feed that is read: expected {EXPECTED}")
        if product_id and (rest or product_id in keys) and not is_litter(key):  # S3 may hold "catalogue//x"
            keys.setdefault(product_id, []).append(key)  # a folder made since `folders` looked is there too
    for product_id, found in keys.items():
        link = f"catalogue/{product_id}"
        where = f"a folder of {storage.uri('catalogue')}"
        if _FEED.fullmatch(product_id.lower()) or _TABLE.fullmatch(product_id.lower()):
            raise BadCatalogue(f"{where}: {product_id!r} is named like a table, and no product: expected {EXPECTED}")
        uris = [
            tuple(_uri(storage, key) for key in found if is_under(key, f"catalogue/{product_id}/{kind}") or key == link)
            for kind in ("images", "documents")
        ]
        yield where, Product(checked_id(product_id, where), None, None, uris[0], uris[1])


def _listed(storage: Storage, inputs_from: Sequence[str], product_ids: Collection[str] | None) -> list[str]:
    """The keys of the catalogue, or of the folders of `product_ids`: a folder that is a link to elsewhere is a key."""
    if product_ids is None:
        return storage.keys("catalogue", inputs_from)
    within = (storage.root, storage.real_uri("catalogue"), *inputs_from)
    keys: list[str] = []
    for folder in (f"catalogue/{product_id}" for product_id in sorted(product_ids) if is_id(product_id)):
        is_ours = any(is_under(storage.real_uri(folder), place) for place in within)
        keys += storage.keys(folder, inputs_from) if is_ours else [folder]
    return keys


def _uri(storage: Storage, key: str) -> str:
    """`key`; as a percent-escaped URI where it is a file name that is not UTF-8, which no table can hold."""
    return key if is_unicode(key) else storage.uri(quote(key, errors="surrogateescape"))
