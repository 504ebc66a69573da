"""Excludes images that are hardly photographs from documents that show no likely one.

What an image is likely to be depends on its document. In a report with photographs, an image of which the classifier is
unsure may well be another, and leaving it out could cost a match. In a certificate, a data sheet or a form it is a
seal, a map, a screen or a slice of one, and comparing it would be a verdict without ground.

The threshold was chosen on 358 documents from test files of public packages (forms, papers, data sheets, scans; 312
without a photograph), labelled page by page: docs/measurements.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from extractors.model import Placement

LIKELY = 0.75  # photo probability of the likeliest image from which on a document shows photographs


def exclude_doubtful(placements: Sequence[Placement]) -> tuple[Placement, ...]:
    """The placements of a document; where none of the used ones is a likely photograph, all of them are excluded."""
    likeliest = max((placement.photo_probability or 0.0 for placement in placements if placement.used), default=1.0)
    if likeliest >= LIKELY:
        return tuple(placements)

    def excluded(placement: Placement) -> Placement:
        chance = placement.photo_probability or 0.0
        rule = f"one image of the document must reach {LIKELY}, and the best is {likeliest:.2f}"
        return replace(
            placement, image_class="doubtful", used=False, reason=f"doubtful: probability {chance:.2f}; {rule}"
        )

    return tuple(excluded(placement) if placement.used else placement for placement in placements)
