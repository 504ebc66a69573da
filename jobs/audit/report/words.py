"""Reasons in words, for people who have not read the data dictionary; what has no words here is shown as it is."""

from __future__ import annotations

from jobs.audit.report.order import Group

GROUP_WORDS: dict[Group, str] = {
    "close_call": "close call",
    "no_match": "no match",
    "undecided": "undecided",
    "match": "match",
}

_REASONS = {
    "close_call": "The probability is too near to even: a person should decide.",
    "no_catalogue_images": "The catalogue has no image of the product.",
    "no_document": "The catalogue names no document.",
    "document_partial": "A part of a document could not be read, and what was read shows no match.",
    "no_document_images": "The documents show no photograph.",
    "doubtful_document_images": "No image of the documents is surely a photograph.",
    "catalogue_image_unreadable": "A catalogue image could not be read, and the others do not match.",
    "catalogue_images_blank": "The catalogue images show nothing.",
    "pairs_failed": "Some pairs of images could not be compared, and the others do not match.",
    "reviewed": "People looked at it.",
    "stopped_at_match": "Other pairs were not compared once one matched.",
}
_UNREADABLE = "document_unreadable:"
_STATUSES = {
    "encrypted": "a password is needed",
    "damaged": "its data are damaged",
    "not_a_pdf": "it is no PDF",
    "empty": "the file is empty",
    "too_large": "it is too large",
    "too_many_pages": "it has too many pages",
    "timeout": "reading it took too long",
    "out_of_memory": "reading it took too much memory",
    "crashed": "the reader crashed on it",
    "missing": "there is no such file",
    "denied": "the file may not be read",
    "not_allowed": "it lies where no input may lie",
    "bad_uri": "its address cannot be used",
}
_CLASSES = {
    "qr_code": "QR code",
    "too_small": "too small",
    "scanned_page": "scanned page",
    "doubtful": "hardly a photograph",
    "repeat": "shown before",
}


def reason_words(reason: str) -> str:
    """A verdict's reason as a sentence."""
    if reason.startswith(_UNREADABLE):
        return f"A document cannot be read: {status_words(reason.removeprefix(_UNREADABLE))}."
    return _REASONS.get(reason, reason)


def status_words(status: str) -> str:
    """A document's status, in words that follow "cannot be read:"."""
    return _STATUSES.get(status, status)


def excluded_words(reason: str | None, image_class: str | None) -> str:
    """Says why an image of a document was excluded, in a word or two."""
    name = "repeat" if reason == "repeat" else image_class or "unknown"
    return _CLASSES.get(name, name)
