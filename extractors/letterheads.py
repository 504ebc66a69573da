"""Excludes images that a document repeats at one place of its pages: headers, footers, watermarks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from extractors.model import Placement

PAGES = 3  # an image at one place of at least this many pages, and of half of all pages, is a letterhead
TOLERANCE = 2.0  # points: grid to which boxes are rounded before they are compared

_Place = tuple[str, tuple[int, ...]]  # digest of an image, and its box on that grid


def exclude_letterheads(placements: Sequence[Placement], pages: int) -> tuple[Placement, ...]:
    """The placements of a document of so many pages, in page order, with its letterheads excluded.

    Where no other placement is used, the first of each letterhead stays used: a report may show the product in the
    header of each page and nowhere else. An image that repeats at different places is no letterhead. Figures that
    form a letterhead are no drawings of the product, and get the class letterhead.
    """
    places: dict[_Place, set[int]] = defaultdict(set)
    for placement in placements:
        places[_place(placement)].add(placement.page)
    repeated = {place for place, seen in places.items() if len(seen) >= PAGES and 2 * len(seen) >= pages}
    only_repeats = all(_place(placement) in repeated for placement in placements if placement.used)
    kept: set[_Place] = set()

    def judged(placement: Placement) -> Placement:
        place = _place(placement)
        if place not in repeated or not (placement.used or placement.kind == "figure"):
            return placement
        if placement.used and only_repeats and place not in kept:
            kept.add(place)
            return placement
        reason = f"letterhead: at the same place of {len(places[place])} of {pages} pages"
        return replace(placement, image_class="letterhead", used=False, reason=reason)

    return tuple(judged(placement) for placement in placements)


def _place(placement: Placement) -> _Place:
    """The image and where on its page it is."""
    return placement.digest, tuple(round(value / TOLERANCE) for value in placement.bbox)
