"""Reads the catalogue, whichever form it has, and selects products of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs.errors import BadCatalogue, UnknownProduct
from jobs.storage import Storage
from jobs.tables.catalogue.feed import EXPECTED, find_feeds
from jobs.tables.catalogue.folders import products_in_folders
from jobs.tables.catalogue.product import Product, product_of


def read_catalogue(storage: Storage, inputs_from: Sequence[str] = ()) -> list[Product]:
    """Every product, by id; links are followed under the root and `inputs_from` alone.

    Raises BadCatalogue naming the file and the row that cannot be used.
    """
    feeds = find_feeds(storage, inputs_from)
    if len(feeds) > 1:
        names = " and ".join(feed.key for feed in feeds)
        raise BadCatalogue(f"{storage.root} has {names}: expected one of them")
    found = products_in_folders(storage, inputs_from)
    if feeds:
        found = ((where, product_of(row, where)) for where, row in feeds[0].rows(storage, inputs_from))
    by_id: dict[str, Product] = {}
    for where, product in found:
        if product.product_id in by_id:
            raise BadCatalogue(f"{where}: product {product.product_id!r} is twice in the catalogue; expected it once")
        by_id[product.product_id] = product
    if not by_id:
        raise BadCatalogue(
            f"no products at {storage.uri(feeds[0].key if feeds else 'catalogue')}: expected {EXPECTED}, "
            "or folders catalogue/<product_id>/images and documents"
        )
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
