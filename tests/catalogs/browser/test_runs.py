"""The page of runs: what became of each, what comes next, and the way to its designs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from catalogs.browser.app import create_app
from catalogs.browser.auth import request_guard, sessions
from catalogs.browser.context import BrowserContext
from catalogs.browser.runs import Run
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import Pictures
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.storage.stores import open_store
from tests.catalogs.browser.conftest import Browse
from tests.catalogs.browser.shop import shop
from tests.catalogs.browser.test_pages import opened, total
from tests.flows.reports.test_run_status import REPORT, filed

KILLED = Run(
    "r1", "killed", "It <b>died</b>.", datetime(2026, 11, 28, 10, tzinfo=UTC), "house", 12, 3, 2, "61 s", {"no mask": 2},
    "/d/report.html", "stylemill run --garment 'a b'", "It goes on by:",
)  # fmt: skip
UNREADABLE = Run("r2", "unreadable", "cut", None, "", 0, 1, 0, "0 s", {}, "", "", "")


def client(where: Path, *runs: Run) -> Iterator[TestClient]:
    """A client of a server that is told of these runs."""
    store = open_store(str(where))
    board, pictures = ReviewState(DesignCatalog(store)), Pictures(store, None, None)
    place = BrowserContext(board, pictures, sessions.Sessions(None, "ann"), "a catalog", None, lambda: runs)
    app = create_app(place, names=request_guard.LOOPBACK)
    with TestClient(app, base_url="http://127.0.0.1:8420") as found:
        yield found


def test_told(tmp_path: Path) -> None:
    """A run's state, counts, reasons and next command are told, as text; of an unreadable one what is known."""
    shop(tmp_path)
    for answering in client(tmp_path, KILLED, UNREADABLE):
        told = " ".join(answering.get("/runs").text.split())
        for words in (
            "2026-11-28 10:00 UTC", '<span class="state killed">killed</span>', "It &lt;b&gt;died&lt;/b&gt;.",
            "3 of 12 designs made, 2 turned away, recipe <b>house</b>, 61 s", "<li>2 × no mask</li>",
            "stylemill run --garment &#39;a b&#39;", "It goes on by:", 'href="/?run=r1">Its 3 designs<',
            '<span class="state unreadable">unreadable</span>', 'href="/?run=r2">Its 1 design<',
        ):  # fmt: skip
            assert words in told, words


def test_none(tmp_path: Path) -> None:
    """Where no run left a report, that is said."""
    shop(tmp_path)
    for answering in client(tmp_path):
        assert "No run has left a report here." in answering.get("/runs").text


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(chromium: Browser, tmp_path: Path, width: int, scheme: str, browse: Browse) -> None:
    """A killed run's command is copied from the page; its designs are a click away; nothing is wider than the page."""
    shop(tmp_path, times=2)
    filed(tmp_path, "20261121T120000-aaaaaa", REPORT | {"state": "running", "planned": 40})
    filed(tmp_path, "20261120T120000-bbbbbb", REPORT | {"state": "finished"})
    with browse(tmp_path) as (address, _), opened(chromium, f"{address}runs", width) as page:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        first = page.locator(".runs > li").first
        expect(first.locator(".state")).to_have_text("killed")
        expect(first).to_contain_text("24 of 40 designs made, 1 turned away")
        expect(page.locator(".runs > li").nth(1)).to_contain_text("What was turned away is tried again by:")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        first.get_by_role("button", name="Copy").click()
        expect(page.locator("#toasts")).to_have_text("Copied.")
        command = f"stylemill run --garments g --styles s --designs {tmp_path} --recipe house"
        assert page.evaluate("navigator.clipboard.readText()") == command
        assert page.evaluate("document.documentElement.scrollWidth") == width
        first.get_by_role("link", name="Its 24 designs").click()
        total(page, "24 designs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(chromium: Browser, tmp_path: Path, scheme: str, browse: Browse) -> None:
    """Axe finds nothing serious on the page of runs, wide and narrow."""
    shop(tmp_path)
    for run, state in (("a", "finished"), ("b", "running"), ("c", "interrupted"), ("d", "stopped: full")):
        filed(tmp_path, run, REPORT | {"state": state, "reasons": {"no mask": 1}})
    filed(tmp_path, "e", "cut")
    with browse(tmp_path) as (address, _):
        # Axe is put into the page, which the page's own policy forbids.
        context = chromium.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
        page = context.new_page()
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 740})
            page.goto(f"{address}runs")
            found = Axe().run(page).response["violations"]
            assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
        context.close()
