"""A merchandiser's hour in a real browser: the server that the command starts, and Chromium before it."""

import hashlib
import io
import json
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import openpyxl
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from catalogs.designs import marked_pictures
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.storage.stores import open_store
from tests.catalogs.browser.conftest import Browse
from tests.catalogs.browser.shop import design, shop
from tests.conftest import write_catalog


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 designs."""
    folder = tmp_path_factory.mktemp("browsed")
    shop(folder, times=2)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """24 designs of which nothing was said."""
    shop(tmp_path / "designs", times=2)
    return tmp_path / "designs"


@pytest.fixture(scope="module")
def address(where: Path, browse: Browse) -> Iterator[str]:
    """A server that tests share which change nothing."""
    with browse(where) as (found, _):
        yield found


@contextmanager
def opened(chromium: Browser, url: str, width: int = 1280, *, quiet: bool = True) -> Iterator[Page]:
    """A page; what its console says against it fails the test, if it is to be `quiet`."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, accept_downloads=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    assert complaints == [] or not quiet


def total(page: Page, text: str) -> None:
    """Wait until the number of designs is so."""
    expect(page.locator("#total")).to_have_text(text)


def tick(page: Page, facet: str, value: str) -> None:
    """Click a facet's value; its list is unfolded first."""
    box = page.locator(f'[data-facet="{facet}"]')
    if box.get_attribute("open") is None:
        box.locator("summary").click()
    box.locator(f'input[value="{value}"]').click()


def cells(page: Page) -> list[str]:
    """What the cells in sight say they are."""
    expect(page.locator(".cell.waiting")).to_have_count(0)
    return [one.get_attribute("aria-label") or "" for one in page.locator(".cell").all()]


def test_address_is_the_state(chromium: Browser, address: str) -> None:
    """Two facets, a reload and "back": the page shows what its address says."""
    with opened(chromium, address) as page:
        total(page, "24 designs")
        assert page.url.endswith("/?verdict=unreviewed")
        tick(page, "set", "heritage")
        total(page, "12 of 24 designs")
        tick(page, "garment", "tee")
        total(page, "4 of 24 designs")
        with page.expect_response("**/api/result?*"):
            page.locator("#sort").select_option("garment")
        expect(page.locator(".cell").first).to_have_attribute("aria-label", re.compile("Ikat"))
        shown = cells(page)
        page.reload()
        total(page, "4 of 24 designs")
        assert cells(page) == shown
        assert page.locator('[data-facet="set"] input[value="heritage"]').is_checked()
        page.go_back()
        page.go_back()
        total(page, "12 of 24 designs")
        assert not page.locator('[data-facet="garment"] input[value="tee"]').is_checked()


def test_search(chromium: Browser, address: str) -> None:
    """The slash leads to the search, which narrows; its chip takes it away."""
    with opened(chromium, address) as page:
        page.keyboard.press("/")
        page.keyboard.type("indigo tee")
        page.keyboard.press("Enter")
        total(page, "2 of 24 designs")
        page.locator(".chip").click()
        total(page, "24 designs")


def test_place_is_kept(chromium: Browser, address: str) -> None:
    """Back from a design, the hand is where it was."""
    with opened(chromium, f"{address}?size=l") as page:
        for _ in range(13):
            page.keyboard.press("ArrowRight")
        name = page.locator(".cell.at").get_attribute("aria-label")
        page.wait_for_function("() => location.search.includes('at=13')")
        page.keyboard.press("Enter")
        page.wait_for_url("**/designs/**")
        page.go_back()
        expect(page.locator(".cell.at")).to_have_attribute("aria-label", name or "")


