"""Extract: the documents of a bucket's products -> the bucket's object of `document_images`.

One row for each image placed in a document, with the key of the stored image where it is used; one row for a document
without any, so that every document of the plan has a row that says how reading it went. An image that a product shows
again (same pixels) is compared once: the others are excluded as `repeat`.
"""

from __future__ import annotations

import atexit
import errno
import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import PurePosixPath
from typing import TypedDict

from extractors import Extraction, Extractor, Placement, remove_left, work_folder
from jobs.audit.carry import carry_over, read_versions
from jobs.errors import AuditError, UnreadableInput, WorkFolderUnusable
from jobs.scoring.cores import cores
from jobs.storage import Storage
from jobs.tables.bucket import Bucket
from jobs.tables.extractions import read_extraction, write_extraction
from jobs.tables.images import write_image
from jobs.tables.inputs import read_input
from jobs.tables.plan import PlannedProduct
from jobs.tables.rows import NewRows
from jobs.tables.schemas import DOCUMENT_IMAGES, INPUT_VERSIONS, READABLE, SCHEMA_VERSION, DocumentImage
from scott_core.progress import Progress, silent

# What the work folder's own writes and reads raise; None is the reader's word that it could not write. A process that
# cannot be started, or no more file descriptors, is no fault of the folder.
_OF_THE_FOLDER = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EFBIG, errno.ENOENT),
    None,
}


class ExtractSummary(TypedDict):
    """Counts of an extracted bucket; `n_unreadable` counts documents, `n_images` the used images.

    All but `n_carried` are of the products that were not carried over.
    """

    bucket: int
    n_products: int
    n_carried: int
    n_documents: int
    n_unreadable: int
    n_images: int


def extract_bucket(
    root: str,
    audit_date: str,
    bucket: int,
    run_id: str,
    progress: Progress = silent,
    *,
    only: Collection[str] | None = None,
) -> ExtractSummary:
    """Extract the documents of the products that `run_id` owns in `bucket`, or `only` some; `progress(1)` for each.

    Products that can be carried over are, with the rows of all steps.
    """
    here = Bucket.open(root, audit_date, bucket, run_id, only)
    owned = here.products()
    carried = carry_over(here, owned)
    progress(len(carried))
    products = [product for product in owned if product.product_id not in carried]
    if carried and not products:
        return _summary(bucket, carried, {}, ())
    versions = NewRows.of(INPUT_VERSIONS, read_versions(here, products))
    documents = [document for product in products for document in product.document_uris]
    remove_left()
    extractor = _extractor(os.getpid())
    rows = NewRows(DOCUMENT_IMAGES)
    counts: dict[str, Counter[str]] = {}
    with ThreadPoolExecutor(cores()) as pool:
        read = pool.map(partial(_read_document, here, extractor), documents)
        try:
            for product in products:
                found = [next(read) for _ in product.document_uris]
                images = _product_rows(audit_date, product, found)
                rows.add(product.product_id, images)
                counts[product.product_id] = Counter(
                    n_documents=len(found),
                    n_unreadable=sum(document.status not in READABLE for document in found),
                    n_images=sum(row["used"] for row in images),
                )
                progress(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # else all the others are read first
            raise
    here.replace(versions)
    taken = here.replace(rows)
    return _summary(bucket, carried, counts, taken)


@cache
def _extractor(process: int) -> Extractor:
    """The readers of this process: those that a document asked for stay warm for the next bucket's, until it ends."""
    extractor = Extractor(processes=cores())
    atexit.register(lambda: extractor.close() if os.getpid() == process else None)  # not by a fork of it
    return extractor


def _summary(
    bucket: int, carried: Collection[str], counts: Mapping[str, Counter[str]], taken: Collection[str]
) -> ExtractSummary:
    total = sum((counts[name] for name in taken), Counter())
    return {
        "bucket": bucket,
        "n_products": len(taken),
        "n_carried": len(carried),
        "n_documents": total["n_documents"],
        "n_unreadable": total["n_unreadable"],
        "n_images": total["n_images"],
    }


@dataclass(frozen=True)
class _Document:
    """One document with the result of reading it: a status, and placements whose files are keys of stored images."""

    uri: str
    status: str
    detail: str | None
    sha256: str | None = None
    pages: int | None = None
    placements: tuple[Placement, ...] = ()


def _read_document(here: Bucket, extractor: Extractor, uri: str) -> _Document:
    try:
        source = read_input(here.storage, uri, extractor.limits.file_bytes, here.run.inputs_from)
    except UnreadableInput as error:
        return _Document(uri, error.status, str(error))
    found = None if here.run.full else read_extraction(here.storage, source.sha256)
    if found is None:
        found = _extract(here.storage, extractor, uri, source.data)
        write_extraction(here.storage, source.sha256, found)
    return _Document(uri, found.status, found.detail or None, source.sha256, found.pages, found.images)


def _extract(storage: Storage, extractor: Extractor, uri: str, data: bytes) -> Extraction:
    """What is found in a document; the files of used placements are keys of stored images, and others have none."""
    try:
        with work_folder() as folder:
            pdf, out = folder / "document.pdf", folder / "images"
            pdf.write_bytes(data)
            found = extractor.extract(pdf, out)
            names = {placement.file for placement in found.images if placement.used and placement.file}
            files = {name: (out / name).read_bytes() for name in sorted(names)}
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) or error.errno not in _OF_THE_FOLDER:
            raise AuditError(f"{uri}: the reader of documents cannot work: {error}") from error
        where = tempfile.tempdir or os.environ.get("TMPDIR", "the temporary directory")
        raise WorkFolderUnusable(f"{where}: {error}; free space there, or name another folder in TMPDIR") from error
    key_of = {name: write_image(storage, data, PurePosixPath(name).suffix) for name, data in files.items()}
    images = (replace(each, file=key_of.get(each.file or "")) for each in found.images)
    return replace(found, images=tuple(images))


