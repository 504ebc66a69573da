"""The search of a report: its product ids in order, cut into scripts that a page loads when they are asked for.

A page that was opened from file:// may not fetch data, but may load scripts. `ids.js` has the first id of each script,
`ids-NNNNN.js` has LEAF ids, each with its page. With ids of 128 characters a script has 0.7 MB, and `ids.js` of 75
million products 2 MB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources

from jobs.audit.report.order import GROUPS, Cards
from jobs.audit.report.pages import IDS, SEARCH, page_of
from jobs.audit.report.words import GROUP_WORDS

LEAF = 5000  # ids of a script


def search_script() -> bytes:
    """The script that all pages load; search.js beside this module."""
    words = json.dumps([GROUP_WORDS[group] for group in GROUPS])
    classes = json.dumps(list(GROUPS))
    text = resources.files("jobs.audit.report").joinpath(SEARCH).read_text(encoding="utf-8")
    return text.replace("[/* words */]", words).replace("[/* classes */]", classes).encode()


def search_scripts(cards: Cards) -> Iterator[tuple[str, bytes]]:
    """Name and content of each script with ids, those that others name first."""
    ids = cards.by_id()
    starts = []
    for number, start in enumerate(range(0, len(ids), LEAF)):
        part = ids.slice(start, LEAF).to_pydict()
        starts.append(part["id"][0].lower())
        rows = zip(part["id"], part["place"], part["group"], strict=True)
        lines = "\n".join(f"{product_id} {page_of(place)} {group}" for product_id, place, group in rows)
        yield f"ids-{number:05d}.js", f"scott.leaf({number}, {json.dumps(lines)});\n".encode()
    yield IDS, f"scott.starts({json.dumps(starts)});\n".encode()
