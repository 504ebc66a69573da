"""What is no photograph is set aside with a reason; photographs are kept."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pymupdf
import pytest

from extractors import extract_document
from extractors.classifier import classify as classify_module
from extractors.classifier.classify import CLASSES, classify, load_network
from extractors.classifier.features import FEATURES, Origin, measure
from extractors.classifier.training import codes
from extractors.classifier.training.__main__ import GRAPHICS
from tests.extractors import pdfs

Picture = Callable[[pdfs.Pixels], pdfs.Pixels]


def test_logo_tiny_picture_and_rule_are_set_aside_with_a_reason(tmp_path: Path) -> None:
    rule = np.zeros((40, 500, 3), np.uint8)
    rule[:36] = 255
    tiny = pdfs.photograph(1, 20, 20)
    pictures = [((40.0, 20.0), pdfs.logo()), ((40.0, 200.0), tiny), ((40.0, 300.0), rule)]
    pictures.append(((40.0, 400.0), pdfs.photograph(6)))
    extraction = extract_document(pdfs.with_pictures(tmp_path / "a.pdf", pictures), tmp_path)
    assert extraction.status == "ok"
    logo, small, line, photo = extraction.images
    assert (logo.image_class, logo.used, logo.file is not None) == ("logo", False, True)
    assert (small.image_class, small.used, small.file) == ("too_small", False, None)
    assert (line.image_class, line.used) == ("line", False)
    assert (photo.image_class, photo.used, photo.reason) == ("photo", True, None)
    for image in (logo, small, line):
        assert image.reason is not None
        assert image.reason.startswith(f"{image.image_class}: ")
    assert re.fullmatch(r"logo: probability 0\.\d\d; photo 0\.\d\d", str(logo.reason))


def test_a_letterhead_is_set_aside_after_its_first_and_a_repeated_photograph_is_not(tmp_path: Path) -> None:
    head, photo = pdfs.photograph(7, 50, 120), pdfs.photograph(8)
    pages = [[((40.0, 20.0), head), ((60.0, 100.0 + 40 * number), photo)] for number in range(3)]
    extraction = extract_document(pdfs.with_pictures(tmp_path / "a.pdf", *pages), tmp_path)
    first, *later = [(image.image_class, image.used) for image in extraction.images[::2]]
    assert first == ("photo", True)
    assert later == [("letterhead", False)] * 2
    assert [(image.image_class, image.used) for image in extraction.images[1::2]] == [("photo", True)] * 3
    assert extraction.images[2].reason == "letterhead: at the same place of 3 of 3 pages; that of page 1 is used"


def test_a_full_page_background_under_text_is_no_scan(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_image(page.rect, stream=pdfs.png(pdfs.photograph(9, 842, 595)))
    for line in range(30):
        page.insert_text((50, 60 + 20 * line), "The sample was conditioned at 23 degrees.")
    extraction = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    assert [(image.image_class, image.used) for image in extraction.images] == [("background", False)]


@pytest.mark.parametrize("origin", ["embedded", "scanned"])
def test_features_are_shares(origin: Origin) -> None:
    one_colour = [np.full((40, 40, 3), level, np.uint8) for level in (0, 128, 255)]
    for pixels in (pdfs.photograph(1), pdfs.logo(), *one_colour, np.zeros((1, 60, 3), np.uint8)):
        features = measure(pixels, origin)
        assert features.shape == (len(FEATURES),)
        assert ((features >= 0) & (features <= 1)).all()


def test_a_margin_changes_no_feature_but_by_its_resampling() -> None:
    photo = pdfs.photograph(3, 200, 240)
    framed = np.pad(photo, ((40, 40), (30, 30), (0, 0)), constant_values=255)
    assert np.abs(measure(photo, "embedded") - measure(framed, "embedded")).max() < 1e-9


def test_features_of_a_picture_whose_measures_are_known() -> None:
    """Four black bars of six pixels, ten of white between them, over the whole height."""
    row = np.tile(np.repeat(np.array([0, 255], np.uint8), (6, 10)), 4)[:-10]
    pixels = np.repeat(np.repeat(row[None, :, None], 48, axis=0), 3, axis=2)
    value = dict(zip(FEATURES, measure(pixels, "embedded").tolist(), strict=True))
    assert value["saturation"] == value["soft_steps"] == value["diagonal"] == 0
    assert value["two_tone"] == value["upright"] == 1
    assert value["bars"] == pytest.approx(1)
    assert value["bar_changes"] == pytest.approx(6 / 128)
    assert value["row_runs"] == pytest.approx(6 / 64)
    assert value["column_runs"] == 0
    assert value["wide"] == pytest.approx(54 / (54 + 48))


def test_finder_patterns_are_counted_in_qr_codes_alone() -> None:
    place, rng = FEATURES.index("finders"), np.random.default_rng(1)
    found = [measure(codes.qr_code(rng), "embedded")[place] for _ in range(10)]
    others = [
        measure(make(rng), "embedded")[place] for make in (*GRAPHICS["text"], *GRAPHICS["table"]) for _ in range(10)
    ]
    assert np.median(found) > 2 * max(np.median(others), 0.02)


def test_drawn_barcodes_are_what_a_reader_reads() -> None:
    """OpenCV's readers are independent of our encoders."""
    for digits in ([4, 0, 0, 6, 3, 8, 1, 3, 3, 3, 9, 3], [9, 7, 8, 0, 2, 0, 1, 3, 7, 9, 6, 2]):
        row = np.array([255 * (bit == "0") for bit in codes.ean13(digits)], np.uint8)
        read = set()
        for module in (2, 3, 4):  # its detector misses some sizes
            bars = np.repeat(np.repeat(row[None], 60 * module, axis=0), module, axis=1)
            page = cv2.GaussianBlur(np.pad(bars, 60, constant_values=255), (0, 0), 0.7)
            read.add(cv2.barcode.BarcodeDetector().detectAndDecode(np.repeat(page[..., None], 3, axis=2))[0][:-1])
        assert read - {""} == {"".join(map(str, digits))}
    rng = np.random.default_rng(2)
    read = [cv2.QRCodeDetector().detectAndDecode(codes.qr_code(rng))[0] for _ in range(5)]
    assert sum(text.startswith("https://") for text in read) >= 4


