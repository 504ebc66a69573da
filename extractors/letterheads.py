"""Pictures that a document repeats at one place of its pages: letterheads, footers, watermarks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from extractors.model import Placement

PAGES = 3  # a picture at one place of at least this many pages, and of half of the document's, is a letterhead
TOLERANCE = 2.0  # points


def set_letterheads_aside(placements: Sequence[Placement], pages: int) -> tuple[Placement, ...]:
    """The placements, in order, with used ones that are letterheads set aside. Repeats elsewhere stay used."""
    places: dict[tuple[str, tuple[int, ...]], set[int]] = defaultdict(set)

    def key(placement: Placement) -> tuple[str, tuple[int, ...]]:
        return placement.digest, tuple(round(value / TOLERANCE) for value in placement.bbox)

    for placement in placements:
        places[key(placement)].add(placement.page)

    def judged(placement: Placement) -> Placement:
        count = len(places[key(placement)])
        if not placement.used or count < PAGES or 2 * count < pages:
            return placement
        reason = f"letterhead: at the same place of {count} of {pages} pages"
        return replace(placement, image_class="letterhead", used=False, reason=reason)

    return tuple(judged(placement) for placement in placements)
