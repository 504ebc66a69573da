"""The rules of a verdict: a pure function of what was read and scored of a product.

1. The product's probability (scott_core/product.py) is at least the confidence that the run's risk asks for: `match`,
   whatever else failed.
2. Else, if any input was not read or any pair not scored, `undecided` with the first reason that holds:
   no_catalogue_images, no_document, document_unreadable:<status>, document_partial, no_document_images,
   doubtful_document_images, catalogue_image_unreadable, catalogue_images_blank, pairs_failed.
3. Else every image was read, and every pair scored whose catalogue image shows something. `no_match` where the
   probability of that is at least the confidence, and otherwise `undecided` with the reason `close_call`.

A run without a risk decides by the paper's rule: one pair at or over the threshold is a `match`, with the reason
`stopped_at_match` where the run left out the other pairs on account of it; there are no close calls.

That is the machine's verdict. Where people have looked at these inputs and agree (jobs/tables/reviews), their answer
takes its place with the reason `reviewed`, and the machine's stays beside it; `ambiguous` is `undecided`. Where they
disagree, the machine's verdict stays.

A catalogue image that shows nothing (`catalogue_image_blank` in its pairs' errors) leaves the verdict to the product's
other catalogue images. Where all of them show nothing, that is `catalogue_images_blank`. Documents whose images
are all excluded, some as doubtful (extractors/doubt.py), may show no photograph: `doubtful_document_images`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import get_args

import numpy as np

from jobs.tables.failed import Failed
from jobs.tables.plan import PlannedProduct, Run
from jobs.tables.schemas import READABLE, SCHEMA_VERSION, DocumentImage, PairScore, Verdict, VerdictName
from scott_core.product import ProductModel, Scored

VERDICT_NAMES: tuple[VerdictName, ...] = get_args(VerdictName)
STOPPED = "stopped_at_match"
CLOSE_CALL = "close_call"
REVIEWED = "reviewed"
_SAID: dict[str, VerdictName] = {"match": "match", "no_match": "no_match", "ambiguous": "undecided"}
BLANK = "catalogue_image_blank"  # the reason in the error of a pair whose catalogue image shows nothing


def decide(
    product: PlannedProduct,
    documents: Sequence[DocumentImage],
    pairs: Sequence[PairScore],
    run: Run,
    audit_date: str,
    model: ProductModel | None = None,
) -> Verdict:
    """The row of `verdicts` of `product`, without its evidence (evidence_uri is None).

    `documents` and `pairs` are the product's rows of document_images and pair_scores, in file order. Of pairs with the
    same score, the first is the best. `model` is that of the run's weights.
    """
    images = [row for row in documents if row["digest"] is not None]
    n_used = sum(row["used"] for row in images)
    n_scored = sum(pair["score"] is not None for pair in pairs)
    best = best_pair(pairs)
    best_score = best["score"] if best else None
    has_match = best_score is not None and best_score >= run.threshold
    is_whole = len(pairs) >= len(product.image_uris) * n_used
    probability = _as_stored(model.probability(_scored(pairs))) if model is not None and is_whole and n_scored else None
    verdict: VerdictName
    reason: str | None
    if run.confidence is None:
        is_shown, is_other = has_match, not has_match
    else:
        is_shown = probability is not None and probability >= run.confidence
        is_other = probability is not None and 1 - probability >= run.confidence
    if is_shown:
        verdict, reason = "match", None if is_whole else STOPPED
    else:
        reason = _undecided(product, documents, pairs) or (None if is_other else CLOSE_CALL)
        verdict = "no_match" if reason is None else "undecided"
    inputs_digest = _inputs_digest(product, documents, pairs)
    review = next((each for each in product.reviews if each.inputs_digest == inputs_digest), None)
    said = _SAID.get(review.answer) if review else None
    return {
        "audit_date": audit_date,
        "product_id": product.product_id,
        "verdict": said or verdict,
        "has_match": has_match,
        "reason": REVIEWED if said else reason,
        "probability": probability,
        "risk": run.risk,
        "confidence": run.confidence,
        "best_score": best_score,
        "threshold": run.threshold,
        "best_catalogue_image": best and best["catalogue_image"],
        "best_document": best and best["document"],
        "best_page": best and best["page"],
        "best_bbox": best and best["bbox"],
        "n_catalogue_images": len(product.image_uris),
        "n_document_images": n_used,
        "n_images_skipped": len(images) - n_used,
        "n_pairs": len(pairs),
        "n_pairs_scored": n_scored,
        "n_pairs_failed": len(pairs) - n_scored,
        "evidence_uri": None,
        "model_version": run.model_version,
        "inputs_digest": inputs_digest,
        "run_id": run.run_id,
        "scored_at": datetime.fromisoformat(run.requested_at),
        "carried_from": None,
        "machine_verdict": verdict,
        "machine_reason": reason,
        "review": review.answer if review else None,
        "reviewed_by": list(review.reviewers) if review else None,
        "reviewed_at": datetime.fromisoformat(review.reviewed_at) if review else None,
        "schema_version": SCHEMA_VERSION,
    }


def of_machine(row: Verdict) -> tuple[VerdictName, str | None]:
    """The machine's own verdict and its reason; rows of before there were reviews have no other."""
    if row["machine_verdict"] is None:
        return row["verdict"], row["reason"]
    return row["machine_verdict"], row["machine_reason"]


