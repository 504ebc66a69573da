"""Changes the open document, never its file, where MuPDF 1.28 would show a page otherwise than PDF means it."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pymupdf
from pymupdf import mupdf

# A policy of optional content that MuPDF reads wrongly: one that means the same where one group stands for all
_SAME_OF_ONE = {"AllOn": "AnyOn", "AnyOff": "AllOff"}
_BROKEN = (mupdf.FzErrorBase, RuntimeError, ValueError)  # raised for a number without a sound object
_NUMBER = re.compile(r"\d+")
_MOST_VERSIONS = 100  # of a file, looked at for hidden objects: the newest ones
_OBJECT = re.compile(rb"\s*(\d+)\s+(\d+)\s+obj")


def amend_layers(document: pymupdf.Document) -> None:
    """Express what MuPDF 1.28 reads wrongly of optional content by what it reads rightly (ISO 32000-1, 8.11.2.2).

    The policies AllOn and AnyOff of a membership dictionary become AnyOn and AllOff of one group: of one that is off,
    if there is one. A visibility expression, which goes before them, becomes a policy of any of its groups.

    Raises MuPDF's errors and ValueError where the document's layers are damaged.
    """
    if document.xref_get_key(document.pdf_catalog(), "OCProperties")[0] == "null":
        return
    shown = document.get_layer()  # get_ocgs() reports every group as on
    off = set(shown.get("off", []))
    if shown.get("basestate") == "OFF":
        off |= document.get_ocgs().keys() - set(shown.get("on", []))
    pdf = mupdf.pdf_document_from_fz_document(document.this)
    for xref in range(1, document.xref_length()):
        written = ""
        with contextlib.suppress(*_BROKEN):
            written = document.xref_object(xref, compressed=True)
        if "/OCMD" in written:
            for membership in _memberships(mupdf.pdf_new_indirect(pdf, xref, 0)):
                _amend_membership(membership, off)


def _memberships(part: Any) -> Iterator[Any]:
    """The membership dictionaries in an object, itself too, without those of the objects that it refers to."""
    if mupdf.pdf_is_dict(part):
        if mupdf.pdf_to_name(mupdf.pdf_dict_gets(part, "Type")) == "OCMD":
            yield part
        parts = [mupdf.pdf_dict_get_val(part, index) for index in range(mupdf.pdf_dict_len(part))]
    else:
        parts = [mupdf.pdf_array_get(part, index) for index in range(mupdf.pdf_array_len(part))]
    for each in parts:
        if not mupdf.pdf_is_indirect(each) and (mupdf.pdf_is_dict(each) or mupdf.pdf_is_array(each)):
            yield from _memberships(each)


def _amend_membership(membership: Any, off: Collection[int]) -> None:
    """Change one membership dictionary, where MuPDF would read it wrongly."""
    policy = _SAME_OF_ONE.get(mupdf.pdf_to_name(mupdf.pdf_dict_gets(membership, "P")))
    expression = mupdf.pdf_dict_gets(membership, "VE")
    if mupdf.pdf_is_array(expression):
        visibility = _Visibility(off)
        visible = visibility.of(expression)
        stands_for_all = list(visibility.groups)[:1]
        policy = "AnyOn" if [visible] == [visibility.groups[group] for group in stands_for_all] else "AllOff"
        mupdf.pdf_dict_dels(membership, "VE")
    elif policy:
        groups = mupdf.pdf_dict_gets(membership, "OCGs")
        each = [mupdf.pdf_array_get(groups, index) for index in range(mupdf.pdf_array_len(groups))] or [groups]
        named = [number for number in map(mupdf.pdf_to_num, each) if number]
        stands_for_all = [group for group in named if group in off][:1] or named
    else:
        return
    pdf = mupdf.pdf_get_bound_document(membership)
    amended = mupdf.pdf_new_array(pdf, 1)
    for group in stands_for_all:
        mupdf.pdf_array_push(amended, mupdf.pdf_new_indirect(pdf, group, 0))
    mupdf.pdf_dict_puts(membership, "OCGs", amended)
    mupdf.pdf_dict_puts(membership, "P", mupdf.pdf_new_name(policy))


class _Visibility:
    """Evaluates visibility expressions; `groups` are those that were met, by number, and whether each is on."""

    def __init__(self, off: Collection[int]) -> None:
        self.groups: dict[int, bool] = {}
        self._off = off
        self._arrays: dict[int, bool] = {}  # by number: each is evaluated once, however often others name it

    def of(self, expression: Any) -> bool:
        """Whether an expression holds: a group, or an array of And, Or or Not and expressions.

        Raises RecursionError for an array that contains itself.
        """
        number = mupdf.pdf_to_num(expression)
        if not mupdf.pdf_is_array(expression):
            return self.groups.setdefault(number, number not in self._off)
        if number not in self._arrays:
            operator = mupdf.pdf_to_name(mupdf.pdf_array_get(expression, 0))
            count = mupdf.pdf_array_len(expression)
            values = [self.of(mupdf.pdf_array_get(expression, index)) for index in range(1, count)]
            value = any(values) if operator == "Or" else not any(values) if operator == "Not" else all(values)
            if not number:
                return value
            self._arrays[number] = value
        return self._arrays[number]


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


def add_hidden_objects(document: pymupdf.Document, pdf: Path) -> None:
    """Give the document the objects of a hybrid-reference file that its table hides (ISO 32000-1, 7.5.8.4).

    The table calls them free, so that readers of PDF 1.4 ignore them, and the cross-reference stream /XRefStm beside it
    says where they are. MuPDF 1.28 believes the table. Each version of an incrementally updated file may have such a
    stream, and what a later version says of an object goes before it.

    Raises MuPDF's errors, ValueError and IndexError where such a stream is damaged.
    """
    if document.xref_get_key(-1, "Encrypt")[0] != "null":
        return
    versions = mupdf.pdf_document_from_fz_document(document.this).m_internal
    seen = set()
    try:
        for version in range(min(versions.num_xref_sections, _MOST_VERSIONS)):  # the newest is 0
            versions.xref_base = version
            kind, offset = document.xref_get_key(-1, "XRefStm")
            if kind == "int" and offset not in seen:
                seen.add(offset)
                _add_objects(document, pdf, int(offset))
    finally:
        versions.xref_base = 0


def _add_objects(document: pymupdf.Document, pdf: Path, offset: int) -> None:
    """Give the version of the document that MuPDF looks at the objects of the stream at this offset of the file."""
    with pdf.open("rb") as file:
        file.seek(offset)
        head = _OBJECT.match(file.read(64))
    if head is None:
        raise ValueError(f"no object at {offset}, where XRefStm points")
    xref = int(head[1])
    _set_entry(document, xref, 1, offset + head.start(1), int(head[2]))
    fields = [int(value) for value in _NUMBER.findall(document.xref_get_key(xref, "W")[1])]
    runs = [int(value) for value in _NUMBER.findall(document.xref_get_key(xref, "Index")[1])]
    rows = io.BytesIO(document.xref_stream(xref))
    for first, count in zip(runs[::2], runs[1::2], strict=True):
        for number in range(first, first + min(count, document.xref_length())):
            row = [int.from_bytes(rows.read(width), "big") for width in fields]
            _set_entry(document, number, *(row if fields[0] else [1, *row[1:]]))


def _set_entry(document: pymupdf.Document, xref: int, kind: int, place: int, last: int) -> None:
    """Say where an object is that the table calls free, by the fields of a cross-reference stream (table 18)."""
    if kind in (1, 2) and 0 < xref < document.xref_length():
        pdf = mupdf.pdf_document_from_fz_document(document.this)
        entry = mupdf.ll_pdf_get_xref_entry(pdf.m_internal, xref)
        if entry.type in ("f", "\0"):
            entry.type, entry.ofs, entry.gen = "n" if kind == 1 else "o", place, last
