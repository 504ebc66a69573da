"""A photograph as wide as the page that fades into white is read whole; an image on a scanned page is not the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from extractors import Extractor, Placement
from tests.extractors import pdfs

PHOTO = pdfs.photograph(4, 300, 400)
HEIGHT, WIDTH = PHOTO.shape[:2]
ACROSS, DOWN = (np.linspace(0, 255, count) for count in (WIDTH, HEIGHT))
Y, X = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
FADES = {
    "at the left": np.tile(ACROSS, (HEIGHT, 1)),
    "at the top": np.tile(DOWN[:, None], (1, WIDTH)),
    "at the top and the left": np.minimum(ACROSS[None], DOWN[:, None]),
    "a sky": np.tile(np.clip(2 * DOWN - 220, 0, 255)[:, None], (1, WIDTH)),
}
AROUND = np.clip(380 * (1 - np.hypot(X, Y)), 0, 255)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as one:
        yield one


def _only(
    extractor: Extractor, path: Path, pixels: pdfs.Pixels, percent: int, mask: npt.NDArray[np.float64] | None = None
) -> Placement:
    """The only placement of a raster that is so many percent as wide and high as its page."""
    objects = {
        "i": (pdfs.image_dictionary(pixels, "DeviceRGB", "/SMask {m}" if mask is not None else ""), pixels.tobytes())
    }
    if mask is not None:
        alpha = mask.astype(np.uint8)
        objects["m"] = (pdfs.image_dictionary(alpha, "DeviceGray"), alpha.tobytes())
    height, width = pixels.shape[:2]
    sides = (
        width * percent // 100,
        height * percent // 100,
        width * (100 - percent) // 200,
        height * (100 - percent) // 200,
    )
    content = b"q %d 0 0 %d %d %d cm /I Do Q" % sides
    pages = [(content, f"/MediaBox[0 0 {width} {height}]")]
    pdf = pdfs.raw_document(path / "a.pdf", pages, objects, "/XObject<</I {i}>>")
    extraction = extractor.extract(pdf, path / "out")
    assert extraction.status == "ok"
    (image,) = extraction.images
    return image


@pytest.mark.parametrize("percent", [100, 90, 80])
@pytest.mark.parametrize("baked", [False, True], ids=["soft mask", "baked in"])
@pytest.mark.parametrize("fade", FADES)
def test_a_photograph_that_fades_is_whole(
    fade: str, baked: bool, percent: int, extractor: Extractor, tmp_path: Path
) -> None:
    share = FADES[fade][..., None] / 255
    pixels = (share * PHOTO + (1 - share) * 255).astype(np.uint8) if baked else PHOTO
    image = _only(extractor, tmp_path, pixels, percent, None if baked else FADES[fade])
    assert (image.kind, image.used, (image.width, image.height)) == ("embedded", True, (WIDTH, HEIGHT))
    left, top = WIDTH * (100 - percent) / 200, HEIGHT * (100 - percent) / 200
    assert image.bbox == pytest.approx((left, top, WIDTH - left, HEIGHT - top), abs=1)


def test_a_photograph_that_fades_at_all_sides_is_whole(extractor: Extractor, tmp_path: Path) -> None:
    image = _only(extractor, tmp_path, PHOTO, 100, AROUND)
    assert (image.kind, image.used, (image.width, image.height)) == ("embedded", True, (WIDTH, HEIGHT))


@pytest.mark.parametrize("place", [(0, 0), (1240 - 400, 900), (420, 500)], ids=["top left", "right", "middle"])
def test_a_photograph_on_a_scan_with_print_is_a_region(
    place: tuple[int, int], extractor: Extractor, tmp_path: Path
) -> None:
    pdf = pdfs.scanned(tmp_path / "a.pdf", [(place, PHOTO)])
    (image,) = extractor.extract(pdf, tmp_path / "out").images
    assert (image.kind, image.used) == ("scan_region", True)
    assert image.width < 500


def test_a_photograph_alone_on_a_scan_is_a_region(extractor: Extractor, tmp_path: Path) -> None:
    page = np.random.default_rng(1).integers(232, 244, (1100, 800, 3), dtype=np.uint8)
    page[300 : 300 + HEIGHT, 200 : 200 + WIDTH] = PHOTO
    image = _only(extractor, tmp_path, page, 100)
    assert (image.kind, image.used) == ("scan_region", True)
    assert image.bbox == pytest.approx((200, 300, 600, 600), abs=8)


@pytest.mark.parametrize("corner", [0, 60], ids=["opaque", "rounded"])
def test_photographs_on_a_sheet_with_a_mask_at_which_nothing_fades_are_two(
    corner: int, extractor: Extractor, tmp_path: Path
) -> None:
    """As software writes that saves every image with an alpha channel."""
    share = AROUND[..., None] / 255
    faded = (share * PHOTO + (1 - share) * 255).astype(np.uint8)
    sheet = np.full((1100, 800, 3), 255, np.uint8)
    sheet[120 : 120 + HEIGHT, 200 : 200 + WIDTH] = faded
    sheet[640 : 640 + HEIGHT, 200 : 200 + WIDTH] = faded[:, ::-1]
    mask = np.full(sheet.shape[:2], 255, np.uint8)
    mask[:corner, :corner] = mask[-corner or 1100 :, -corner or 800 :] = 0
    objects = {
        "i": (pdfs.image_dictionary(sheet, "DeviceRGB", "/SMask {m}"), sheet.tobytes()),
        "m": (pdfs.image_dictionary(mask, "DeviceGray"), mask.tobytes()),
    }
    pages = [(b"q 800 0 0 1100 0 0 cm /I Do Q", "/MediaBox[0 0 800 1100]")]
    pdf = pdfs.raw_document(tmp_path / "a.pdf", pages, objects, "/XObject<</I {i}>>")
    extraction = extractor.extract(pdf, tmp_path / "out")
    assert [image.kind for image in extraction.images] == ["scan_region"] * 2
