"""Makes the sample catalogue: python -m jobs.sample.make_sample (its output is committed).

Toys have seeds from FIRST_SEED on; training uses only seeds below it, so no object of the sample was trained on. The
views of the reports differ from those of the catalogue in pose, viewpoint, light and background. Made again, the files
are equal byte for byte, but for the encrypted report, whose cipher draws random numbers. Toys need pybullet.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pymupdf
from PIL import Image
from tqdm import tqdm

from jobs.sample import SAMPLE
from jobs.sample.photographs import cut_out, photograph
from jobs.sample.reports import make_report, save, scanned
from scott_core.data.synthetic.toys import import_pybullet
from scott_core.errors import InputError

FIRST_SEED = 900_000
CANARIES = ("TOY-0001", "TOY-0008")  # products of CASES
CATALOGUE_BACKGROUNDS = ("studio", "gradient", "wood")
REPORT_BACKGROUNDS = ("room", "fabric")
PASSWORD = "sealed"
AES_256: int = pymupdf.mupdf.PDF_ENCRYPT_AES_256


@dataclass(frozen=True)
class Case:
    """One product: its toy, the toy in its report, how the report is made, and the verdict that an audit must give."""

    product_id: str
    title: str
    toy: int  # added to FIRST_SEED
    verdict: str
    reason: str = ""
    shown: int | None = None  # the toy in the report, where it is another one
    n_images: int = 3
    n_photos: int = 1
    embedding: str = "jpeg"
    form: str = "plain"  # plain | rotated | scanned | two | encrypted | truncated | none


CASES = (
    Case("TOY-0001", "Spotted cow", 116, "match", n_photos=2),
    Case("TOY-0002", "Tipper lorry", 89, "match", embedding="soft_mask"),
    Case("TOY-0003", "Two-coloured mug", 104, "match", embedding="cmyk", n_images=2),
    Case("TOY-0004", "Plush dog", 50, "match", form="rotated"),
    Case("TOY-0005", "Wooden caterpillar", 100, "match", embedding="inline", n_images=2),
    Case("TOY-0006", "Patchwork engine", 125, "match", form="scanned", n_photos=2),
    Case("TOY-0007", "Sailing boat", 39, "match", form="two", n_images=2),
    Case("TOY-0008", "Tractor pick-up", 47, "no_match", shown=117, n_photos=2),
    Case("TOY-0009", "Robot with antenna", 105, "no_match", shown=63),
    Case("TOY-0010", "Parrot", 43, "no_match", shown=66, n_images=2),
    Case("TOY-0011", "Biplane", 96, "undecided", "no_document_images", n_photos=0, n_images=2),
    Case(
        "TOY-0012",
        "Plush bear",
        78,
        "undecided",
        "document_unreadable:encrypted",
        form="encrypted",
        n_images=2,
    ),
    Case(
        "TOY-0013",
        "Doll's shirt",
        59,
        "undecided",
        "document_unreadable:damaged",
        form="truncated",
        n_images=2,
    ),
    Case("TOY-0014", "Striped rocket", 108, "undecided", "no_document", form="none", n_images=2),
)


def make_sample(out: Path) -> None:
    """Writes out/catalogue, with its canaries, and out/expected.csv anew.

    Raises InputError, and touches nothing, without pybullet.
    """
    import_pybullet()
    shutil.rmtree(out / "catalogue", ignore_errors=True)
    for case in tqdm(CASES, unit="product"):
        _write_images(case, out / "catalogue" / case.product_id / "images")
        if case.form != "none":
            _write_documents(case, out / "catalogue" / case.product_id / "documents")
    known = [(case.product_id, case.verdict) for case in CASES if case.product_id in CANARIES]
    _write_table(out / "catalogue" / "canaries.csv", ("product_id", "verdict"), known)
    expected = [(case.product_id, case.verdict, case.reason) for case in CASES]
    _write_table(out / "expected.csv", ("product_id", "verdict", "reason"), expected)


def _write_table(path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([header, *rows])


def _write_images(case: Case, folder: Path) -> None:
    folder.mkdir(parents=True)
    for view in range(case.n_images):
        image = photograph(FIRST_SEED + case.toy, view, CATALOGUE_BACKGROUNDS[view])
        image.save(folder / f"{view + 1}.jpg", quality=88)


def _write_documents(case: Case, folder: Path) -> None:
    folder.mkdir(parents=True)
    seed = FIRST_SEED + (case.toy if case.shown is None else case.shown)
    photos: list[Image.Image] = []
    for index in range(case.n_photos):
        view = 10 + index
        soft = case.embedding == "soft_mask"
        photos.append(cut_out(seed, view) if soft else photograph(seed, view, REPORT_BACKGROUNDS[index]))
    number = f"NTH-26-{case.product_id[-4:]}"
    report = make_report(number, case.title, photos, case.embedding, rotated=case.form == "rotated")
    path = folder / "test-report.pdf"
    if case.form == "scanned":
        scanned(report, 2, seed)
    elif case.form == "two":
        save(make_report(f"{number}-D", case.title, []), folder / "declaration.pdf")
    if case.form == "encrypted":
        save(report, path, encryption=AES_256, user_pw=PASSWORD, owner_pw=PASSWORD)
    elif case.form == "truncated":
        save(report, path, use_objstms=1)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        save(report, path)


if __name__ == "__main__":
    try:
        make_sample(SAMPLE)
    except InputError as error:
        sys.exit(f"make_sample: {error}")
