"""Figure 10 of the paper as an HTML page: the most confident failures of a model, with the regions that it compared.

A false match is a pair of different objects at or over the threshold; a miss is a match under it. The page needs no
other file: its images are embedded.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike
from PIL.Image import Image

from scott_core.page import html_page

QUALITY = 80  # of the page's JPEG images


@dataclass(frozen=True)
class Failure:
    """One wrong pair: its row of the pairs file, its score, and its image by `scott_core.overlay.draw_match`."""

    image_a: str
    image_b: str
    label: int
    kind: str
    family: str
    score: float
    overlay: Image


def worst_failures(
    label: ArrayLike, score: ArrayLike, family: Sequence[str], threshold: float, limit: int
) -> list[int]:
    """Rows of at most `limit` failures, by family, false matches before misses, the worst first.

    The worst false match and the worst miss of each family are chosen first, then the second worst, and so on. Pairs
    without a score (NaN) are excluded.
    """
    truth, scores = np.asarray(label, float), np.asarray(score, float)
    said = scores >= threshold
    ranked: list[tuple[int, str, bool, int]] = []  # rank in its group, family, is a miss, row
    for name in sorted(set(family)):
        rows = (np.array(family) == name) & ~np.isnan(scores)
        false, missed = np.flatnonzero(rows & (truth == 0) & said), np.flatnonzero(rows & (truth == 1) & ~said)
        for is_miss, worst in ((False, false[np.argsort(-scores[false])]), (True, missed[np.argsort(scores[missed])])):
            ranked += [(place, name, is_miss, int(row)) for place, row in enumerate(worst)]
    chosen = sorted(ranked)[:limit]
    return [row for _, _, _, row in sorted(chosen, key=lambda f: (f[1], f[2], f[0]))]


def failures_page(failures: Iterable[Failure], *, title: str, note: str) -> str:
    """The HTML page, in the order given, with a heading for each family and kind of failure; every text is escaped."""
    parts = [f"<main><h1>{escape(title)}</h1><p>{escape(note)}</p>"]
    heading = ""
    for failure in failures:
        said = f"{failure.family or 'pairs'}: {'misses' if failure.label else 'false matches'}"
        if said != heading:
            parts += ["</section>"] * bool(heading) + [f'<h2>{escape(said)}</h2><section class="failures">']
            heading = said
        parts.append(_figure(failure))
    parts.append("</section>" if heading else "<p>No failure.</p>")
    return html_page(title, [*parts, "</main>"])


def _figure(failure: Failure) -> str:
    buffer = io.BytesIO()
    failure.overlay.save(buffer, "JPEG", quality=QUALITY)
    source = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    truth = "the same object" if failure.label else f"different objects{f', {failure.kind}' * bool(failure.kind)}"
    size = f'width="{failure.overlay.width}" height="{failure.overlay.height}"'
    return (
        f'<figure class="failure"><img src="{source}" {size} '
        f'alt="{escape(failure.image_a)} and {escape(failure.image_b)}">'
        f"<figcaption><strong>{failure.score:.3f}</strong> {escape(truth)}"
        f'<br><span class="note">{escape(failure.image_a)}<br>{escape(failure.image_b)}</span></figcaption></figure>'
    )