def test_culled_by_keyboard(chromium: Browser, own: Path, browse: Browse) -> None:
    """Twenty designs are judged by key alone, the last is undone, and the log has every act."""
    with browse(own) as (address, _), opened(chromium, f"{address}?size=s") as page:
        total(page, "24 designs")
        for number in range(20):
            page.keyboard.press("p" if number % 3 else "x")
        expect(page.locator(".badge.v-pick")).to_have_count(13)
        expect(page.locator(".badge.v-reject")).to_have_count(7)
        page.keyboard.press("z")
        expect(page.locator("#toasts")).to_contain_text("Undone")
        expect(page.locator(".badge.v-pick")).to_have_count(12)
        page.keyboard.press("4")
        expect(page.locator(".cell.at .stars")).to_have_text("★★★★")
        page.goto(f"{address}?verdict=pick")
        total(page, "12 of 24 designs")
    reviews = ReviewLog(open_store(str(own)))
    acts = reviews.catch_up()
    assert [act.what for act in acts] == [What.VERDICT] * 20 + [What.UNDO, What.STARS]
    assert {act.who for act in acts} == {"ann"}


def test_bulk_act(chromium: Browser, own: Path, browse: Browse) -> None:
    """Select all means the whole result; it says how many before it runs, and is undone at once."""
    with browse(own) as (address, _), opened(chromium, f"{address}?set=studio&size=l") as page:
        total(page, "12 of 24 designs")
        page.keyboard.press("a")
        expect(page.locator("#chosen")).to_have_text("All 12 designs of this result")
        page.keyboard.press("x")
        expect(page.locator("dialog h2")).to_have_text("Reject 12 designs?")
        page.locator("dialog button.main").click()
        expect(page.locator("#toasts")).to_contain_text("12 designs changed")
        page.keyboard.press("Escape")
        page.keyboard.press("z")
        expect(page.locator("#toasts")).to_contain_text("Undone: 12 designs as before")
        expect(page.locator(".badge.v-reject")).to_have_count(0)


def test_big_view(chromium: Browser, address: str) -> None:
    """Space shows a design large, arrows go on, Escape leads back."""
    with opened(chromium, address) as page:
        expect(page.locator(".cell.at")).to_have_count(1)
        page.keyboard.press(" ")
        expect(page.locator("#big")).to_be_visible()
        page.wait_for_function("() => document.querySelector('#big img').naturalWidth === 96")
        first = page.locator("#big img").get_attribute("src")
        page.keyboard.press("ArrowRight")
        assert page.locator("#big img").get_attribute("src") != first
        page.keyboard.press("Escape")
        expect(page.locator("#big")).to_be_hidden()


def test_matrix(chromium: Browser, address: str) -> None:
    """The matrix has a cell for every garment and style, and leads to what is in it."""
    with opened(chromium, f"{address}?view=matrix") as page:
        expect(page.locator("#matrix td a")).to_have_count(12)
        assert page.locator("#matrix thead th").all_inner_texts()[1:] == [
            "Ikat diamonds",
            "Indigo batik",
            "Night poppies",
            "Tartan, pine",
        ]
        page.locator("#matrix td a").first.click()
        total(page, "2 of 24 designs")


def test_compared(chromium: Browser, address: str) -> None:
    """Two designs that were chosen by key stand side by side, and zoom together."""
    with opened(chromium, address) as page:
        expect(page.locator(".cell.at")).to_have_count(1)
        for key in ("t", "ArrowRight", "t", "c"):
            page.keyboard.press(key)
        page.wait_for_url("**/compare?*")
        expect(page.locator("#panes img")).to_have_count(2)
        page.locator('[data-zoom="closer"]').click()
        moved = page.locator("#panes img").evaluate_all(
            "all => all.map((one) => getComputedStyle(one).transform)"
        )
        assert moved[0] == moved[1] != "none"
        expect(page.locator("text=seed").first).to_be_visible()


def test_shortlist(chromium: Browser, own: Path, browse: Browse) -> None:
    """Designs go on a shortlist by key, are reordered by key, and leave in that order in every form."""
    with browse(own) as (address, _), opened(chromium, address) as page:
        total(page, "24 designs")
        for key in ("t", "ArrowRight", "t", "ArrowRight", "t", "s"):
            page.keyboard.press(key)
        page.locator("dialog input[name=name]").fill("Spring 27")
        page.locator("dialog button.main").click()
        expect(page.locator("#toasts")).to_contain_text("On the shortlist Spring 27")
        page.goto(f"{address}shortlist?name=Spring+27")
        cards = page.locator("#list > li")
        expect(cards).to_have_count(3)
        before = [card.get_attribute("data-id") for card in cards.all()]
        cards.nth(2).focus()
        page.keyboard.press("Alt+ArrowLeft")
        wanted = [before[0], before[2], before[1]]
        expect(cards.nth(1)).to_have_attribute("data-id", wanted[1] or "")
        page.wait_for_timeout(500)
        page.reload()
        assert [card.get_attribute("data-id") for card in cards.all()] == wanted
        _check_exports(page, [one or "" for one in wanted])
        page.goto(f"{address}shortlists")
        expect(page.locator("body")).to_contain_text("Spring 27")


