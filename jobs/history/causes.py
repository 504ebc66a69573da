"""What changed of a product between two audits, and why, as far as their rows and plans tell.

These causes can be told, each by what is compared:

    product_added, product_removed        the plan: only the later audit, or the earlier one, was asked for the product
    not_decided                           an audit was asked for it and has no verdict of it yet
    image_added, image_removed,           the URIs
    document_added, document_removed
    image_renamed, document_renamed       a URI that went and one that came, with the same SHA-256
    image_changed, document_changed       the SHA-256 of what the same URI names
    image_found, image_lost,              whether what the same URI names was read: it is there, or allowed, again
    document_found, document_lost
    inputs_reordered                      the same URIs in another order
    review                                what people had said of the product when the run was planned
    weights, threshold, risk,             what the runs were asked: the threshold where one of them decided by it, and
    stop_at_match, inputs_from            with the risk the confidence that it asks for
    software                              the code, a library or SCOTT_PRECISION (the column decided_by), where the runs
                                          were asked the same, and people said the same; else nothing tells

    inputs                                the column inputs_digest alone: an image that only one of the audits compared
                                          is not known in the other

Only where none of these holds come others:

    reading                               the status of a document of the same bytes: one took too long, say
    scoring                               the number of pairs that failed
    unknown                               nothing that is recorded

Rows do not name the version of the extractor; another one is `software`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jobs.tables.plan import PlannedProduct, Run
from jobs.tables.schemas import Verdict

BANDS = {"unlikely": 0.1, "rather_not": 0.5, "rather": 0.9}  # each below its number, and `likely` from the last on
LIKELY = "likely"
Cause = tuple[str, str | None]  # its name, and the URI of the input that it is about


@dataclass(frozen=True)
class Side:
    """A product that an audit was asked for: what was read of it, its verdict, and how that was decided."""

    product: PlannedProduct
    verdict: Verdict | None  # None where it has none yet
    run: Run | None  # of the verdict
    decided_by: str | None  # of input_versions; None where the product has no row there
    sha256: Mapping[str, str | None]  # of its inputs, by URI: None was not read; an image without pairs is not in it
    statuses: Mapping[str, str]  # of its documents, by URI


def band(probability: float | None) -> str | None:
    """The band of a probability in [0, 1].

    There are few, so that noise in a probability's digits is no change, and they part where a reader would act: even
    odds in the middle, and at each end the tenth that holds nearly all products that are decided.
    """
    if probability is None:
        return None
    return next((name for name, end in BANDS.items() if probability < end), LIKELY)


def changes(before: Verdict | None, after: Verdict | None) -> list[str]:
    """What differs between a product's verdicts in two audits, of verdict, band, reason, inputs and model.

    Where one of the audits has no verdict of it, that is the verdict alone.
    """
    if before is None or after is None:
        return ["verdict"] if before != after else []
    pairs = {
        "verdict": (before["verdict"], after["verdict"]),
        "band": (band(before["probability"]), band(after["probability"])),
        "reason": (before["reason"], after["reason"]),
        "inputs": (before["inputs_digest"], after["inputs_digest"]),
        "model": (before["model_version"], after["model_version"]),
    }
    return [name for name, (old, new) in pairs.items() if old != new]


def causes(before: Side, after: Side) -> list[Cause]:
    """Why a product that both audits were asked for changed: one cause at least."""
    old, new = before.verdict, after.verdict
    if old is None or new is None:
        return [("not_decided", None)]
    found: list[Cause] = []
    if old["inputs_digest"] != new["inputs_digest"]:
        found += list(_of_inputs(before, after)) or [("inputs", None)]
    found += _of_configuration(before, old, after, new)
    if found:
        return found
    read = [uri for uri in before.statuses if before.statuses[uri] != after.statuses.get(uri)]
    if read:
        return [("reading", uri) for uri in read]
    return [("scoring" if old["n_pairs_failed"] != new["n_pairs_failed"] else "unknown", None)]


def _of_inputs(before: Side, after: Side) -> Iterator[Cause]:
    old, new = before.product, after.product
    kinds = {"image": (old.image_uris, new.image_uris), "document": (old.document_uris, new.document_uris)}
    for kind, (uris, uris_now) in kinds.items():
        gone = [uri for uri in uris if uri not in uris_now]
        for uri in uris_now:
            if uri in uris:
                change = _content(before.sha256, after.sha256, uri)
            else:
                content = after.sha256.get(uri)
                same = next((each for each in gone if content and before.sha256.get(each) == content), None)
                if same is not None:
                    gone.remove(same)
                change = "added" if same is None else "renamed"
            if change:
                yield f"{kind}_{change}", uri
        yield from ((f"{kind}_removed", uri) for uri in gone)
        if uris != uris_now and sorted(uris) == sorted(uris_now):
            yield "inputs_reordered", None


def _content(before: Mapping[str, str | None], after: Mapping[str, str | None], uri: str) -> str | None:
    """What became of the bytes that `uri` names; None where they are the same, or not known of both audits."""
    if uri not in before or uri not in after or before[uri] == after[uri]:
        return None
    return "found" if before[uri] is None else "lost" if after[uri] is None else "changed"


def _of_configuration(before: Side, old: Verdict, after: Side, new: Verdict) -> Iterator[Cause]:
    other_weights = old["model_version"] != new["model_version"]
    is_papers = old["risk"] is None or new["risk"] is None
    is_other = {
        "review": before.product.reviews != after.product.reviews,
        "weights": other_weights,
        "threshold": is_papers and old["threshold"] != new["threshold"],
        "risk": old["risk"] != new["risk"] or (not other_weights and old["confidence"] != new["confidence"]),
    }
    if before.run and after.run:
        is_other["stop_at_match"] = before.run.stop_at_match != after.run.stop_at_match
        is_other["inputs_from"] = before.run.inputs_from != after.run.inputs_from
    yield from ((name, None) for name, differs in is_other.items() if differs)
    if before.run and after.run and not any(is_other.values()):
        asked, asked_now = ((run.weights, run.threshold) for run in (before.run, after.run))
        decided_by = {before.decided_by, after.decided_by}
        if asked == asked_now and len(decided_by) == 2 and None not in decided_by:
            yield "software", None
