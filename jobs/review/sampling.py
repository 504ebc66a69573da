"""Which products of an audit are looked at: close calls, and of the rest a random sample of known size.

The products with a best pair are divided by what the machine says of them: `close_call`, `match`, `no_match` and
`undecided` (for another reason). From each stratum products are drawn at random without replacement, so a task stands
for as many products as its stratum has for each that was drawn (its weight), and error rates can be estimated without
bias (Cochran 1977, Sampling Techniques, chapter 5). Products about whose inputs somebody has answered already are not
asked about again, and count as they were answered.

A product's place in the draw is a hash of its id and a seed, by default the audit's date. The same audit gives the same
sample, and so many answered tasks from the first on are a sample, too.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.audit.verdicts import CLOSE_CALL, of_machine
from jobs.tables.reviews import Outcome
from jobs.tables.schemas import Verdict, VerdictName

REST = ("match", "no_match", "undecided")
COLUMNS = (
    "product_id",
    "verdict",
    "reason",
    "machine_verdict",
    "machine_reason",
    "best_score",
    "inputs_digest",
)  # of verdicts


@dataclass(frozen=True)
class Drawn:
    """The products to ask about by id, in the order of the draw, with their strata; and the sizes of all strata."""

    strata: dict[str, int]
    chosen: dict[str, str]
    known: dict[str, tuple[VerdictName, str]]  # asked about before: the machine's verdict, inputs_digest


def draw(
    rows: Iterable[Verdict],
    reviews: Mapping[str, tuple[Outcome, ...]],
    *,
    n_close_calls: int | None,
    n_rest: int,
    seed: str,
) -> Drawn:
    """Draws `n_close_calls` (None: all of them) and `n_rest` others, shared equally between their strata."""
    sizes: Counter[str] = Counter()
    known: dict[str, tuple[VerdictName, str]] = {}
    kept: dict[str, list[tuple[bytes, str]]] = defaultdict(list)
    most = {CLOSE_CALL: n_close_calls, **dict.fromkeys(REST, n_rest)}
    for row in rows:
        if row["best_score"] is None:
            continue  # there is no pair to look at
        product_id, (verdict, reason) = row["product_id"], of_machine(row)
        if any(each.inputs_digest == row["inputs_digest"] for each in reviews.get(product_id, ())):
            known[product_id] = verdict, row["inputs_digest"]
            continue
        stratum = CLOSE_CALL if reason == CLOSE_CALL else verdict
        sizes[stratum] += 1
        here, room = kept[stratum], most[stratum]
        here.append((hashlib.sha256(f"{seed} {product_id}".encode()).digest(), product_id))
        if room is not None and len(here) > 2 * room + 1000:
            here[:] = sorted(here)[:room]
    n_close = sizes[CLOSE_CALL] if n_close_calls is None else min(n_close_calls, sizes[CLOSE_CALL])
    shares = {CLOSE_CALL: n_close, **allot(n_rest, {name: sizes[name] for name in REST})}
    first, rest = (
        sorted((place, name, stratum) for stratum in strata for place, name in sorted(kept[stratum])[: shares[stratum]])
        for strata in ((CLOSE_CALL,), REST)
    )
    return Drawn(dict(sorted(sizes.items())), {name: stratum for _, name, stratum in [*first, *rest]}, known)


def allot(n: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """Shares `n` equally between strata of these sizes; what a small one cannot take goes to the others."""
    shares = dict.fromkeys(sizes, 0)
    while n and (room := [name for name in sizes if shares[name] < sizes[name]]):
        share = max(n // len(room), 1)
        for name in room:
            given = min(share, sizes[name] - shares[name], n)
            shares[name] += given
            n -= given
    return shares