def _check_exports(page: Page, wanted: list[str]) -> None:
    """Each export is downloaded and opened by a library."""
    table = pd.read_csv(io.BytesIO(_export(page, "csv-all")))
    assert table["design_id"].tolist() == wanted
    short = [one[:12] for one in wanted]
    assert pd.read_csv(io.BytesIO(_export(page, "csv")), dtype=str)["Design"].tolist() == short
    sheet = openpyxl.load_workbook(io.BytesIO(_export(page, "xlsx"))).active
    assert [str(row[-1]) for row in sheet.iter_rows(min_row=2, values_only=True)] == short
    archive = zipfile.ZipFile(io.BytesIO(_export(page, "zip")))
    manifest = pd.read_csv(archive.open("manifest.csv"))
    assert manifest["design_id"].tolist() == wanted
    for _, line in manifest.iterrows():
        data = archive.read(str(line.iloc[0]))
        assert hashlib.sha256(data).hexdigest() in line.astype(str).tolist()
        assert b"compositeWithTrainedAlgorithmicMedia" in (marked_pictures.read_xmp(data) or b"")
    text = "".join(leaf.extract_text() for leaf in PdfReader(io.BytesIO(_export(page, "pdf"))).pages)
    assert "Spring 27" in text
    assert all(one[:12] in text for one in wanted)
    products = pd.read_csv(io.BytesIO(_export(page, "shopify")))
    assert len(products) == 3
    pack = zipfile.ZipFile(io.BytesIO(_export(page, "pack")))
    assert any(name.endswith("index.html") for name in pack.namelist())


def _export(page: Page, kind: str) -> bytes:
    page.locator('[data-do="export"]').first.click()
    page.locator(f'dialog input[value="{kind}"]').check()
    with page.expect_download() as waiting:
        page.locator("dialog button.main").click()
    path = waiting.value.path()
    return Path(path).read_bytes()


@pytest.mark.parametrize("times", [2, pytest.param(42, marks=(pytest.mark.slow, pytest.mark.timeout(900)))])
def test_two_browsers(chromium: Browser, tmp_path: Path, times: int, browse: Browse) -> None:
    """Two who rate the same designs at once (24; 504) lose no verdict, and the log has all of both in one order."""
    count = len(shop(tmp_path, times))
    reviews, acts = ReviewLog(open_store(str(tmp_path))), []
    with browse(tmp_path) as (address, _):
        with opened(chromium, f"{address}?size=l") as one, opened(chromium, f"{address}?size=l") as other:
            for page in (one, other):
                total(page, f"{count} designs")
            for number in range(count):
                one.keyboard.press("p")
                other.keyboard.press("x" if number % 2 else "p")
            # Each act is filed by itself; on a busy machine five a second.
            deadline = time.monotonic() + 60 + count
            while len(acts) < 2 * count and time.monotonic() < deadline:
                acts += reviews.catch_up()
                one.wait_for_timeout(200)
        assert [act.seq for act in acts] == list(range(1, 2 * count + 1))
        rated = [act.designs[0] for act in acts]
        assert all(rated.count(one) == 2 for one in rated)
        with opened(chromium, f"{address}?verdict=unreviewed") as page:
            total(page, f"0 of {count} designs")


def test_killed_in_a_bulk_act(chromium: Browser, own: Path, browse: Browse) -> None:
    """A server that is killed in the middle of bulk acts comes back with each of them whole or not at all."""
    with browse(own) as (address, server), opened(chromium, address, quiet=False) as page:
        total(page, "24 designs")
        killer = threading.Thread(target=_kill_after_commits, args=(own, server, 3))
        killer.start()
        page.evaluate(BULK)
        killer.join()
        server.wait(10)
    reviews = ReviewLog(open_store(str(own)))
    acts = reviews.catch_up()
    assert 2 <= len(acts) < 60
    assert all(len(act.designs) == 24 for act in acts)
    with browse(own) as (address, _), opened(chromium, f"{address}?verdict=unreviewed") as page:
        total(page, "0 of 24 designs")


