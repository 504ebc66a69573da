"""The cost of a night of which nothing changed, at sizes whose first night would take days.

    python -m jobs.bench.growth.unchanged WORKDIR PRODUCTS

audits five products, writes PRODUCTS like them and the tables of a night before as if it had audited them all, and then
measures every step of a real second night. All files of a kind are few files with many names, so that a million
products fit on a small disk.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jobs.audit.carry import read_versions
from jobs.audit.run import run_audit
from jobs.bench.growth import audits
from jobs.storage import open_storage
from jobs.tables import keys
from jobs.tables.bucket import Bucket
from jobs.tables.plan import PlannedProduct, planned_buckets
from jobs.tables.rows import NewRows, read_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, INPUT_VERSIONS, PAIR_SCORES, VERDICTS, Table

RUN = audits.ARGUMENTS["run_name"]
LINKS = 30_000  # names of one file; ext4 allows 65,000
COPIED: tuple[Table[Any], ...] = (DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS)
Rows = dict[str, list[Any]]  # of one product, by the name of their table


def write_names(file: Path, names: Sequence[Path]) -> None:
    """Gives a file many names, copying it where one file cannot have them all."""
    for start in range(0, len(names), LINKS):
        first, *others = names[start : start + LINKS]
        first.write_bytes(file.read_bytes())
        for name in others:
            os.link(first, name)


def models(root: Path) -> list[Rows]:
    """The rows of five audited products, and under `root` their files."""
    audits.write_catalogue(root, len(audits.REPORTS), with_files=True)
    run_audit(str(root), audits.DAY, run_name=RUN, requested_at=f"{audits.DAY}T00:00:00+00:00")
    storage = open_storage(str(root))
    found: dict[str, Rows] = defaultdict(lambda: defaultdict(list))
    for bucket, table in itertools.product(planned_buckets(storage, audits.DAY), COPIED):
        for row in read_rows(storage, table, audits.DAY, bucket):
            found[row["product_id"]][table.name].append(row)
    return [found[name] for name in sorted(found)]


def as_of(product: PlannedProduct, row: Any, evidence_uri: str) -> Any:
    """The row of a model as one of the product."""
    own = dict(row, product_id=product.product_id, run_id=product.run_id)
    uris = dict.fromkeys(("catalogue_image", "best_catalogue_image"), product.image_uris[0])
    uris |= dict.fromkeys(("document", "best_document"), product.document_uris[0])
    uris |= {"evidence_uri": evidence_uri}
    return own | {name: uri for name, uri in uris.items() if own.get(name) is not None}


def write_night(root: Path, n: int) -> None:
    """The catalogue of n products, and what the night of DAY would have written."""
    rows = models(root / "models")
    audits.write_catalogue(root, n, with_files=False)
    evidence = root / keys.EVIDENCE / f"audit_date={audits.DAY}"
    evidence.mkdir(parents=True)
    files, drawn = root / "catalogue/files", sorted((root / "models" / keys.EVIDENCE).rglob("*.jpg"))
    for number, kind in itertools.product(range(len(rows)), ("jpg", "pdf")):
        names = [files / f"P{product:07d}.{kind}" for product in range(number, n, len(rows))]
        write_names(root / f"models/catalogue/files/P{number:07d}.{kind}", names)
    write_names(drawn[0], [evidence / f"P{product:07d}.jpg" for product in range(n)])
    audits.plan(root)
    storage, run_id = open_storage(str(root)), f"000001-{RUN}"
    for bucket in tqdm(planned_buckets(storage, audits.DAY), desc="the night before", unit="bucket"):
        here = Bucket.open(str(root), audits.DAY, bucket, run_id)
        products = here.products()
        here.replace(NewRows.of(INPUT_VERSIONS, read_versions(here, products)))
        for table in COPIED:
            new = NewRows(table)
            for product in products:
                uri = storage.uri(keys.evidence_key(audits.DAY, product.product_id))
                model = rows[int(product.product_id[1:]) % len(rows)][table.name]
                new.add(product.product_id, [as_of(product, row, uri) for row in model])
            here.replace(new)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m jobs.bench.growth.unchanged", description=main.__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("products", type=int)
    asked = parser.parse_args(arguments)
    write_night(asked.workdir, asked.products)
    audits.show(asked.products, audits.audit(asked.workdir, audits.SAME, None))


if __name__ == "__main__":
    main(sys.argv[1:])
