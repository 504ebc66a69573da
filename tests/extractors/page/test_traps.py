"""Each trap is read as it is shown by poppler, an independent implementation of PDF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from extractors import Extraction, Extractor, Placement
from tests.extractors import pdfs
from tests.extractors.page.trap import Box, Page, Trap
from tests.extractors.page.traps import TRAPS
from tests.extractors.page.traps_of_paint import BOX, LAYERS

SCALE = 2  # pixels per point at which poppler renders: the resolution of the images
EDGE = 1.0  # points: largest distance of a side from where it should be, a pixel of each renderer


def _smooth(pixels: pdfs.Pixels) -> npt.NDArray[np.float64]:
    """The pixels without their grain, which the other reader may place half a pixel off."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.5), np.float64)


def _crop(page: pdfs.Pixels, box: Box, size: tuple[int, int]) -> pdfs.Pixels:
    """The part of a rendered page in a box (points), at `size` (width, height) in px."""
    x0, y0, x1, y1 = (round(side * SCALE) for side in box)
    part = page[max(y0, 0) : y1, max(x0, 0) : x1]
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def _ink(page: pdfs.Pixels) -> Box | None:
    """The box, in points, of all that is not white."""
    dark = (page < 250).any(axis=2)
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if not rows.size:
        return None
    return (columns[0] / SCALE, rows[0] / SCALE, (columns[-1] + 1) / SCALE, (rows[-1] + 1) / SCALE)


def compare(written: pdfs.Pixels, shown: pdfs.Pixels) -> tuple[float, float]:
    """Mean difference in grey levels, and the least correlation of a channel."""
    a, b = _smooth(written), _smooth(shown)
    alike = [
        float(np.corrcoef(a[..., channel].ravel(), b[..., channel].ravel())[0, 1])
        for channel in range(3)
        if a[..., channel].std() > 2 or b[..., channel].std() > 2
    ]
    return float(np.abs(a - b).mean()), min(alike, default=1.0)


def visible(extraction: Extraction, trap: Trap, number: int) -> list[Placement]:
    """The placements of a page that show an image."""
    return [
        image
        for image in extraction.images
        if image.page == number and (image.used if trap.photo else image.file is not None)
    ]


def check_page(pdf: Path, out: Path, extraction: Extraction, trap: Trap, number: int, page: Page) -> None:
    """Check the number, the boxes and the pixels of one page's images."""
    rendered = pdfs.poppler(pdf, number, 72 * SCALE)
    ink = _ink(rendered)
    assert (ink is None) == (page.inked is None)
    if ink and page.inked:
        assert ink == pytest.approx(page.inked, abs=EDGE)
    found = visible(extraction, trap, number)
    assert [image.bbox for image in found] == [pytest.approx(box, abs=EDGE) for box in page.boxes]
    for index, image in enumerate(found):
        assert image.file is not None
        written = pdfs.read(out / image.file)
        shown = trap.truth[index] if trap.truth else _crop(rendered, image.bbox, (image.width, image.height))
        off_by, alike = compare(written, shown)
        assert off_by <= trap.off_by
        assert alike >= trap.alike


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as one:
        yield one


@pytest.mark.parametrize("name", TRAPS)
def test_trap(name: str, extractor: Extractor, tmp_path: Path) -> None:
    trap = TRAPS[name]
    pdf = trap.write(tmp_path / "trap.pdf")
    extraction = extractor.extract(pdf, tmp_path / "out")
    assert extraction.status == trap.status, extraction.detail
    for number, page in enumerate(trap.pages, 1):
        check_page(pdf, tmp_path / "out", extraction, trap, number, page)


@pytest.mark.parametrize("name", LAYERS)
def test_an_image_on_a_layer_that_is_off_is_excluded_as_hidden(name: str, extractor: Extractor, tmp_path: Path) -> None:
    trap = LAYERS[name]
    images = extractor.extract(trap.write(tmp_path / "trap.pdf"), tmp_path / "out").images
    hidden = [image.bbox for image in images if image.reason == "hidden: its layer is off"]
    assert hidden == ([] if trap.pages[0].boxes else [BOX])