def best_pair(pairs: Sequence[PairScore]) -> PairScore | None:
    """The pair with the highest score, the first of equal ones; None where none was scored."""
    scored = [pair for pair in pairs if pair["score"] is not None]
    return max(scored, key=lambda pair: pair["score"] or 0.0, default=None)


def _as_stored(probability: float | None) -> float | None:
    """The float32 that its column holds, so that a row's verdict follows from its probability and its confidence."""
    return None if probability is None else float(np.float32(probability))


def _scored(pairs: Sequence[PairScore]) -> Iterator[Scored]:
    """Pairs as evidence; an image is told from others by its contents.

    A pair that could not be scored counts as a hopeless one, since leaving it out would make the others look better.
    """
    for pair in pairs:
        failed = Failed.from_column(pair["error"])
        if failed is None or failed.reason != BLANK:
            yield pair["catalogue_sha256"] or pair["catalogue_image"], pair["digest"], pair["score"] or 0.0


def _undecided(product: PlannedProduct, documents: Sequence[DocumentImage], pairs: Sequence[PairScore]) -> str | None:
    """The first reason that keeps the verdict open, None where nothing does."""
    if not product.image_uris:
        return "no_catalogue_images"
    if not product.document_uris:
        return "no_document"
    for row in documents:
        if row["document_status"] not in READABLE:
            return f"document_unreadable:{row['document_status']}"
    if any(row["document_status"] == "partial" for row in documents):
        return "document_partial"
    if not any(row["used"] for row in documents):
        doubtful = any(row["image_class"] == "doubtful" for row in documents)
        return "doubtful_document_images" if doubtful else "no_document_images"
    reasons = [failed.reason for pair in pairs if (failed := Failed.from_column(pair["error"]))]
    if "catalogue_image_unreadable" in reasons:
        return "catalogue_image_unreadable"
    if reasons.count(BLANK) == len(pairs):
        return "catalogue_images_blank"
    if any(reason != BLANK for reason in reasons):
        return "pairs_failed"
    return None


def _inputs_digest(product: PlannedProduct, documents: Sequence[DocumentImage], pairs: Sequence[PairScore]) -> str:
    """SHA-256 over each input's URI and the SHA-256 of what was read there (null: it was not read)."""
    images = {pair["catalogue_image"]: pair["catalogue_sha256"] for pair in pairs}
    files = {row["document"]: row["document_sha256"] for row in documents}
    inputs = {
        "images": [[uri, images.get(uri)] for uri in product.image_uris],
        "documents": [[uri, files.get(uri)] for uri in product.document_uris],
    }
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
