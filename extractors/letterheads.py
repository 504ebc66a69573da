"""Excludes images that a document repeats at one place of its pages: headers, footers, watermarks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from extractors.model import Placement

PAGES = 3  # an image at one place of at least this many pages, and of half of all pages, is a letterhead
TOLERANCE = 2.0  # points: grid to which boxes are rounded before they are compared


def exclude_letterheads(placements: Sequence[Placement], pages: int) -> tuple[Placement, ...]:
    """The placements of a document of so many pages, in page order, with the repeats of letterheads excluded.

    Of used placements that form a letterhead, the first stays used, for a photograph in the header of each page may be
    the product's; the others are excluded. An image that repeats at different places stays used everywhere. Figures
    that form a letterhead are no drawings of the product, and all of them get the class letterhead.
    """
    places: dict[tuple[str, tuple[int, ...]], set[int]] = defaultdict(set)
    kept: dict[tuple[str, tuple[int, ...]], int] = {}  # the page of the placement that stays used

    def key(placement: Placement) -> tuple[str, tuple[int, ...]]:
        return placement.digest, tuple(round(value / TOLERANCE) for value in placement.bbox)

    for placement in placements:
        places[key(placement)].add(placement.page)

    def judged(placement: Placement) -> Placement:
        count = len(places[key(placement)])
        if count < PAGES or 2 * count < pages:
            return placement
        if placement.kind == "figure":
            reason = f"letterhead: a figure at the same place of {count} of {pages} pages"
            return replace(placement, image_class="letterhead", reason=reason)
        if not placement.used:
            return placement
        if key(placement) not in kept:
            kept[key(placement)] = placement.page
            return placement
        reason = (
            f"letterhead: at the same place of {count} of {pages} pages; that of page {kept[key(placement)]} is used"
        )
        return replace(placement, image_class="letterhead", used=False, reason=reason)

    return tuple(judged(placement) for placement in placements)
