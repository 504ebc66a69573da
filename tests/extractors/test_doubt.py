"""Images that are hardly photographs are compared only in documents that show a likely one."""

from __future__ import annotations

from extractors import Placement
from extractors.doubt import LIKELY, exclude_doubtful


def image(photo: float | None, *, used: bool = True) -> Placement:
    box = (0.0, 0.0, 100.0, 100.0)
    name, reason = ("photo", None) if used else ("logo", "logo: probability 0.9")
    return Placement("a.png", 1, box, 100, 100, "d", "embedded", name, used, reason, photo)


def test_doubtful_images_alone_are_not_compared() -> None:
    seal, map_, logo = exclude_doubtful([image(0.31), image(LIKELY - 0.01), image(0.1, used=False)])
    assert (seal.used, seal.image_class, logo.image_class) == (False, "doubtful", "logo")
    assert seal.reason == "doubtful: probability 0.31; one image of the document must reach 0.75, and the best is 0.74"
    assert not map_.used


def test_beside_a_likely_photograph_doubtful_ones_are_compared() -> None:
    images = [image(0.31), image(LIKELY), image(0.1, used=False)]
    assert exclude_doubtful(images) == tuple(images)


def test_an_excluded_image_makes_no_document_likely() -> None:
    assert not any(each.used for each in exclude_doubtful([image(0.31), image(0.99, used=False)]))


def test_a_document_without_images_is_no_error() -> None:
    assert exclude_doubtful([]) == ()