@pytest.mark.parametrize("name", GRAPHICS)
@pytest.mark.parametrize("origin", ["embedded", "scanned"])
def test_drawn_graphics_are_told_from_photographs_and_from_each_other(name: str, origin: Origin) -> None:
    """Fresh drawings, of another seed than the training's, ten of each kind."""
    rng = np.random.default_rng(12345)
    given = [classify(make(rng), origin).image_class for make in GRAPHICS[name] for _ in range(10)]
    assert given.count("photo") <= 0.1 * len(given)
    assert given.count(name) >= 0.6 * len(given), given


def test_blank_and_line_are_definitions() -> None:
    assert classify(np.full((90, 120, 3), 250, np.uint8), "embedded").image_class == "blank"
    rule = np.full((40, 500, 3), 255, np.uint8)
    rule[18:22, 20:480] = 0
    assert classify(rule, "embedded").image_class == "line"


def test_probabilities_sum_to_one_and_move_with_the_features() -> None:
    features = np.stack([measure(pixels, "embedded") for pixels in (pdfs.photograph(1), pdfs.logo())])
    probabilities = load_network("embedded").probabilities(features)
    assert probabilities.shape == (2, len(CLASSES))
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert [CLASSES[place] for place in probabilities.argmax(axis=1)] == ["photo", "logo"]


def test_weights_of_other_features_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = json.loads(classify_module.WEIGHTS.read_text())
    other = tmp_path / "classes.json"
    other.write_text(json.dumps(shipped | {"features": shipped["features"][::-1]}))
    monkeypatch.setattr(classify_module, "WEIGHTS", other)
    load_network.cache_clear()
    with pytest.raises(ValueError, match="other features than the code"):
        load_network("embedded")
    load_network.cache_clear()


def _grey(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)


def _small(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA), np.uint8)


def _pale(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return (255 - (255 - pixels.astype(np.float32)) * 0.3).astype(np.uint8)


def _dark(pixels: pdfs.Pixels) -> pdfs.Pixels:
    return (pixels * 0.35).astype(np.uint8)


def _jpeg(pixels: pdfs.Pixels) -> pdfs.Pixels:
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 25])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("change", [np.asarray, _grey, _small, _pale, _dark, _jpeg], ids=lambda change: change.__name__)
def test_real_photographs_are_kept(shared_data: Path, change: Picture) -> None:
    with (shared_data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"][::6]
    kept = []
    for row in rows:
        pixels = cv2.imread(str(shared_data / row["image"]), cv2.IMREAD_COLOR_RGB)
        assert pixels is not None
        kept.append(classify(change(np.asarray(pixels, np.uint8)), "embedded").image_class == "photo")
    assert np.mean(kept) > 0.97
