"""The samples of a training run: photographs of the manifest and drawn graphics, spoilt as reports spoil them.

The photographs are the manifest's rows of one split, as reports show them (photographs.py); every other class is
drawn (GRAPHICS). All are resized, compressed, printed and scanned alike, so that no trace of it tells a class.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from extractors.classifier.classify import CLASSES
from extractors.classifier.features import Features, Origin, measure
from extractors.classifier.training import (
    certificates,
    charts,
    codes,
    diagrams,
    handmade,
    icons,
    logos,
    screens,
    sheets,
)
from extractors.classifier.training.canvas import Rng
from extractors.classifier.training.photographs import photograph, plain_object, rendered_object, side_by_side
from extractors.model import Pixels

Labels = npt.NDArray[np.int64]
Drawing = Callable[[Rng], Pixels]

ORIGINS: tuple[Origin, ...] = ("embedded", "scanned")
SEEDS = {"train": 7, "val": 8}  # of the random numbers, by split
PHOTOGRAPHS = {"train": 3500, "val": 700}  # samples of the class photo, by split
RENDERINGS = {"train": 800, "val": 100}  # samples of the class photo that are rendered, by split
DRAWINGS = {"train": 600, "val": 100}  # samples of each other class, by split
PLAIN_OBJECTS = 0.08  # share of the photographs that are drawn: the manifest has nothing like a plain box
MONTAGES = 0.08  # share of the photographs that show two side by side
SLIVERS = 0.12  # share of the drawings of which a part is shown
GRAPHICS: dict[str, tuple[Drawing, ...]] = {
    "logo": (
        *(logos.word_logo, logos.shapes_logo, logos.ce_mark, logos.certification_mark),
        *(logos.banner, logos.shaded_logo, logos.word_logo),
    ),
    "icon": (icons.symbol, icons.symbol, icons.app_icon),
    "barcode": (codes.barcode, codes.barcode, codes.stacked_barcode),
    "qr_code": (codes.qr_code, codes.qr_code, codes.data_matrix),
    "signature": (handmade.signature,),
    "stamp": (handmade.stamp, handmade.stamp, certificates.seal),
    "chart": (
        *(charts.plot, charts.plot, charts.analyser_screen, charts.analyser_screen),
        *(charts.pie, charts.heat_map, charts.polar, charts.relief, charts.relief, charts.shaded_columns),
    ),
    "table": (sheets.table,),
    "text": (sheets.paragraphs, sheets.short_text, sheets.enlarged_text, certificates.certificate_page),
    "diagram": (
        *(diagrams.block_diagram, diagrams.circuit, diagrams.line_drawing, diagrams.rendering, diagrams.map_sheet),
        *(diagrams.cartoon, screens.software_window, screens.phone_screen, diagrams.engraving, diagrams.decoration),
        *(certificates.panel, certificates.mesh, diagrams.mascot, diagrams.engraving),
    ),
}


def spoil(rng: Rng, pixels: Pixels, origin: Origin) -> Pixels:
    """An image as reports carry it: resized, compressed, sometimes grey; with origin "scanned" printed and scanned."""
    scale = rng.uniform(0.3, 1.5)
    height, width = (max(int(side * scale), 40) for side in pixels.shape[:2])
    pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.12:
        pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.06:
        coarse = rng.uniform(0.25, 0.6)
        small = cv2.resize(
            pixels, (max(int(width * coarse), 24), max(int(height * coarse), 24)), interpolation=cv2.INTER_AREA
        )
        pixels = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if origin == "scanned":
        paper = rng.uniform(0.88, 1.0, 3) * rng.uniform(0.95, 1.0)
        noisy = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.2)) * paper
        pixels = np.clip(noisy + rng.normal(0, rng.uniform(0.5, 4), noisy.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))]
        encoded = cv2.imencode(".jpg", pixels[..., ::-1], quality)[1]
        pixels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8)
    return np.ascontiguousarray(pixels)


def samples(root: Path, split: str, origin: Origin) -> tuple[Features, Labels]:
    """Features [N, F] and labels [N] (indices into CLASSES) of one split; `root` is the folder of both manifests."""
    rows = _rows(root / "manifest.csv", split)
    rendered = [row for row in _rows(root / "objects3d" / "manifest.csv", split) if row["kind"] != "photo"]
    rng = np.random.default_rng(SEEDS[split])
    features, labels = [], []
    for index in rng.integers(0, len(rows), PHOTOGRAPHS[split]):
        pixels = plain_object(rng) if rng.random() < PLAIN_OBJECTS else photograph(rng, root, rows[int(index)])
        if rng.random() < MONTAGES:
            pixels = side_by_side(rng, pixels, photograph(rng, root, rows[int(rng.integers(len(rows)))]))
        features.append(measure(spoil(rng, pixels, origin), origin))
        labels.append(0)
    for name, drawings in GRAPHICS.items():
        for index in range(DRAWINGS[split]):
            drawing = drawings[index % len(drawings)](rng)
            if rng.random() < SLIVERS:
                drawing = certificates.sliver(rng, drawing)
            features.append(measure(spoil(rng, drawing, origin), origin))
            labels.append(CLASSES.index(name))
    rng = np.random.default_rng((SEEDS[split], 1))  # a stream of its own: their number changes no other sample
    for index in rng.integers(0, len(rendered), RENDERINGS[split]):
        features.append(measure(spoil(rng, rendered_object(rng, root, rendered[int(index)]), origin), origin))
        labels.append(0)
    return np.array(features), np.array(labels)


def _rows(manifest: Path, split: str) -> list[dict[str, str]]:
    """The rows of one split."""
    with manifest.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]
