"""The card of one product: its best pair side by side, what was decided and why, and what was excluded.

A card has at most CARD_BYTES, whatever a catalogue holds: long texts are cut, and lists end where no room is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from urllib.parse import quote, unquote

from jobs.audit.report.links import KEPT, Links, to_page
from jobs.audit.report.order import group_of
from jobs.audit.report.read import Shown
from jobs.audit.report.words import GROUP_WORDS, excluded_words, reason_words, status_words
from jobs.audit.verdicts import of_machine
from jobs.tables.keys import evidence_key_of
from jobs.tables.reviews import CONFLICT
from jobs.tables.schemas import READABLE, Verdict

CARD_BYTES = 9000  # so that a page of 200 has less than 2 MB
LONGEST = 100  # characters of a title, a name or a detail
SHOWN_BY_BROWSERS = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp")


def card(shown: Shown, links: Links) -> str:
    """The product as HTML."""
    row = shown.verdict
    name, group = row["product_id"], group_of(row)
    title = f"<p>{_text(shown.product.title)}</p>" if shown.product and shown.product.title else ""
    head = (
        f'<article id="p-{name}" class="{group}" tabindex="-1"><div>'
        f'<h2><a href="#p-{quote(name)}">{name}</a></h2>{title}'
        f'<p><span class="verdict">{GROUP_WORDS[group]}</span>{_reason(row)}</p>{_facts(row)}'
    )
    figure = _figure(shown, links)
    room = CARD_BYTES - sum(len(part.encode()) for part in (head, figure)) - 700  # for what encloses the lists
    documents, images = list(_documents(shown, links)), list(_images(shown, links))
    fitting_images, spare = _fitting(images, room // 3)
    fitting_documents, room = _fitting(documents, room - room // 3 + spare)
    excluded, _ = _fitting(_excluded(shown, links), room)
    more = f"more: <code>scott explain {name}</code>"
    inputs = _listed("Documents", fitting_documents, len(documents), more)
    inputs += _listed("Catalogue images", fitting_images, len(images), more)
    return f"{head}{inputs}</div>{figure}{_details(shown, excluded)}</article>\n"


def _reason(row: Verdict) -> str:
    since = f' <span class="note">decided in the audit of {row["carried_from"]}</span>' if row["carried_from"] else ""
    why = f"<br>{escape(reason_words(row['reason']))} <code>{escape(row['reason'])}</code>" if row["reason"] else ""
    return f"{since}{why}{_review(row)}"


def _review(row: Verdict) -> str:
    """Who reviewed the product, and what the machine says."""
    if not row["review"]:
        return ""
    verdict, reason = of_machine(row)
    said = "disagree" if row["review"] == CONFLICT else f"said {row['review'].replace('_', ' ')}"
    people = _text(", ".join(row["reviewed_by"] or []))
    machine = f"{verdict.replace('_', ' ')}{f' ({reason})' if reason else ''}"
    return f'<br><span class="note">{people} {said}; the machine says {escape(machine)}</span>'


def _facts(row: Verdict) -> str:
    pairs = f"{row['n_catalogue_images']} × {row['n_document_images']}"
    if row["n_pairs_failed"]:
        pairs += f", {row['n_pairs_failed']} failed"
    facts = {"probability": _number(row["probability"]), "best pair's score": _number(row["best_score"])}
    facts |= {"pairs of images": pairs}
    return f"<dl>{''.join(f'<div><dt>{key}</dt><dd>{value}</dd></div>' for key, value in facts.items() if value)}</dl>"


def _figure(shown: Shown, links: Links) -> str:
    """The best pair with its sources; of a product without one, the first catalogue image that a browser can show."""
    row = shown.verdict
    if row["evidence_uri"]:
        address = links.to_key(evidence_key_of(row["evidence_uri"]))
        left, right = _name(row["best_catalogue_image"]), f"{_name(row['best_document'])}, page {row['best_page']}"
        alt = f"{row['product_id']}: {left} on the left, an image of {right} on the right, the common object in green"
        image = f'<a href="{address}"><img loading="lazy" src="{address}" alt="{alt}"></a>'
        document = links.to_uri(row["best_document"])
        alone = _best_key(shown)
        more = f' (<a href="{links.to_key(alone)}">the image alone</a>)' if alone else ""
        return (
            f"<figure>{image}<figcaption>"
            f"<span>Left: {_link(links.to_uri(row['best_catalogue_image']), left)} of the catalogue</span>"
            f"<span>Right: {_link(document and to_page(document, row['best_page']), right)}{more}</span>"
            "</figcaption></figure>"
        )
    for uri in shown.product.image_uris if shown.product else ():
        address = links.to_uri(uri) or ""
        if uri.lower().endswith(SHOWN_BY_BROWSERS) and address:
            alt = f"{row['product_id']}: {_name(uri)} of the catalogue"
            image = f'<a href="{escape(address)}"><img loading="lazy" src="{escape(address)}" alt="{alt}"></a>'
            return f'<figure class="alone">{image}<figcaption>{_name(uri)} of the catalogue</figcaption></figure>'
    return "<figure></figure>"


def _best_key(shown: Shown) -> str | None:
    """The key of the document image of the best pair."""
    row = shown.verdict
    place = row["best_document"], row["best_page"], row["best_bbox"]
    for image in shown.rows:
        if image["used"] and (image["document"], image["page"], image["bbox"]) == place:
            return image["image_key"]
    return None


def _documents(shown: Shown, links: Links) -> Iterator[str]:
    """Each document, with what was wrong with it; those that cannot be read first."""
    read = {row["document"]: row for row in shown.rows}
    unread = {uri for uri, row in read.items() if row["document_status"] not in READABLE}
    for uri in sorted(shown.product.document_uris if shown.product else read, key=lambda uri: uri not in unread):
        row = read.get(uri)
        said = ""
        if row and uri in unread:
            said = f" cannot be read: {escape(status_words(row['document_status']))}"
        elif row and row["document_status"] == "partial":
            said = " was read in part"
        if row and said and row["document_detail"] not in (None, status_words(row["document_status"])):
            said += f' <span class="note">({_text(row["document_detail"])})</span>'
        yield f"<li>{_link(links.to_uri(uri), _name(uri))}{said}</li>"


def _images(shown: Shown, links: Links) -> Iterator[str]:
    """Each catalogue image."""
    for uri in shown.product.image_uris if shown.product else ():
        yield f"<li>{_link(links.to_uri(uri), _name(uri))}</li>"


def _excluded(shown: Shown, links: Links) -> Iterator[str]:
    """Each excluded image: where it is, and why it was not compared."""
    n_documents = len({row["document"] for row in shown.rows})
    for row in shown.excluded:
        address = links.to_uri(row["document"])
        place = f"{'' if n_documents == 1 else _name(row['document']) + ', '}page {row['page']}"
        why = f"{excluded_words(row['reason'], row['image_class'])}, {row['width']} × {row['height']} px"
        more = (row["reason"] or "").removeprefix(f"{row['image_class']}").removeprefix(": ")
        yield (
            f"<li>{_link(address and to_page(address, row['page']), place)}: {escape(why)} "
            f'<span class="note">{_text(more)}</span></li>'
        )


def _details(shown: Shown, lines: list[str]) -> str:
    counts = Counter(excluded_words(row["reason"], row["image_class"]) for row in shown.excluded)
    n = counts.total()
    if not n:
        return ""
    words = ", ".join(f"{count} {escape(word)}" for word, count in counts.most_common())
    left = f"<li>and {n - len(lines)} more: <code>scott explain {shown.verdict['product_id']}</code></li>"
    return (
        f"<details><summary>{n} image{'s' * (n > 1)} of the documents excluded: {words}</summary>"
        f"<ul>{''.join(lines)}{left if len(lines) < n else ''}</ul></details>"
    )


def _listed(heading: str, items: list[str], total: int, more: str) -> str:
    left = f"<li>and {total - len(items)} {more}</li>" if len(items) < total else ""
    return f'<p class="note">{heading}</p><ul class="inputs">{"".join(items)}{left}</ul>' if total else ""


def _fitting(lines: Iterable[str], room: int) -> tuple[list[str], int]:
    """The first of `lines` that fit into `room` bytes, and the room that is left."""
    found: list[str] = []
    for line in lines:
        if (room := room - len(line.encode())) < 0:
            return found, 0
        found.append(line)
    return found, room


def _link(address: str | None, text: str) -> str:
    return f'<a href="{escape(address)}">{text}</a>' if address else text


@lru_cache(KEPT)
def _name(uri: str | None) -> str:
    """The last part of a URI, escaped."""
    name = (uri or "").rpartition("/")[2]
    return _text(unquote(name) if uri and uri.startswith("file://") else name)


def _text(text: str | None) -> str:
    text = text or ""
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