def _kill_after_commits(own: Path, server: "subprocess.Popen[bytes]", count: int) -> None:
    """Wait for so many commits of the log, then kill."""
    deadline = time.monotonic() + 30
    while len(list((own / "reviews" / "_delta_log").glob("*.json"))) < count and time.monotonic() < deadline:
        time.sleep(0.002)
    server.send_signal(signal.SIGKILL)


BULK = """async () => {
  const csrf = document.querySelector('meta[name="csrf"]').content;
  for (let n = 0; n < 60; n += 1) {
    const body = JSON.stringify({ what: 'verdict', value: n % 2 ? 'reject' : 'pick', target: { query: '' } });
    const headers = { 'content-type': 'application/json', 'x-csrf-token': csrf };
    try { await fetch('/api/acts', { method: 'POST', headers, body }); } catch { return n; }
  }
  return 60;
}"""


def test_token(chromium: Browser, own: Path, browse: Browse) -> None:
    """With a token the page asks for it, and for a name, and goes where it was to go."""
    token = "a-token-of-some-length"
    with browse(own, "--token", token) as (address, _), opened(chromium, f"{address}?garment=tee") as page:
        page.locator("input[name=token]").fill(token)
        page.locator("input[name=who]").fill("bob")
        page.locator("button").click()
        total(page, "8 of 24 designs")
        expect(page.locator('[data-do="who"]')).to_have_text("bob")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(chromium: Browser, own: Path, scheme: Literal["light", "dark"], browse: Browse) -> None:
    """Axe finds nothing serious on any page: names, contrast, roles, order of focus."""
    reviews = ReviewLog(open_store(str(own)))
    ids = DesignCatalog(open_store(str(own))).read(["design_id"])["design_id"].to_pylist()[:3]
    now = datetime.now(UTC)
    reviews.file([Act("a", "ann", now, What.LIST, tuple(ids), shortlist="Spring")])
    reviews.file(
        [
            Act("b", "ann", now, What.VERDICT, (ids[0],), "pick"),
            Act("c", "ann", now, What.STARS, (ids[0],), "4"),
        ]
    )
    paths = ["", "?view=matrix", "?group=garment&stacked=1", f"designs/{ids[0]}", f"compare?id={ids[0]}&id={ids[1]}",
             "shortlists", "shortlist?name=Spring", "designs/nobody", "?q=nowhere"]  # fmt: skip
    with browse(own) as (address, _):
        # Axe is put into the page, which the page's own policy forbids.
        context = chromium.new_context(color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
        page = context.new_page()
        for path, width in [*((path, 1280) for path in paths), ("", 360), (f"designs/{ids[0]}", 360)]:
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(address + path, wait_until="networkidle")
            found = Axe().run(page).response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], path
        context.close()


def test_design_page(chromium: Browser, own: Path, browse: Browse) -> None:
    """A design's page takes verdicts by key, tells its history, and says why a template cannot be shown."""
    one = DesignCatalog(open_store(str(own))).read(["design_id"])["design_id"].to_pylist()[0]
    with (
        browse(own) as (address, _),
        opened(chromium, f"{address}designs/{one}?back=/%3Fgarment%3Dtee", quiet=False) as page,
    ):
        page.keyboard.press("p")
        expect(page.locator("#history")).to_contain_text("ann")
        page.keyboard.press("g")
        expect(page.locator("#remark")).to_contain_text("--garments")
        page.locator("#colors .swatches a, #colors .swatches button").first.click()
        page.wait_for_url("**/?*swatch=%23*")
        total(page, page.locator("#total").inner_text())
        assert page.locator(".chip").first.inner_text().startswith("colour #")
    assert ReviewLog(open_store(str(own))).catch_up()[0].value == "pick"


