"""A report in a real browser, by clicking: opened from file://, and served from a folder and from a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from jobs.audit.report import pages as pages_module
from jobs.audit.report import search as search_module
from jobs.audit.run import run_audit
from jobs.storage import Storage, open_storage
from jobs.tables.keys import report_key
from tests.jobs.audit.report.browser import NoBrowser, open_tab, served
from tests.jobs.audit.report.pages import products_of
from tests.jobs.audit.steps import DAY, asked
from tests.jobs.small_catalogue import write_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def tab() -> Iterator[Page]:
    """An empty tab; what goes wrong in it fails the test."""
    wrong: list[str] = []
    try:
        with open_tab() as tab:
            tab.on("pageerror", lambda error: wrong.append(str(error)))
            tab.on("requestfailed", lambda request: wrong.append(f"{request.url}: {request.failure}"))
            tab.on("response", lambda response: wrong.append(response.url) if response.status >= 400 else None)
            yield tab
    except NoBrowser as error:
        pytest.skip(str(error))
    assert not [each for each in wrong if ".pdf" not in each and "favicon" not in each]  # a shell downloads PDFs


@pytest.fixture(params=["file", "served file", "served s3"])
def report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Storage, str]]:
    """The small catalogue's report of two pages and four scripts with ids, and the address of its index."""
    way = request.param.rpartition(" ")[2]
    root = str(request.getfixturevalue("tmp_path" if way == "file" else "s3_root"))
    storage = open_storage(root)
    write_catalogue(storage)
    monkeypatch.setattr(pages_module, "PRODUCTS", 5)
    monkeypatch.setattr(search_module, "LEAF", 2)
    run_audit(root, DAY, **asked("nightly", n_buckets=2))
    if request.param == "file":
        yield storage, storage.uri(report_key(DAY))
        return
    with served(storage) as address:
        yield storage, f"{address}/{report_key(DAY)}"


def sizes(tab: Page) -> list[int]:
    """The width of each image of the page, once it was scrolled to; 0 where it is broken."""
    found = []
    for image in tab.locator("article img").all():
        image.scroll_into_view_if_needed()
        image.evaluate("image => image.complete || new Promise(done => image.onload = image.onerror = done)")
        found.append(int(image.evaluate("image => image.naturalWidth")))
    return found


def test_a_reviewer_pages_searches_and_opens_a_document(tab: Page, report: tuple[Storage, str]) -> None:
    storage, address = report
    products = products_of(storage)
    tab.goto(address)
    assert tab.title() == f"Audit of {DAY}"
    assert [int(text.replace(",", "")) for text in tab.locator(".counts strong").all_inner_texts()] == [8, 0, 1, 6, 1]
    tab.get_by_text("Look at the products").click()
    for expected in (products[:5], products[5:]):
        assert tab.locator("article h2").all_inner_texts() == expected
        widths = sizes(tab)
        assert widths
        assert min(widths) > 0
        if expected == products[:5]:
            tab.keyboard.press("n")
            tab.wait_for_url("**/page-0002.html")
    tab.locator("a[rel=prev]").first.click()
    tab.wait_for_url("**/page-0001.html")

    tab.keyboard.press("/")
    tab.keyboard.type("MAT")
    tab.locator(".found a").wait_for()
    assert tab.locator(".found").inner_text().split() == ["match", "match"]  # the verdict, and the product's id
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/page-0002.html#p-match")
    target = tab.locator("article:target")
    assert target.locator("h2").inner_text() == "match"

    link = target.get_by_text("report-0.pdf, page 2")
    assert (link.get_attribute("href") or "").endswith("catalogue/match/documents/report-0.pdf#page=2")
    with tab.expect_download() as download:  # a headless shell has no viewer of PDF
        link.click()
    with open(download.value.path(), "rb") as file:
        assert file.read() == storage.read("catalogue/match/documents/report-0.pdf").data
    target.get_by_text("the image alone").click()
    tab.wait_for_url("**/images/**")


@pytest.mark.parametrize("report", ["file"], indirect=True)
def test_the_search_finds_what_there_is(tab: Page, report: tuple[Storage, str]) -> None:
    _, address = report
    tab.goto(address)
    search = tab.locator("#_search")
    for text, found in (("no", ["no-document", "no-images", "no-photo", "not-a-pdf"]), ("NO-P", ["no-photo"])):
        search.fill(text)
        tab.locator(".said", has_text=f"{len(found)} found").wait_for()
        assert [line.split()[-1] for line in tab.locator(".found li").all_inner_texts()] == found
    search.fill("nobody")
    tab.locator(".said", has_text="No product").wait_for()
    assert tab.locator(".found li").count() == 0
    search.fill("wrong")
    search.press("Enter")
    tab.wait_for_url("**#p-wrong")


@pytest.mark.parametrize("report", ["file"], indirect=True)
def test_an_address_of_the_index_leads_to_a_product(tab: Page, report: tuple[Storage, str]) -> None:
    _, address = report
    tab.goto(f"{address}#Encrypted")
    tab.wait_for_url("**#p-encrypted")
    assert tab.locator("article:target h2").inner_text() == "encrypted"
    assert tab.locator("article:focus h2").inner_text() == "encrypted"
    before, after = (tab.locator("article h2").all_inner_texts().index("encrypted") + n for n in (0, 1))
    tab.keyboard.press("j")
    assert tab.locator("article:focus h2").inner_text() == tab.locator("article h2").all_inner_texts()[after]
    shadows = [each.evaluate("e => getComputedStyle(e).boxShadow") for each in tab.locator("article").all()]
    assert shadows[before] == "none", "one product alone looks chosen"
    tab.goto(f"{address}#nobody")
    tab.locator(".said", has_text="No product of this audit is named nobody.").wait_for()


@pytest.mark.parametrize("report", ["file"], indirect=True)
def test_excluded_images_open_by_key_and_a_page_by_its_number(tab: Page, report: tuple[Storage, str]) -> None:
    _, address = report
    tab.goto(address)
    tab.locator("form.go input").fill("2")
    tab.locator("form.go button").click()
    tab.wait_for_url("**/page-0002.html")
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.tagName") == "ARTICLE"


def test_a_tab_needs_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any) -> None:
        return None

    monkeypatch.setattr("shutil.which", nothing)
    with pytest.raises(NoBrowser, match="chromium-headless-shell"), open_tab():
        pass
