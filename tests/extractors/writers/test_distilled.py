"""A document that a second program has written anew: pdftocairo, Ghostscript and pikepdf (qpdf)."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.extractors import pdfs
from tests.extractors.writers.written import PHOTO, SOURCES, Check, Shown, crop

OTHER = pdfs.photograph(2, 300, 400)
SMALL = (320, 400, 480, 520)
CLIPPED = (60, 400, 180, 490)
IMAGES = "/XObject<</I {i}/J {j}/K {k}>>"
CONTENT = b"""q 240 0 0 180 60 582 cm /I Do Q q 160 0 0 120 320 322 cm /J Do Q
q 60 352 120 90 re W n 240 0 0 180 0 307 cm /K Do Q"""


def _original(path: Path) -> tuple[Path, list[Shown]]:
    """A JPEG with a soft mask, and samples that are in the document twice, the second time clipped."""
    alpha = SOURCES["png with alpha"]
    mask = np.asarray(Image.open(io.BytesIO(alpha.data)))[..., 3]
    objects = {
        "i": (pdfs.image_dictionary(PHOTO, "DeviceRGB", "/Filter/DCTDecode/SMask {m}"), SOURCES["jpeg"].data),
        "m": (pdfs.image_dictionary(mask, "DeviceGray"), mask.tobytes()),
        "j": (pdfs.image_dictionary(OTHER, "DeviceRGB"), OTHER.tobytes()),
        "k": (pdfs.image_dictionary(OTHER, "DeviceRGB"), OTHER.tobytes()),
    }
    clipped = crop(OTHER, 0.25, 0.25, 0.75, 0.75)
    shown = [Shown(alpha.shown), Shown(OTHER, SMALL), Shown(clipped, CLIPPED)]
    return pdfs.raw_page(path, CONTENT, objects, IMAGES), shown


def test_the_original(tmp_path: Path, check: Check) -> None:
    pdf, shown = _original(tmp_path / "a.pdf")
    check(pdf, *shown)


@pytest.mark.parametrize(
    "command",
    [
        ["pdftocairo", "-pdf", "{old}", "{new}"],
        ["gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", "-dPDFSETTINGS=/printer", "-o", "{new}", "{old}"],
    ],
    ids=lambda command: command[0],
)
def test_written_anew(command: list[str], tmp_path: Path, check: Check) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here (Debian packages poppler-utils, ghostscript)")
    pdf, shown = _original(tmp_path / "a.pdf")
    new = tmp_path / "new.pdf"
    subprocess.run([part.format(old=pdf, new=new) for part in command], check=True, capture_output=True, timeout=60)
    check(new, *shown)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_with_object_streams_and_turned(turn: int, tmp_path: Path, check: Check) -> None:
    pikepdf = pytest.importorskip("pikepdf", reason="no pikepdf here (requirements-dev.txt)")
    pdf, shown = _original(tmp_path / "a.pdf")
    with pikepdf.open(pdf) as document:
        document.pages[0].rotate(turn, relative=False)
        document.save(tmp_path / "new.pdf", object_stream_mode=pikepdf.ObjectStreamMode.generate, linearize=True)
    check(tmp_path / "new.pdf", *(one.turned(turn) for one in shown))
