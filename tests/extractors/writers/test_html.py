"""Photographs in HTML that WeasyPrint or Chromium has written as PDF."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.extractors.writers.written import HEIGHT, PHOTO, SOURCES, WIDTH, Check, Shown, crop

Write = Callable[..., Path]
STYLE = f"""
@page {{ size: {WIDTH}pt {HEIGHT}pt; margin: 0 }}
body {{ margin: 0 }}
.placed {{ position: absolute; left: 60pt; top: 80pt }}
.whole {{ width: 240pt; height: 180pt }}
"""


@pytest.fixture(params=["weasyprint", "chromium"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """A function that writes a document of HTML in which {image} stands for the address of a photograph."""
    write_pdf = {"weasyprint": _weasyprint, "chromium": _chromium}[request.param]()

    def write(content: str, name: str = "jpeg") -> Path:
        source = SOURCES[name]
        address = f"data:{source.media_type};base64,{base64.b64encode(source.data).decode()}"
        page = tmp_path / "a.html"
        page.write_text(f"<!DOCTYPE html><style>{STYLE}</style>{content}".replace("{image}", address))
        write_pdf(page, tmp_path / "a.pdf")
        return tmp_path / "a.pdf"

    return write


def _weasyprint() -> Callable[[Path, Path], object]:
    try:
        import weasyprint
    except (ImportError, OSError) as error:  # OSError where there is no Pango
        pytest.skip(f"no WeasyPrint (requirements-dev.txt, libpango-1.0-0): {error}")
    return lambda page, pdf: weasyprint.HTML(page).write_pdf(pdf)


def _chromium() -> Callable[[Path, Path], object]:
    browser = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium here (Debian package chromium-headless-shell)")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer"]

    def write_pdf(page: Path, pdf: Path) -> None:
        command = [
            browser,
            *options,
            f"--user-data-dir={pdf.parent / 'profile'}",
            f"--print-to-pdf={pdf}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    return write_pdf


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "16-bit grey png"])  # WeasyPrint clips it
def test_images(name: str, write: Write, check: Check) -> None:
    source = SOURCES[name]
    pdf = write('<img class="placed whole" src="{image}">', name)
    check(pdf, Shown(source.shown, off_by=source.off_by))


@pytest.mark.parametrize(
    "content",
    [
        '<img class="placed" style="width: 240pt; height: 90pt; object-fit: cover" src="{image}">',
        '<div class="placed" style="width: 240pt; height: 90pt; background: url({image}) center / cover"></div>',
        '<div class="placed" style="width: 240pt; height: 90pt; overflow: hidden">'
        '<img class="whole" style="display: block; margin-top: -45pt" src="{image}"></div>',
    ],
    ids=["object-fit", "background", "overflow"],
)
def test_cropped(content: str, write: Write, check: Check) -> None:
    check(write(content), Shown(crop(PHOTO, 0, 0.25, 1, 0.75), (60, 80, 300, 170)))


def test_turned(write: Write, check: Check) -> None:
    content = '<img class="placed whole" style="transform: rotate(90deg)" src="{image}">'
    check(write(content), Shown(PHOTO.swapaxes(0, 1)[:, ::-1], (90, 50, 270, 290)))


def test_floats_and_cells(write: Write, check: Check) -> None:
    content = (
        '<div class="placed" style="width: 480pt"><img style="float: right; width: 200pt; height: 150pt" src="{image}">'
        "<p>The sample was tested.</p></div>"
        '<table class="placed" style="top: 400pt; border-collapse: collapse"><tr>'
        '<td style="padding: 10pt; width: 100pt">Photo 2</td>'
        '<td style="padding: 10pt"><img style="display: block; width: 200pt; height: 150pt" src="{image}">'
        "</td></tr></table>"
    )
    check(write(content), Shown(PHOTO, (340, 80, 540, 230)), Shown(PHOTO, (190, 410, 390, 560)))