def test_swipe(chromium: Browser, own: Path, tmp_path: Path, browse: Browse) -> None:
    """Where the catalogs are known a design is swiped against its template by the arrow keys."""
    made = write_catalog(tmp_path / "made")
    for name, column in (("garments", "g0,g0.png,g0_mask.png"), ("styles", "s0,set-0,s0.png")):
        text = (made / name / "catalog.csv").read_text()
        wanted = column.replace("g0,", "tee,", 1) if name == "garments" else column.replace("s0,", "ikat,", 1)
        (made / name / "catalog.csv").write_text(text.replace(column, wanted))
    one = DesignCatalog(open_store(str(own))).read(["design_id", "garment_id"]).to_pylist()
    tee = next(row["design_id"] for row in one if row["garment_id"] == "tee")
    sources = ["--garments", str(made / "garments"), "--styles", str(made / "styles")]
    with browse(own, *sources) as (address, _), opened(chromium, f"{address}designs/{tee}") as page:
        page.keyboard.press("g")
        slider = page.locator('[role="slider"]').first
        expect(slider).to_be_visible()
        before = int(slider.get_attribute("aria-valuenow") or "")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert int(slider.get_attribute("aria-valuenow") or "") > before


def test_slow_clients(own: Path, browse: Browse) -> None:
    """200 clients that never finish what they ask keep nobody else waiting."""
    with browse(own) as (address, _):
        host, port = urlsplit(address).hostname or "", urlsplit(address).port or 0
        slow = [socket.create_connection((host, port)) for _ in range(200)]
        for one in slow[:100]:
            one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        for one in slow[100:]:
            one.sendall(b"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\ntoken=")
        with urllib.request.urlopen(f"{address}api/result", timeout=5) as answer:
            assert json.load(answer)["total"] == 24
        for one in slow:
            one.close()


