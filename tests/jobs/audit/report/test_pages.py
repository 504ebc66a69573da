"""What stands on the pages of a report, and that it stays small whatever a catalogue holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from jobs.audit.report import read_verdicts, write_report
from jobs.audit.report import search as search_module
from jobs.audit.report.cards import CARD_BYTES, card
from jobs.audit.report.counts import BINS, Counts
from jobs.audit.report.links import Links
from jobs.audit.report.order import GROUPS
from jobs.audit.report.pages import PRODUCTS
from jobs.audit.report.plots import histogram
from jobs.audit.report.read import Shown
from jobs.audit.run import run_audit
from jobs.bench.growth.reports import write_audit
from jobs.storage import Storage, open_storage
from jobs.tables.plan import PlannedProduct, read_plan
from jobs.tables.schemas import DOCUMENT_IMAGES, VERDICTS
from tests.jobs.audit.report.pages import Page, index_of, issue_of, pages_of, products_of
from tests.jobs.audit.steps import DAY, asked
from tests.jobs.small_catalogue import write_catalogue

N = 450  # products of the made-up audit: three pages


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Storage, dict[str, Any]]:
    """The small catalogue on a file system, audited once, and what each verdict must be."""
    storage = open_storage(str(tmp_path_factory.mktemp("audited")))
    expected = write_catalogue(storage)
    run_audit(storage.root, DAY, **asked("nightly", n_buckets=3))
    return storage, expected


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """N products that nobody audited, with their report."""
    root = tmp_path_factory.mktemp("made-up")
    write_audit(root, N, n_buckets=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_module, "LEAF", 100)
        write_report(str(root), DAY)
    return open_storage(str(root))


def test_every_product_is_shown_and_every_link_works(audited: tuple[Storage, dict[str, Any]]) -> None:
    storage, expected = audited
    assert sorted(products_of(storage)) == sorted(expected)
    (page,) = pages_of(storage)
    index = index_of(storage)
    assert {reason for _, reason in expected.values() if reason} <= set(page.text.split()) & set(index.text.split())
    for each in (index, page):
        for link in each.links:
            path, _, fragment = link.partition("#")
            target = (Path(storage.root.removeprefix("file://")) / each.key).parent / unquote(path or ".")
            assert target.exists(), link
            if fragment.startswith("page="):
                assert target.suffix == ".pdf"
            elif fragment.startswith("p-"):
                there = page if path else each
                assert unquote(fragment).removeprefix("p-") in there.products
    assert sum(link.startswith("../../../evidence/") for link in page.links) == 2 * 3  # image and link


def test_a_card_says_what_was_decided_and_from_what(audited: tuple[Storage, dict[str, Any]]) -> None:
    (page,) = pages_of(audited[0])
    cards = dict(zip(page.products, page.data.decode().split("<article ")[1:], strict=True))
    assert "../../../catalogue/match/documents/report-0.pdf#page=2" in cards["match"]
    assert "../../../images/sha256%3D" in cards["match"]
    assert "01.jpg on the left, an image of report-0.pdf, page 2 on the right" in cards["match"]
    assert "The documents show no photograph." in cards["no-photo"]
    assert "../../../catalogue/no-photo/images/00.jpg" in cards["no-photo"]
    assert "cannot be read: a password is needed" in cards["encrypted"]
    assert "<dd>2 × 1, 1 failed</dd>" in cards["bad-image"]


def test_products_are_in_order_on_pages_of_200(made_up: Storage) -> None:
    _, rows = read_verdicts(made_up, DAY)
    by_verdict = {"no_match": 1, "undecided": 2, "match": 3}
    close = sorted(
        (row for row in rows if row["reason"] == "close_call"), key=lambda row: -float(row["probability"] or 0)
    )
    others = [row for row in rows if row["reason"] != "close_call"]
    wanted = [*close, *sorted(others, key=lambda row: (by_verdict[row["verdict"]], row["product_id"]))]
    assert len(close) > 10
    assert products_of(made_up) == [row["product_id"] for row in wanted]
    assert [len(page.products) for page in pages_of(made_up)] == [PRODUCTS, PRODUCTS, N - 2 * PRODUCTS]


def test_the_index_counts_and_leads_to_each_group(made_up: Storage) -> None:
    _, rows = read_verdicts(made_up, DAY)
    index, pages = index_of(made_up), pages_of(made_up)
    groups = Counter("close_call" if row["reason"] == "close_call" else row["verdict"] for row in rows)
    state = json.loads(re.findall(r'id="_state">(.*?)</script>', index.data.decode())[0])
    assert state["groups"] == groups
    links = [link.partition("#p-") for link in index.links if "#p-" in link]
    assert len(links) == len(GROUPS)
    by_key = {page.key: page for page in pages}
    for path, _, product_id in links:
        assert product_id in by_key[f"reports/audit_date={DAY}/{path}"].products
    for reason, count in Counter(row["reason"] for row in rows if row["verdict"] == "undecided").items():
        assert re.search(rf"<strong>{count}</strong>[^<]*<code>{reason}</code>", index.data.decode())


def test_pages_lead_to_each_other(made_up: Storage) -> None:
    for number, page in enumerate(pages_of(made_up), 1):
        neighbours = {f"page-{other:04d}.html" for other in (number - 1, number + 1) if 1 <= other <= 3}
        assert {link for link in page.links if link.startswith("page-")} == neighbours
        assert "../index.html" in page.links


def test_the_search_knows_the_page_of_every_product(made_up: Storage) -> None:
    folder = issue_of(made_up)
    read = {key.rpartition("/")[2]: made_up.read(key).data.decode() for key in made_up.keys(folder)}
    starts = json.loads(re.fullmatch(r"scott\.starts\((.*)\);\n", read["ids.js"])[1])  # type: ignore[index]
    found = {}
    for number, start in enumerate(starts):
        leaf = re.fullmatch(rf"scott\.leaf\({number}, (.*)\);\n", read[f"ids-{number:05d}.js"])
        assert leaf
        lines = json.loads(leaf[1]).split("\n")
        assert lines[0].split()[0].lower() == start
        assert len(lines) <= 100
        found |= {line.split()[0]: line.split()[1:] for line in lines}
    assert len(starts) == 5
    assert [*found] == sorted(found)
    for number, page in enumerate(pages_of(made_up), 1):
        for product_id in page.products:
            page_number, group = found.pop(product_id)
            assert int(page_number) == number
            assert f'id="p-{product_id}" class="{GROUPS[int(group)]}"' in page.data.decode()
    assert not found


def row_of(table: Any, **more: Any) -> Any:
    return {**dict.fromkeys(table.columns), **more}


def hostile(storage: Storage) -> Shown:
    """A product of which everything is as long as it can be, and full of what HTML escapes."""
    name, junk = "A" + "~" * 127, '"&<script>' * 2000
    product = PlannedProduct(
        name,
        title=junk,
        category=None,
        image_uris=tuple(f"a/{n}/{junk[:600]}.jpg" for n in range(500)),
        document_uris=tuple(f"b/{n}/{junk[:300]}" for n in range(500)),
        run_id="1",
    )
    images = [
        row_of(
            DOCUMENT_IMAGES, document=uri, document_status="partial", document_detail=junk, page=n, width=n, height=n,
            digest="d", used=False, image_class=f"{junk[:9]}{n % 20}", reason=junk,
        )
        for n, uri in enumerate(product.document_uris)
    ]  # fmt: skip
    verdict = row_of(
        VERDICTS, product_id=name, verdict="undecided", reason=junk[:60], probability=0.5, best_score=0.5,
        best_catalogue_image=product.image_uris[0], best_document=product.document_uris[0], best_page=1,
        n_catalogue_images=500, n_document_images=0, n_pairs_failed=0,
        evidence_uri=storage.uri(f"evidence/audit_date={DAY}/{name}.jpg"),
    )  # fmt: skip
    return Shown(verdict, product, images)


def test_no_catalogue_makes_a_card_too_long(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    text = card(hostile(storage), Links(storage))
    assert CARD_BYTES / 2 < len(text.encode()) <= CARD_BYTES
    assert PRODUCTS * CARD_BYTES < 1_900_000
    page = Page("", text.encode())
    assert "<script" not in text
    assert "more: scott explain" in re.sub(r"\s+", " ", page.text)


def test_a_long_list_of_documents_begins_with_those_that_cannot_be_read(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    documents = tuple(f"catalogue-of-supplier/test-reports/2026/report-{n:04d}-of-the-product.pdf" for n in range(60))
    product = PlannedProduct("P1", None, None, tuple(f"{n}.jpg" for n in range(4)), documents, run_id="1")
    rows = [
        row_of(DOCUMENT_IMAGES, document=uri, document_status="ok" if uri != documents[-1] else "missing", used=False)
        for uri in documents
    ]
    verdict = row_of(VERDICTS, product_id="P1", verdict="undecided", reason="document_unreadable:missing")
    verdict |= dict.fromkeys(("n_catalogue_images", "n_document_images", "n_pairs_failed"), 0)
    text = re.sub(r"\s+", " ", Page("", card(Shown(verdict, product, rows), Links(storage)).encode()).text)
    assert text.index("report-0059") < text.index("report-0000")
    assert "there is no such file" in text
    listed = sum(f"report-{n:04d}" in text for n in range(60))
    assert listed == 60 or f"and {60 - listed} more: scott explain P1" in text
    assert all(f"{n}.jpg" in text for n in range(4))


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("catalogue/P 1/ü#?.pdf", "../../../catalogue/P%201/%C3%BC%23%3F.pdf"),
        ("{root}/catalogue/a%20b.pdf", "../../../catalogue/a%20b.pdf"),
        ("{path}/a b.pdf", "../../../a%20b.pdf"),
        ("/elsewhere/a b.pdf", "file:///elsewhere/a%20b.pdf"),
        ("file:///elsewhere/a%20b.pdf", "file:///elsewhere/a%20b.pdf"),
        ("s3://bucket/a.pdf", None),
        ("https://example.com/a.pdf", None),
        ("//example.com/a.pdf", None),
        ("file:////example.com/a.pdf", None),
        ("../outside.pdf", None),
        ("javascript:alert(1)", "../../../javascript%3Aalert%281%29"),
        ("x/" + "ü" * 400 + ".pdf", None),
        (None, None),
    ],
)
def test_what_a_browser_can_open_has_an_address(tmp_path: Path, uri: str | None, address: str | None) -> None:
    storage = open_storage(str(tmp_path))
    given = uri and uri.replace("{root}", storage.root).replace("{path}", str(tmp_path))
    assert Links(storage).to_uri(given) == address


def test_addresses_in_a_bucket_are_relative(s3_root: str) -> None:
    links = Links(open_storage(s3_root))
    assert links.to_uri(f"{s3_root}/a%20b.pdf") == "../../../a%2520b.pdf"  # a key is no percent-encoding
    assert links.to_uri("catalogue/a.pdf") == "../../../catalogue/a.pdf"
    assert links.to_uri(f"{s3_root}-else/a.pdf") is None
    assert links.to_uri("file:///a.pdf") is None


def test_a_score_of_one_is_in_the_last_bin(audited: tuple[Storage, dict[str, Any]]) -> None:
    storage, _ = audited
    (row, *_), counts = read_verdicts(storage, DAY)[1], Counts()
    counts.add({**row, "best_score": 1.0}, read_plan(storage, DAY))
    assert [number for _, number in counts.best_score] == [BINS - 1]


def test_the_histogram_is_numpys() -> None:
    values = np.random.default_rng(0).beta(0.3, 0.3, 999)
    counts = Counter(("match", min(int(value * BINS), BINS - 1)) for value in values)
    said = re.findall(r"<title>([\d.]+) to [\d.]+, products: ([\d,]+)", histogram(counts, [0.2], "x"))  # type: ignore[arg-type]
    assert [int(count.replace(",", "")) for _, count in said] == np.histogram(values, BINS, (0, 1))[0].tolist()
