"""The sample that ships: complete, small, made by its script, and read by the extractor as it was meant."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extractors import extract_document
from jobs.sample import SAMPLE, check
from jobs.sample.check import compare, read_expected
from jobs.sample.make_sample import CASES, FIRST_SEED, Case, make_sample
from jobs.storage import open_storage
from jobs.tables.catalogue import read_catalogue
from scott_core.data.synthetic.toys import toy_kind
from scott_core.errors import InputError
from tests.jobs.audit.test_carry import DAYS, audit
from tests.jobs.review.label_studio import reviewed
from tests.jobs.small_catalogue import add_product, picture, report

READABLE = [case for case in CASES if case.form not in ("encrypted", "truncated", "none")]


def test_every_case_ships_with_its_verdict() -> None:
    products = {product.product_id: product for product in read_catalogue(open_storage(str(SAMPLE)))}
    assert read_expected() == {case.product_id: (case.verdict, case.reason or None) for case in CASES}
    assert sorted(products) == sorted(read_expected())
    for case in CASES:
        product = products[case.product_id]
        assert len(product.image_uris) == case.n_images
        assert len(product.document_uris) == {"none": 0, "two": 2}.get(case.form, 1)


def test_it_is_small_and_was_never_trained_on() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 8e6
    assert min(case.toy for case in CASES) >= 0
    assert FIRST_SEED == 900_000


def test_wrong_products_are_of_the_same_kind_or_not_as_meant() -> None:
    wrong = [case for case in CASES if case.shown is not None]
    same = [toy_kind(FIRST_SEED + case.toy) == toy_kind(FIRST_SEED + (case.shown or 0)) for case in wrong]
    assert same == [True, True, False]
    assert {case.verdict for case in wrong} == {"no_match"}


def test_the_check_compares_what_the_machine_says_in_the_audit_that_ran_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage(str(tmp_path / "root"))
    add_product(storage, "P1", [picture(1)], [report(picture(1))])
    monkeypatch.setattr(check, "read_expected", lambda: {"P1": ("match", None)})
    audit(storage, DAYS[1])
    reviewed(storage, tmp_path / "tasks", DAYS[1], {"P1": "no match"})
    audit(storage, DAYS[0], "the day before", hour=5)
    table, as_expected = compare(storage.root)
    assert as_expected
    assert table.splitlines()[1].split() == ["P1", "no_match", "-", "0.947", "reviewed", "yes"]
    assert f"audit of {DAYS[0]}: 1 of 1 products" in table
    monkeypatch.setattr(check, "read_expected", lambda: {"P1": ("no_match", None)})
    table, as_expected = compare(storage.root)
    assert not as_expected
    assert "NO: no_match\n" in table


@pytest.mark.parametrize("case", READABLE, ids=lambda case: f"{case.product_id}-{case.embedding}-{case.form}")
def test_the_extractor_finds_the_photographs_and_nothing_else(case: Case, tmp_path: Path) -> None:
    folder = SAMPLE / "catalogue" / case.product_id / "documents"
    found = [extract_document(path, tmp_path / path.stem) for path in sorted(folder.iterdir())]
    assert {extraction.status for extraction in found} == {"ok"}
    used = [placement for extraction in found for placement in extraction.images if placement.used]
    assert len(used) == case.n_photos
    for placement in used:
        x0, y0, x1, y1 = placement.bbox
        assert (x1 - x0, y1 - y0) == pytest.approx((250, 250), abs=12)  # points, as the report places them


@pytest.mark.slow
def test_the_script_makes_what_is_committed(tmp_path: Path) -> None:
    pytest.importorskip("pybullet", reason="pybullet is not installed: toys cannot be rendered")
    make_sample(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {
        p.relative_to(SAMPLE) for p in SAMPLE.rglob("*") if p.is_file() and p.suffix in (".jpg", ".pdf", ".csv")
    }
    for name in sorted(path for path in made if path.suffix == ".jpg"):
        pixels = [np.asarray(Image.open(root / name), dtype=float) for root in (tmp_path, SAMPLE)]
        assert np.abs(pixels[0] - pixels[1]).mean() < 2, name  # another CPU may round otherwise


def test_without_pybullet_the_sample_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)  # importing it now fails as if it were not installed
    (tmp_path / "catalogue").mkdir()
    with pytest.raises(InputError, match="needs pybullet"):
        make_sample(tmp_path)
    assert (tmp_path / "catalogue").is_dir()
