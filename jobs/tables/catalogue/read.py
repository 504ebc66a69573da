"""Reads the catalogue, whichever form it has: all of it, or products of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from jobs.errors import BadCatalogue, UnknownProduct
from jobs.storage import Storage
from jobs.tables.catalogue.feed import EXPECTED, find_feeds
from jobs.tables.catalogue.folders import products_in_folders
from jobs.tables.catalogue.product import Product, product_of


def read_catalogue(
    storage: Storage, inputs_from: Sequence[str] = (), product_ids: Iterable[str] | None = None
) -> list[Product]:
    """Every product, or those of `product_ids`, by id; links are followed under the root and `inputs_from` alone.

    Raises BadCatalogue naming the file and the row that cannot be used, and UnknownProduct naming the ids that do not
    exist. Of other products than `product_ids` no more is read than tells them apart.
    """
    wanted = None if product_ids is None else set(product_ids)
    by_id: dict[str, Product] = {}
    for where, product in stream_catalogue(storage, inputs_from, wanted):
        if product.product_id in by_id:
            raise BadCatalogue(f"{where}: product {product.product_id!r} is twice in the catalogue; expected it once")
        by_id[product.product_id] = product
    if unknown := sorted((wanted or set()) - by_id.keys()):
        raise UnknownProduct(f"not in the catalogue: {', '.join(map(repr, unknown))}")
    return [by_id[name] for name in sorted(by_id)]


def stream_catalogue(
    storage: Storage, inputs_from: Sequence[str] = (), product_ids: Collection[str] | None = None
) -> Iterator[tuple[str, Product]]:
    """Each product, or each of `product_ids`, with its place in words, in the catalogue's order; an id may come twice.

    Raises BadCatalogue as `read_catalogue` does, also where there is no product at all.
    """
    feeds = find_feeds(storage, inputs_from)
    if len(feeds) > 1:
        names = " and ".join(feed.key for feed in feeds)
        raise BadCatalogue(f"{storage.root} has {names}: expected one of them")
    is_empty = True
    found = products_in_folders(storage, inputs_from, product_ids)
    if feeds:
        rows = feeds[0].rows(storage, inputs_from, product_ids)
        found = ((where, product_of(row, where)) for where, row in rows)
    for where, product in found:
        is_empty = False
        if product_ids is None or product.product_id in product_ids:
            yield where, product
    if is_empty and product_ids is None:
        raise BadCatalogue(
            f"no products at {storage.uri(feeds[0].key if feeds else 'catalogue')}: expected {EXPECTED}, "
            "or folders catalogue/<product_id>/images and documents"
        )
