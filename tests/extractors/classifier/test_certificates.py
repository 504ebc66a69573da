"""Documents that show no photograph have no used image: certificates on security paper, seals and parts of them, maps.

They are drawn with Pillow, apart from the drawings that the classifier is trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from extractors import extract_document
from tests.extractors import pdfs

Colour = tuple[int, int, int]


def seal(side: int, metal: Colour) -> Image.Image:
    """A medal with a pleated rim, shaded towards its edge, with rings and letters."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    light = np.clip(1.15 - 0.35 * radius + 0.12 * np.cos(36 * angle) * (radius > 0.75), 0, 1.2)
    pixels = np.clip(np.array(metal) * light[..., None], 0, 255)
    pixels[radius > 0.96 + 0.03 * np.cos(36 * angle)] = 255
    image = Image.fromarray(pixels.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    dark = (metal[0] // 2, metal[1] // 2, metal[2] // 2)
    for share in (0.72, 0.68, 0.4):
        reach = side * share / 2
        draw.ellipse((side / 2 - reach, side / 2 - reach, side / 2 + reach, side / 2 + reach), outline=dark, width=3)
    draw.text((side * 0.36, side * 0.42), "TESTED", dark, ImageFont.load_default(size=side / 12))
    return image


def certificate(seed: int) -> Image.Image:
    """A page on security paper: rosettes of fine lines, a frame, a title, text, a seal and a signature."""
    rng = np.random.default_rng(seed)
    page = Image.new("RGB", (1240, 1754), tuple(rng.integers(236, 254, 3).tolist()))
    draw = ImageDraw.Draw(page)
    tint = tuple(rng.integers(170, 225, 3).tolist())
    turn = np.linspace(0, 2 * math.pi, 400)
    for centre in ((620, 877), (300, 500), (940, 1250)):
        for petal in range(24):
            reach = 260 + 120 * np.cos(turn * 7 + petal / 4)
            line = np.stack([centre[0] + reach * np.cos(turn), centre[1] + reach * np.sin(turn)], 1)
            draw.line([tuple(point) for point in line.tolist()], tint, 2)
    for inset, width in ((40, 12), (62, 3)):
        draw.rectangle((inset, inset, 1240 - inset, 1754 - inset), outline=(60, 80, 120), width=width)
    draw.text((330, 180), "CERTIFICATE OF CONFORMITY", (40, 60, 110), ImageFont.load_default(size=46))
    for row in range(18):
        text = " ".join("".join(rng.choice(list("aeinorst"), int(rng.integers(2, 9)))) for _ in range(9))
        draw.text((180, 330 + 46 * row), text, (40, 40, 40), ImageFont.load_default(size=26))
    metal: Colour = [(222, 184, 80), (190, 60, 60), (70, 90, 170)][seed % 3]  # type: ignore[assignment]
    page.paste(seal(300, metal), (180, 1330))
    path = np.stack([np.linspace(700, 1050, 40), 1450 + 40 * np.sin(np.linspace(0, 20, 40) + rng.normal(0, 1, 40))], 1)
    draw.line([tuple(point) for point in path.tolist()], (30, 40, 130), 5)
    return page


def plan(seed: int) -> Image.Image:
    """A map: plots, water, roads and names."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (900, 700), (240, 238, 228))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = rng.integers(0, 900), rng.integers(0, 700)
        corners = [(int(x + dx), int(y + dy)) for dx, dy in rng.integers(-90, 90, (5, 2))]
        draw.polygon(corners, fill=tuple(rng.choice([[205, 230, 190], [225, 220, 205], [170, 205, 230]]).tolist()))
    for _ in range(9):
        ends = rng.integers(0, 900, (3, 2)).tolist()
        draw.line([tuple(end) for end in ends], (250, 215, 120), int(rng.integers(4, 14)))
    for _ in range(25):
        place = (int(rng.integers(0, 850)), int(rng.integers(0, 680)))
        draw.text(place, "Nordweg", (70, 70, 70), ImageFont.load_default(size=18))
    return image


def scanned(image: Image.Image, seed: int) -> pdfs.Pixels:
    """The page as a scanner gives it: soft, with grain and JPEG."""
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), np.float64)
    return np.clip(soft + np.random.default_rng(seed).normal(0, 2.5, soft.shape), 0, 255).astype(np.uint8)


def page_of(path: Path, *images: tuple[tuple[float, float, float, float], pdfs.Pixels]) -> Path:
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    for box, pixels in images:
        page.insert_image(pymupdf.Rect(box), stream=pdfs.encoded(pixels, "JPEG", quality=80))
    return pdfs.save(document, path)


def scanned_certificate(path: Path, seed: int) -> Path:
    return page_of(path, ((0, 0, 595, 842), scanned(certificate(seed), seed)))


def seals_and_slivers(path: Path, seed: int) -> Path:
    """Three seals, two of them cut as programs cut what they place."""
    metals: tuple[Colour, ...] = ((222, 184, 80), (190, 60, 60), (70, 90, 170))
    first, second, third = (np.asarray(seal(320, metals[(seed + place) % 3])) for place in range(3))
    return page_of(
        path,
        ((60, 80, 220, 240), first),
        ((300, 80, 460, 120), np.ascontiguousarray(second[120:200])),
        ((60, 400, 100, 560), np.ascontiguousarray(third[:, 40:120])),
    )


def maps(path: Path, seed: int) -> Path:
    return page_of(path, ((60, 80, 510, 430), np.asarray(plan(seed))))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("build", [scanned_certificate, seals_and_slivers, maps], ids=lambda build: build.__name__)
def test_a_document_without_a_photograph_has_no_used_image(
    build: Callable[[Path, int], Path], seed: int, tmp_path: Path
) -> None:
    extraction = extract_document(build(tmp_path / "a.pdf", seed), tmp_path)
    assert extraction.status == "ok"
    assert not [(image.page, image.bbox, image.photo_probability) for image in extraction.images if image.used]
