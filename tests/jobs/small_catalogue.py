"""A small catalogue of made pictures and PDFs: one product for each kind of verdict, audited with ORB.

The pictures are coloured noise and shards: full of keypoints, alike only where they are the same.
"""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pymupdf
from PIL import Image, ImageDraw

from jobs.storage import Storage
from scott_core import read_image
from scott_core.scorers import load_scorer

PASSWORD = "sealed"
BICUBIC = Image.Resampling.BICUBIC


def picture(seed: int, width: int = 320, height: int = 240) -> bytes:
    """A JPEG that looks like a photograph of something, another one for each seed."""
    rng = np.random.default_rng(seed)
    noise = [
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).resize((width, height), BICUBIC)
        for side in (4, 12, 40)
    ]
    image = Image.blend(Image.blend(noise[0], noise[1], 0.4), noise[2], 0.2)
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = rng.integers(10, width - 40), rng.integers(10, height - 40)
        corners = [(int(x + dx), int(y + dy)) for dx, dy in rng.integers(0, 36, (4, 2))]
        draw.polygon(corners, fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=92)
    return stream.getvalue()


@cache
def orb_threshold() -> float:
    """A threshold half-way between ORB's scores of the same picture and of another one."""
    images = [read_image(picture(seed)) for seed in (1, 2)]
    same, other = load_scorer("orb").score_pairs(images, images, [(0, 0), (0, 1)]).score
    assert same > other
    return float(same + other) / 2


def report(*pictures: bytes, password: str | None = None) -> bytes:
    """A test report as PDF: a page of text, then a page for each picture."""
    document = pymupdf.open()
    document.new_page().insert_text((72, 90), "Test report 24-1181\n\nThe sample was tested as received.")
    for data in pictures:
        page = document.new_page()
        page.insert_text((72, 60), "Photo of the sample")
        page.insert_image(pymupdf.Rect(72, 90, 472, 390), stream=data)
    secret = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": password, "owner_pw": password}
    data: bytes = document.tobytes(no_new_id=True, **(secret if password else {}))
    return data


def add_product(storage: Storage, name: str, images: list[bytes], documents: list[bytes]) -> None:
    """A product in the folder convention."""
    for number, data in enumerate(images):
        storage.write(f"catalogue/{name}/images/{number:02d}.jpg", data)
    for number, data in enumerate(documents):
        storage.write(f"catalogue/{name}/documents/report-{number}.pdf", data)


def write_catalogue(storage: Storage) -> dict[str, tuple[str, str | None]]:
    """Eight products; returns the verdict and reason that each of them must get."""
    a, b, c, d = (picture(seed) for seed in (1, 2, 3, 4))
    add_product(storage, "match", [b, a], [report(a)])
    add_product(storage, "wrong", [a], [report(b, c)])
    add_product(storage, "no-document", [a], [])
    add_product(storage, "no-images", [], [report(a)])
    add_product(storage, "no-photo", [a], [report()])
    add_product(storage, "encrypted", [d], [report(d, password=PASSWORD)])
    add_product(storage, "not-a-pdf", [d], [b"<html>404</html>"])
    add_product(storage, "bad-image", [b"no image at all", b], [report(c)])
    return {
        "match": ("match", None),
        "wrong": ("no_match", None),
        "no-document": ("undecided", "no_document"),
        "no-images": ("undecided", "no_catalogue_images"),
        "no-photo": ("undecided", "no_document_images"),
        "encrypted": ("undecided", "document_unreadable:encrypted"),
        "not-a-pdf": ("undecided", "document_unreadable:not_a_pdf"),
        "bad-image": ("undecided", "catalogue_image_unreadable"),
    }