def _product_rows(audit_date: str, product: PlannedProduct, documents: Iterable[_Document]) -> list[DocumentImage]:
    """The rows of one product; an image that it has shown before is a repeat."""
    rows: list[DocumentImage] = []
    seen: set[str] = set()
    for document in documents:
        without_image = _document_row(audit_date, product, document)
        for placement in document.placements:
            key = placement.file if placement.used else None
            is_repeat = key is not None and placement.digest in seen
            seen |= {placement.digest} if key is not None else set()
            rows.append(_image_row(without_image, placement, None if is_repeat else key, is_repeat=is_repeat))
        if not document.placements:
            rows.append(without_image)
    return rows


def _document_row(audit_date: str, product: PlannedProduct, document: _Document) -> DocumentImage:
    """The row of a document without an image."""
    return {
        "audit_date": audit_date,
        "product_id": product.product_id,
        "document": document.uri,
        "document_status": document.status,
        "document_detail": document.detail,
        "document_sha256": document.sha256,
        "document_pages": document.pages,
        "page": None,
        "bbox": None,
        "width": None,
        "height": None,
        "digest": None,
        "kind": None,
        "image_class": None,
        "photo_probability": None,
        "used": False,
        "reason": None,
        "image_key": None,
        "image": None,
        "run_id": product.run_id,
        "schema_version": SCHEMA_VERSION,
    }


def _image_row(document: DocumentImage, placement: Placement, key: str | None, *, is_repeat: bool) -> DocumentImage:
    """The row of an image of the document; `key`, of the stored image, is None where it is not used."""
    return {
        **document,
        "page": placement.page,
        "bbox": list(placement.bbox),
        "width": placement.width,
        "height": placement.height,
        "digest": placement.digest,
        "kind": placement.kind,
        "image_class": placement.image_class,
        "photo_probability": placement.photo_probability,
        "used": key is not None,
        "reason": "repeat" if is_repeat else placement.reason,
        "image_key": key,
    }
