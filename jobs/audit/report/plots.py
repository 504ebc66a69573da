"""The plots of a report, as SVG in the page: no library, no script, and the numbers stand in them as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from jobs.audit.report.counts import BINS
from jobs.audit.report.order import GROUPS, Group
from jobs.audit.report.words import GROUP_WORDS, reason_words
from jobs.audit.verdicts import CLOSE_CALL

_WIDTH, _HEIGHT = 460, 190  # of the area with bars, in SVG's units
_LEFT, _TOP, _BOTTOM = 52, 18, 22  # beside it, for text
_LEAST = 1.5  # height of a bar that is not empty


def legend(groups: Iterable[Group] = GROUPS) -> str:
    """The colours of the groups, in words."""
    return f'<p class="legend">{"".join(f"<span class={group}>{GROUP_WORDS[group]}</span>" for group in groups)}</p>'


def audits_plot(audits: Sequence[tuple[str, Mapping[Group, int]]]) -> str:
    """Products of each audit (date and groups, the oldest first), stacked by group."""
    most = max((sum(groups.values()) for _, groups in audits), default=0)
    step = _WIDTH / max(len(audits), 8)
    every = -(-len(audits) * 42 // _WIDTH)  # of the dates, so that they do not touch
    parts = []
    for number, (day, groups) in enumerate(audits):
        x = _LEFT + number * step
        said = ", ".join(f"{groups[group]:,} {GROUP_WORDS[group]}" for group in GROUPS)
        bars = _stacked(x + step * 0.1, step * 0.8, [(group, groups[group]) for group in reversed(GROUPS)], most)
        parts.append(f"<g><title>{day}: {said}</title>{bars}</g>")
        if (len(audits) - 1 - number) % every == 0:
            parts.append(_text(x + step / 2, _TOP + _HEIGHT + 15, day[5:], "middle"))
    return _svg("Products of the last audits by verdict", [*_axis(most), *parts])


def histogram(counts: Counter[tuple[Group, int]], limits: Sequence[float], name: str) -> str:
    """Products by a number from 0 to 1, in BINS, stacked by group; `limits` are marked."""
    totals = [sum(counts[group, number] for group in GROUPS) for number in range(BINS)]
    most, step = max(totals), _WIDTH / BINS
    parts = []
    for number, total in enumerate(totals):
        x = _LEFT + number * step
        said = f"{number / BINS:.2f} to {(number + 1) / BINS:.2f}, products: {total:,}"
        bars = _stacked(x + 1, step - 2, [(group, counts[group, number]) for group in reversed(GROUPS)], most)
        parts.append(f"<g><title>{said}</title>{bars}</g>")
    for value in limits:
        x = _LEFT + value * _WIDTH
        parts.append(f'<line class="limit" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_TOP + _HEIGHT}"/>')
        parts.append(_text(x, _TOP - 4, f"{value:.2f}", "middle"))
    ends = [
        _text(_LEFT + value * _WIDTH, _TOP + _HEIGHT + 15, f"{value:g}", "middle") for value in (0, 0.25, 0.5, 0.75, 1)
    ]
    return _svg(f"Products by {name}", [*_axis(most), *parts, *ends])


def reasons_plot(reasons: Counter[str]) -> str:
    """Undecided products by reason, the most frequent first: a list of words, each over its bar."""
    most = max(reasons.values(), default=1)
    items = []
    for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        group = "close_call" if reason == CLOSE_CALL else "undecided"
        bar = f'<rect class="{group}" width="{max(1, 100 * count / most):.1f}" height="3"/>'
        items.append(
            f"<li><strong>{count:,}</strong> {escape(reason_words(reason))} <code>{escape(reason)}</code>"
            f'<svg viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">{bar}</svg></li>'
        )
    return f'<ol class="reasons">{"".join(items)}</ol>'


def _stacked(x: float, width: float, parts: Sequence[tuple[Group, int]], most: int) -> str:
    """A column of bars, the first at the bottom."""
    y, bars = float(_TOP + _HEIGHT), []
    for group, count in parts:
        if count:
            height = max(_LEAST, count / most * _HEIGHT)
            y -= height
            bars.append(f'<rect class="{group}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
    return "".join(bars)


def _axis(most: int) -> list[str]:
    """The line under the columns, and the height of the highest."""
    bottom = _TOP + _HEIGHT
    return [
        f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _WIDTH}" y2="{bottom}"/>',
        f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT + _WIDTH}" y2="{_TOP}"/>',
        _text(_LEFT - 6, _TOP + 4, f"{most:,}", "end"),
        _text(_LEFT - 6, bottom, "0", "end"),
    ]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _svg(title: str, parts: Iterable[str], role: str = "img") -> str:
    size = f"0 0 {_LEFT + _WIDTH + 14} {_TOP + _HEIGHT + _BOTTOM}"
    return f'<svg viewBox="{size}" role="{role}" aria-label="{escape(title)}">{"".join(parts)}</svg>'
