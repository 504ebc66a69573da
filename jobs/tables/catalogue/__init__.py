"""The catalogue: products with their images and documents, from a feed or from folders.

A feed is `catalogue/products.parquet`, `.csv`, `.jsonl`, `.csv.gz` or `.jsonl.gz`, or a folder of such a name with part
files, as Spark writes it; its columns are product_id, title, category, image_uris and document_uris. Where there is no
feed, each product is a folder: `catalogue/<product_id>/images/*` and `documents/*`. A URI is absolute (file://, s3://,
a path from "/") or relative to the storage root. `catalogue/canaries.csv` names products whose verdict is known.
docs/inputs.md says what is read and what each refusal means.
"""

from jobs.tables.catalogue.canaries import read_canaries
from jobs.tables.catalogue.product import Product, encode_product, hash_of, id_of_line
from jobs.tables.catalogue.read import read_catalogue, stream_catalogue
from jobs.tables.catalogue.spool import Spool, spool_catalogue, spool_products

__all__ = [
    "Product",
    "Spool",
    "encode_product",
    "hash_of",
    "id_of_line",
    "read_canaries",
    "read_catalogue",
    "spool_catalogue",
    "spool_products",
    "stream_catalogue",
]
