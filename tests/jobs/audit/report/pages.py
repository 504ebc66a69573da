"""Reads the pages of a report as a browser without scripts would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from jobs.storage import Storage
from jobs.tables.keys import report_folder
from tests.jobs.audit.steps import DAY

VOID = {"meta", "link", "img", "input", "br"}  # elements without an end


@dataclass
class Page(HTMLParser):
    """The ids of products, the links and the text of a page; elements must be closed as they were opened."""

    key: str
    data: bytes
    products: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(self.data.decode())
        assert self.open == [], self.key

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag == "article":
            self.products.append((found["id"] or "").removeprefix("p-"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.key

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def index_of(storage: Storage, day: str = DAY) -> Page:
    """The index."""
    key = f"{report_folder(day)}/index.html"
    return Page(key, storage.read(key).data)


def issues_of(storage: Storage, day: str = DAY) -> set[str]:
    """The names of folders with issues of a report."""
    parts = [key.split("/") for key in storage.keys(report_folder(day))]
    return {names[2] for names in parts if len(names) > 3}


def issue_of(storage: Storage, day: str = DAY) -> str:
    """The folder of the issue that the index leads to; there must be no other."""
    (issue,) = issues_of(storage, day)
    assert f'"issue": "{issue}"' in index_of(storage, day).data.decode()
    return f"{report_folder(day)}/{issue}"


def pages_of(storage: Storage, day: str = DAY) -> list[Page]:
    """The pages of products, in their order."""
    keys = [key for key in storage.keys(issue_of(storage, day)) if key.endswith(".html")]
    assert [int(number) for key in keys for number in re.findall(r"page-(\d+)\.html", key)] == [
        *range(1, len(keys) + 1)
    ]
    return [Page(key, storage.read(key).data) for key in keys]


def products_of(storage: Storage, day: str = DAY) -> list[str]:
    """The products of all pages, in their order."""
    return [product_id for page in pages_of(storage, day) for product_id in page.products]
