"""What pages tell, and where; and the links that they copy."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.catalogs.browser.conftest import Browse
from tests.catalogs.browser.shop import shop
from tests.catalogs.browser.test_choosing import ids_of, list_some, listed, served  # noqa: F401 - fixtures
from tests.catalogs.browser.test_pages import opened, total

OVER = """() => {
  const told = document.querySelector('.toast').getBoundingClientRect();
  return [...document.querySelectorAll('button, a, input, select, textarea')].filter((one) => {
    const box = one.getBoundingClientRect();
    const apart = box.right <= told.left || box.left >= told.right || box.bottom <= told.top || box.top >= told.bottom;
    return one.checkVisibility() && box.width && !one.closest('.toast') && !apart;
  }).map((one) => one.outerHTML);
}"""
"""Controls that what is told lies over."""


def may_copy(page: Page) -> None:
    """Let a page copy."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])


# What is told.

TOLD = {
    "?": ["t", "ArrowRight", "t", "l"],
    "designs/{0}": ["l"],
    "compare?id={0}&id={1}&id={2}": ["k"],
    "shortlists": ["z"],
    "shortlist?name=Spring": ["l"],
}
"""For pages keys after which something is told."""
WIDTHS = (1440, 1280, 1024, 760, 360)


@pytest.mark.parametrize("path", TOLD)
def test_what_is_told_covers_no_control(chromium: Browser, tmp_path: Path, path: str, browse: Browse) -> None:
    """At every width what is told lies over no button, link or field, and a press on it reaches what is below."""
    shop(tmp_path)
    list_some(tmp_path, 4)
    with browse(tmp_path) as (served_at, _):
        address = served_at + path.format(*ids_of(tmp_path))
        for width in WIDTHS:
            with opened(chromium, address, width) as page:
                may_copy(page)
                page.wait_for_load_state("networkidle")
                for key in TOLD[path]:
                    page.keyboard.press(key)
                expect(page.locator(".toast")).to_have_count(1)
                assert page.evaluate(OVER) == [], width
                style = page.evaluate("getComputedStyle(document.querySelector('.toast')).pointerEvents")
                assert style == "none", width


# Links.


@pytest.mark.parametrize("by_key", [True, False])
@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("?garment=tee&sort=old", "?garment=tee&sort=old"),
        ("shortlist?name=Spring", "shortlist?name=Spring"),
        ("designs/{0}?back=/%3Fgarment%3Dtee", "designs/{0}"),
        ("compare?id={0}&id={1}&back=/", "compare?id={0}&id={1}"),
    ],
)
def test_a_link_is_copied(
    chromium: Browser,
    listed: Path,  # noqa: F811
    served: str,  # noqa: F811
    path: str,
    wanted: str,
    by_key: bool,
) -> None:
    """A page's address is copied in full, without one's own way back; on loopback its reach is said."""
    ids = ids_of(listed)
    with opened(chromium, served + path.format(*ids)) as page:
        may_copy(page)
        if by_key:
            page.keyboard.press("l")
        else:
            page.get_by_role("button", name="Copy link").click()
        expect(page.locator("#toasts")).to_contain_text("Link copied.")
        expect(page.locator("#toasts")).to_contain_text("on this machine only")
        expect(page.locator("#toasts")).to_contain_text("stylemill browse --host")
        assert page.evaluate("navigator.clipboard.readText()") == served + wanted.format(*ids)


def test_the_large_views_link_is_its_designs(chromium: Browser, served: str) -> None:  # noqa: F811
    """With a design large over the grid, the key copies the design's own address."""
    with opened(chromium, served) as page:
        may_copy(page)
        total(page, "12 designs")
        page.keyboard.press(" ")
        shown = re.search(r"pictures/(\w+)", page.locator("#big img").get_attribute("src") or "")
        page.keyboard.press("l")
        expect(page.locator("#toasts")).to_contain_text("Link copied.")
        assert shown and page.evaluate("navigator.clipboard.readText()") == f"{served}designs/{shown[1]}"


def test_a_link_for_others(chromium: Browser, listed: Path, browse: Browse) -> None:  # noqa: F811
    """Where others reach it nothing is said of this machine; where no page may copy, the link is selected."""
    token, named = (
        "a-token-of-some-length",
        ["--no-sandbox", "--host-resolver-rules=MAP shop.example 127.0.0.1"],
    )
    elsewhere = chromium.browser_type.launch(executable_path=shutil.which("chromium"), args=named)
    with (
        browse(listed, "--host", "0.0.0.0", "--token", token) as (found, _),
        opened(elsewhere, re.sub(r"//[^:/]+", "//shop.example", found), quiet=False) as page,
    ):
        page.locator("input[name=token]").fill(token)
        page.locator("input[name=who]").fill("bob")
        page.locator("button").click()
        total(page, "12 designs")
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator("dialog input")).to_have_value(page.url)
        selected = "(field) => field.value.slice(field.selectionStart, field.selectionEnd)"
        assert page.locator("dialog[open] input").evaluate(selected) == page.url
        expect(page.locator("dialog[open]")).not_to_contain_text("this machine")
    elsewhere.close()
