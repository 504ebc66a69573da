"""Changes the open document, never its file, where MuPDF 1.28 would show a page otherwise than PDF means it."""

from __future__ import annotations

import re

import pymupdf
from pymupdf import mupdf

# A policy of optional content that MuPDF reads wrongly: one that means the same where one group stands for all
_SAME_OF_ONE = {"/AllOn": "/AnyOn", "/AnyOff": "/AllOff"}
_REFERENCE = re.compile(r"(\d+) 0 R")


def amend_layers(document: pymupdf.Document) -> None:
    """Express the policies AllOn and AnyOff of optional content, which MuPDF 1.28 reads wrongly, as AnyOn and AllOff.

    A group that is off, if there is one, stands for all groups of a membership dictionary (ISO 32000-1, 8.11.2.2).

    Raises MuPDF's errors and ValueError where the document's layers are damaged.
    """
    if document.xref_get_key(document.pdf_catalog(), "OCProperties")[0] == "null":
        return
    shown = document.get_layer()  # get_ocgs() reports every group as on
    off = set(shown.get("off", []))
    if shown.get("basestate") == "OFF":
        off |= document.get_ocgs().keys() - set(shown.get("on", []))
    for xref in range(1, document.xref_length()):
        policy = _SAME_OF_ONE.get(document.xref_get_key(xref, "P")[1])
        if policy and document.xref_get_key(xref, "Type")[1] == "/OCMD":
            groups = [int(number) for number in _REFERENCE.findall(document.xref_get_key(xref, "OCGs")[1])]
            stands_for_all = [group for group in groups if group in off][:1] or groups
            document.xref_set_key(xref, "OCGs", f"[{' '.join(f'{group} 0 R' for group in stands_for_all)}]")
            document.xref_set_key(xref, "P", policy)


def drop_broken_masks(page: pymupdf.Page) -> bool:
    """Take unreadable soft masks off the page's images, else MuPDF does not paint them; whether there were any."""
    document, dropped = page.parent, False
    pdf = mupdf.pdf_document_from_fz_document(document.this)
    for xref, mask, *_ in page.get_images(full=True):
        if mask:
            try:
                mupdf.pdf_load_image(pdf, mupdf.pdf_new_indirect(pdf, mask, 0))
            except mupdf.FzErrorBase:
                document.xref_set_key(xref, "SMask", "null")
                dropped = True
    return dropped