def test_phone(chromium: Browser, address: str) -> None:
    """On 360 px nothing runs out of the page, and filters open over it."""
    with opened(chromium, address, width=360) as page:
        total(page, "24 designs")
        for path in ("", "shortlists"):
            page.goto(address + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.goto(address)
        page.locator('.bar [data-do="facets"]').click()
        expect(page.locator("#facets")).to_be_visible()


def test_start_is_quick_to_say(own: Path, browse: Browse) -> None:
    """The command tells where the page is, and ends by a signal with code 0."""
    with browse(own) as (address, server):
        assert address.startswith("http://127.0.0.1:")
        server.send_signal(signal.SIGINT)
        assert server.wait(15) == 0


def test_state_of_json_island(chromium: Browser, address: str) -> None:
    """What the page brings along is what its script shows."""
    with opened(chromium, f"{address}?garment=dress") as page:
        data = json.loads(
            page.locator("#data").inner_text() or page.evaluate("document.getElementById('data').textContent")
        )
        total(page, f"{data['total']} of {data['all']} designs")


SHAPES = {"tall": (480, 240), "wide": (240, 480)}
BOXES = {
    "?": (".cell .shot", ".line"),
    "?view=matrix": ("#matrix td a", ""),
    "shortlist?name=Spring": ("#list .shot", ".words"),
    "compare?{ids}": ("#panes .pane", "figcaption"),
}
"""For pages the boxes of pictures, and the captions beside them."""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Designs of 1:2 and of 2:1, all on a shortlist."""
    folder = tmp_path_factory.mktemp("shapes")
    designs = [
        design(folder, n, "dress", style, height=height, width=width)
        for n, (style, (height, width)) in enumerate(zip(("ikat", "batik"), SHAPES.values(), strict=True))
    ]
    store = open_store(str(folder))
    DesignCatalog(store).file(designs)
    ids = tuple(one.design_id for one in designs)
    ReviewLog(store).file([Act("a", "ann", datetime.now(UTC), What.LIST, ids, shortlist="Spring")])
    return folder


@pytest.mark.parametrize("width", [1280, 360])
def test_pictures_keep_to_their_box(chromium: Browser, shapes: Path, width: int, browse: Browse) -> None:
    """A picture of 1:2 or 2:1 is whole within its box, and its caption is under it."""
    ids = DesignCatalog(open_store(str(shapes))).read(["design_id"])["design_id"].to_pylist()
    with browse(shapes) as (address, _), opened(chromium, address, width) as page:
        for path, (box, caption) in BOXES.items():
            page.goto(address + path.format(ids="&".join(f"id={one}" for one in ids)))
            expect(page.locator(f"{box} img").first).to_be_visible()
            page.wait_for_load_state("networkidle")
            assert page.evaluate(OUTSIDE, [box, caption]) == [], path


OUTSIDE = """([box, caption]) => [...document.querySelectorAll(box)].flatMap((one) => {
  const [room, image] = [one.getBoundingClientRect(), one.querySelector('img').getBoundingClientRect()];
  const words = caption && one.parentElement.querySelector(caption).getBoundingClientRect();
  const [above, before] = [words && room.bottom <= words.top + 1, words && room.right <= words.left + 1];
  const inside = image.top >= room.top - 1 && image.bottom <= room.bottom + 1 && image.right <= room.right + 1;
  return inside && image.height > 20 && (!words || above || before) ? [] : [[room.height, image.height, words?.top]];
})"""


def test_colour_is_searched_until_its_chip_is_closed(chromium: Browser, address: str) -> None:
    """The button searches again and never takes the search away; its chip does, and the distance is a word."""
    with opened(chromium, address) as page:
        total(page, "24 designs")
        button = page.locator('[data-do="swatch"]')
        page.locator("#swatch").fill("#336699")
        page.wait_for_url("**/?*swatch=%23336699*")
        for _ in range(2):
            with page.expect_response("**/api/result?*"):
                button.click()
            assert "swatch=%23336699" in page.url
        word = page.locator("#tolerance output")
        for within, name in ((2, "exact"), (12, "similar"), (30, "family")):
            page.locator("#within").fill(str(within))
            expect(word).to_have_text(name)
            expect(page.locator("#tolerance")).to_have_attribute("title", re.compile(f"{within} dE2000"))
        page.wait_for_url("**/?*within=30*")
        label, above = (page.locator(one).bounding_box() for one in ("#tolerance", ".swatch .row"))
        assert label and above and label["y"] >= above["y"] + above["height"] + 4
        page.locator(".chip").click()
        total(page, "24 designs")
        assert "swatch" not in page.url and "within" not in page.url


@pytest.mark.parametrize("way", ["Escape", "link", "browser"])
def test_choice_outlasts_comparing(chromium: Browser, own: Path, way: str, browse: Browse) -> None:
    """Back from comparing, and from a judgement there, the same designs are chosen; from elsewhere none is."""
    with browse(own) as (address, _), opened(chromium, address) as page:
        expect(page.locator(".cell.at")).to_have_count(1)
        for key in ("t", "ArrowRight", "t", "ArrowRight", "t", "c"):
            page.keyboard.press(key)
        page.wait_for_url("**/compare?*")
        with page.expect_response("**/api/acts"):
            page.keyboard.press("p")
        match way:
            case "Escape":
                page.keyboard.press("Escape")
            case "link":
                page.locator("#back").click()
            case _:
                page.go_back()
        page.wait_for_url("**/?*verdict=unreviewed*")
        expect(page.locator("#chosen")).to_contain_text("3 designs")
        page.keyboard.press("s")
        expect(page.locator("dialog h2")).to_have_text("Put 3 designs on a shortlist")
        page.keyboard.press("Escape")
        page.locator("nav a", has_text="Shortlists").click()
        page.locator("nav a", has_text="Designs").click()
        total(page, "23 of 24 designs")
        expect(page.locator("#selection")).to_be_hidden()


@pytest.mark.parametrize("by_key", [True, False])
def test_one_is_kept_and_the_rest_rejected(
    chromium: Browser, own: Path, by_key: bool, browse: Browse
) -> None:
    """Of three compared the framed one is kept by one act, and one undo takes all of it back."""
    ids = DesignCatalog(open_store(str(own))).read(["design_id"])["design_id"].to_pylist()[:3]
    asked = "&".join(f"id={one}" for one in ids)
    with browse(own) as (address, _), opened(chromium, f"{address}compare?{asked}") as page:
        page.keyboard.press("2")
        if by_key:
            page.keyboard.press("k")
        else:
            page.locator('[data-do="keep"]').click()
        expect(page.locator("figure:nth-child(2) .badge.pick")).to_be_visible()
        expect(page.locator("figure .badge.reject:visible")).to_have_count(2)
        page.keyboard.press("z")
        expect(page.locator("#toasts")).to_contain_text("Undone: 3 designs as before")
        expect(page.locator("figure .badge:visible")).to_have_count(0)
        page.locator('[data-do="shortlist"]').click()
        expect(page.locator("dialog h2")).to_have_text("Put 1 design on a shortlist")
        page.keyboard.press("Escape")
        page.locator('[data-do="export"]').click()
        expect(page.locator("dialog h2")).to_have_text("Export 3 designs")
    rated = [(act.what, act.value) for act in ReviewLog(open_store(str(own))).catch_up()[:2]]
    assert rated == [(What.VERDICT, "reject"), (What.VERDICT, "pick")]


def test_twins_say_their_recipe(chromium: Browser, tmp_path: Path, browse: Browse) -> None:
    """Two cards of one garment and style say their recipes, and a third of another does not."""
    made = [
        design(tmp_path, n, garment, "tartan", recipe=recipe)
        for n, (garment, recipe) in enumerate((("tee", "print"), ("tee", "loud"), ("tote", "print")))
    ]
    DesignCatalog(open_store(str(tmp_path))).file(made)
    with browse(tmp_path) as (address, _), opened(chromium, f"{address}?sort=old") as page:
        total(page, "3 designs")
        assert [one.locator(".recipe").all_inner_texts() for one in page.locator(".cell").all()] == [
            ["print"],
            ["loud"],
            [],
        ]
        assert "loud" in cells(page)[1] and "print" not in cells(page)[2]


def test_nothing_says_why(chromium: Browser, tmp_path: Path, browse: Browse) -> None:
    """A search for a colour's name leads to that main colour, and a filter too much is named and taken away."""
    shop(tmp_path, colors=("#1b2a55",), color_shares=(1.0,))
    with browse(tmp_path) as (address, _), opened(chromium, f"{address}?q=navy+tee&size=s") as page:
        expect(page.locator("#why")).to_contain_text(
            "Words search titles and tags; for a colour use Main Colour."
        )
        page.locator("#why a", has_text="blue").click()
        total(page, "4 of 12 designs")
        assert "size=s" in page.url and "color=blue" in page.url
        page.goto(f"{address}?set=nowhere&garment=tee")
        page.locator("#why a", has_text="Without the filter “style set”").click()
        total(page, "4 of 12 designs")


def test_escape_stays_on_a_shortlist(chromium: Browser, own: Path, browse: Browse) -> None:
    """Escape closes a dialog, then clears the choice, and stays; the link back leaves, from comparing to the choice."""
    ids = DesignCatalog(open_store(str(own))).read(["design_id"])["design_id"].to_pylist()[:4]
    ReviewLog(open_store(str(own))).file(
        [Act("a", "ann", datetime.now(UTC), What.LIST, tuple(ids), shortlist="Spring")]
    )
    with browse(own) as (address, _), opened(chromium, f"{address}shortlists") as page:
        page.locator(".lists a.card").click()
        page.locator("#list > li").nth(1).focus()
        for key in ("t", "ArrowRight", "t", "c"):
            page.keyboard.press(key)
        page.wait_for_url("**/compare?*")
        page.keyboard.press("Escape")
        expect(page.locator("#chosen")).to_have_text("2 chosen")
        page.keyboard.press("e")
        expect(page.locator("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        expect(page.locator("#chosen")).to_have_text("2 chosen")
        page.keyboard.press("Escape")
        expect(page.locator("#chosen")).to_have_text("")
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
        assert "/shortlist?name=Spring" in page.url
        page.locator("#back").click()
        page.wait_for_url("**/shortlists")


@contextmanager
def on_phone(chromium: Browser, url: str, scheme: Literal["light", "dark"] = "light") -> Iterator[Page]:
    """A page on a phone; what its console says against it fails the test."""
    context = chromium.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, device_scale_factor=2,
        color_scheme=scheme, bypass_csp=True, reduced_motion="reduce",
    )  # fmt: skip
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    assert complaints == []


def swipe(page: Page, by: int) -> None:
    """A finger sweeps over the big picture, so many pixels to the right."""
    session = page.context.new_cdp_session(page)
    points = [{"x": 180 + by * n / 8, "y": 300 + n} for n in range(9)]
    for kind, touched in [
        ("touchStart", points[:1]),
        *(("touchMove", [one]) for one in points[1:]),
        ("touchEnd", []),
    ]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})
    session.detach()


