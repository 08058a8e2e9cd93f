"""People try a tool on the page, in a real browser."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.tools.offered import KEY
from tests.tools.served import served

# Each but the last keeps it from looking for its maker's servers.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-sandbox"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
def page(url: str) -> Iterator[Page]:
    """The page, open; a message on its console is a failure."""
    if not (chromium := shutil.which("chromium")):
        pytest.skip("no chromium on PATH: `make chromium` says how it gets there")
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{url}/docs")
        yield page
        browser.close()
    assert [each for each in said if "the server responded with a status of 422" not in each] == []


def answer(page: Page, tool: str) -> str:
    shown = page.locator(f"#{tool} [data-answer]")
    page.wait_for_function("shown => shown.textContent.length > 5", arg=shown.element_handle())
    return shown.inner_text()


def test_a_tool_is_tried_on_the_page(page: Page) -> None:
    page.fill("#key", KEY)
    page.fill("#search_knowledge [name=query]", "parcels")
    page.click("#search_knowledge button:text('Try it')")
    assert "A parcel may weigh ten kilograms." in answer(page, "search_knowledge")


def test_what_is_wrong_with_an_argument_is_shown_where_it_was_tried(page: Page) -> None:
    page.fill("#key", KEY)
    page.fill("#search_knowledge [name=query]", "parcels")
    page.fill("#search_knowledge [name=top_k]", "99")
    page.click("#search_knowledge button:text('Try it')")
    assert "422" in answer(page, "search_knowledge")
    assert "Input should be less than or equal to 50" in answer(page, "search_knowledge")


def test_it_can_be_read_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