def at(page: Page, number: int) -> None:
    """Wait until the big view shows that design of its result."""
    expect(page.locator(".big-line > span").last).to_have_text(f"{number} of 24")


def test_culled_by_thumb(chromium: Browser, own: Path, browse: Browse) -> None:
    """One tap opens, ten designs are judged by tap and reached by swipe, some are starred and shortlisted."""
    with browse(own) as (address, _), on_phone(chromium, f"{address}?verdict=unreviewed") as page:
        total(page, "24 designs")
        page.locator(".cell img").first.tap()
        expect(page.locator("#big")).to_be_visible()
        for number in range(10):
            at(page, number + 1)
            swipe(page, -150)
            at(page, number + 2)
            swipe(page, 150)
            at(page, number + 1)
            if number % 5 == 0:
                page.locator('#big [data-stars="4"]').tap()
                page.locator('#big [data-big="shortlist"]').tap()
                page.locator("dialog input[name=name]").fill("Spring")
                page.locator("dialog:not(#big) button.main").tap()
                expect(page.locator("#toasts")).to_contain_text("On the shortlist Spring")
            page.locator(f'#big [data-verdict="{"pick" if number % 3 else "reject"}"]').tap()
        page.locator('#big [data-big="undo"]').tap()
        expect(page.locator("#toasts")).to_contain_text("Undone")
        page.go_back()
        expect(page.locator("#big")).to_be_hidden()
        total(page, "24 designs")
        page.locator(".cell .tick").nth(1).tap()
        expect(page.locator("#chosen")).to_have_text("1 design chosen")
        expect(page.locator("#big")).to_be_hidden()
    said = [act.what for act in ReviewLog(open_store(str(own))).catch_up()]
    counts = {what: said.count(what) for what in set(said)}
    assert counts == {What.VERDICT: 10, What.STARS: 2, What.LIST: 2, What.UNDO: 1}


def test_buttons_lie_under_the_thumb(chromium: Browser, address: str) -> None:
    """In the big view verdicts and stars are in the lower third and as large as a fingertip."""
    with on_phone(chromium, address) as page:
        page.locator(".cell img").first.tap()
        expect(page.locator("#big")).to_be_visible()
        for one in page.locator("#big .judge button").all():
            box = one.bounding_box()
            assert box and box["y"] >= 740 * 2 / 3 - 60 and box["y"] + box["height"] <= 740
            assert box["height"] >= 44 and box["width"] >= 44


def test_head_of_a_phone_is_low(chromium: Browser, address: str) -> None:
    """Header and toolbar take a sixth of the height at most; sort, group and size open from one button."""
    with on_phone(chromium, address) as page:
        total(page, "24 designs")
        below = page.locator("#scroll").bounding_box()
        assert below and below["y"] <= 740 / 6
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        expect(page.locator("#sort")).to_be_hidden()
        page.locator('.bar [data-do="view"]').tap()
        for one in ("#sort", "#group", '[data-size="l"]', '[data-view="matrix"]', '[data-do="stacked"]'):
            expect(page.locator(one)).to_be_visible()
        page.locator("#sort").select_option("folds")
        page.wait_for_url("**/?*sort=folds*")
        page.locator('.bar [data-do="view"]').tap()
        expect(page.locator("#sort")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_is_accessible(chromium: Browser, address: str, scheme: Literal["light", "dark"]) -> None:
    """Axe finds nothing serious on a phone: in the grid, its view panel, a choice, and the big view."""
    with on_phone(chromium, address, scheme) as page:
        total(page, "24 designs")
        for act in ("", '.bar [data-do="view"]', '.bar [data-do="view"]', ".cell .tick", ".cell img"):
            if act:
                page.locator(act).first.tap()
            found = Axe().run(page).response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], act
