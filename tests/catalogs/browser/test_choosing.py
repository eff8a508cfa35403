"""What was chosen, by mouse and by thumb: the bar that says so, comparing, more like these; and how designs look."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.reviews.review_events import Act, What
from catalogs.designs.reviews.review_log import ReviewLog
from catalogs.storage.stores import open_store
from tests.catalogs.browser.conftest import Browse
from tests.catalogs.browser.shop import design, shop
from tests.catalogs.browser.test_pages import on_phone, opened, total
from tests.conftest import write_catalog

SCHEMES = ("light", "dark")
FINGERTIP = 44
"""Pixels that a finger needs."""
GROUNDS = "(selector) => [...document.querySelectorAll(selector)].map((one) => getComputedStyle(one).backgroundColor)"


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve designs, a few flagged, four on a shortlist."""
    folder = tmp_path_factory.mktemp("listed")
    shop(folder)
    list_some(folder, 4)
    return folder


def list_some(folder: Path, count: int) -> None:
    act = Act("a", "ann", datetime.now(UTC), What.LIST, tuple(ids_of(folder)[:count]), shortlist="Spring")
    ReviewLog(open_store(str(folder))).file([act])


def ids_of(folder: Path) -> list[str]:
    """Ids of a catalog's designs."""
    ids: list[str] = DesignCatalog(open_store(str(folder))).read(["design_id"])["design_id"].to_pylist()
    return ids


@pytest.fixture(scope="module")
def served(listed: Path, browse: Browse) -> Iterator[str]:
    """A server over them that tests share which change nothing."""
    with browse(listed) as (found, _):
        yield found


# The bar.


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_bar_fits_a_thumb(
    chromium: Browser,
    served: str,
    scheme: Literal["light", "dark"],
) -> None:
    """On a phone verdicts and common acts are in sight at once, rarer ones behind one button; none is small."""
    with on_phone(chromium, served, scheme) as page:
        total(page, "12 designs")
        page.locator(".cell .tick").first.tap()
        bar = page.locator("#selection")
        for name in ("Pick", "Reject", "Compare", "Shortlist", "More…", "None"):
            expect(bar.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
        expect(bar.locator('[data-act="all"]')).to_be_hidden()
        _check_bar(page)
        further = bar.get_by_role("button", name="More…")
        further.tap()
        expect(further).to_have_attribute("aria-expanded", "true")
        for name in ("Select all 12", "Clear", "More like these", "Export"):
            expect(bar.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
        _check_bar(page)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
        bar.get_by_role("button", name="Select all 12").tap()
        expect(page.locator("#chosen")).to_have_text("All 12 designs of this result")
        _check_bar(page)
        further.tap()
        expect(bar.get_by_role("button", name="Export")).to_be_hidden()


def _check_bar(page: Page) -> None:
    """A quarter of the screen at most; nothing runs out of it; all as high as a fingertip."""
    box = page.locator("#selection").bounding_box()
    assert box and box["height"] <= 740 / 4
    assert page.locator("#selection").evaluate("(bar) => bar.scrollWidth <= bar.clientWidth")
    for one in page.locator("#selection button:visible").all():
        room = one.bounding_box()
        assert room and room["height"] >= FINGERTIP and room["width"] >= FINGERTIP
        assert room["x"] >= 0 and room["x"] + room["width"] <= 360
        assert one.evaluate("(button) => button.scrollWidth <= button.clientWidth + 1")


@pytest.mark.parametrize("width", [1280, 1440])
@pytest.mark.parametrize("key", ["t", "a"])
def test_the_bar_is_one_line_on_a_desk(
    chromium: Browser,
    served: str,
    width: int,
    key: str,
) -> None:
    """On a desk all acts are on one line, whether one or all is chosen."""
    with opened(chromium, served, width) as page:
        total(page, "12 designs")
        page.keyboard.press(key)
        tops = page.locator("#selection > button:visible").evaluate_all(
            "all => all.map((one) => one.offsetTop)"
        )
        assert len(tops) >= 8 and len(set(tops)) == 1


def test_all_is_offered_while_some_is_left(chromium: Browser, served: str) -> None:
    """Select all goes when nothing is left to select, by button or one by one, and comes back; keys work on."""
    with opened(chromium, f"{served}?garment=tee") as page:
        total(page, "4 of 12 designs")
        all_ = page.locator('[data-act="all"]')
        page.keyboard.press("t")
        expect(all_).to_have_text("Select all 4")
        all_.click()
        expect(all_).to_be_hidden()
        page.keyboard.press("t")
        expect(page.locator("#chosen")).to_have_text("3 designs chosen")
        expect(all_).to_be_visible()
        page.keyboard.press("Escape")
        for key in ("t", "ArrowRight", "t", "ArrowRight", "t", "ArrowRight", "t"):
            page.keyboard.press(key)
        expect(page.locator("#chosen")).to_have_text("4 designs chosen")
        expect(all_).to_be_hidden()


# Comparing.

WAYS = {
    "all of four": ("?garment=tee", ["a"], 4),
    "all of twelve but eight": ("?", ["a", *["t", "ArrowRight"] * 8], 4),
    "all of four but two": ("?garment=tee", ["a", "t", "ArrowRight", "t"], 2),
    "a row by Shift": ("?", ["Shift+ArrowRight", "Shift+ArrowRight"], 3),
    "one by one": ("?", ["t", "ArrowRight", "t"], 2),
}


@pytest.mark.parametrize("way", WAYS)
def test_two_to_four_are_compared_however_chosen(chromium: Browser, served: str, way: str) -> None:
    """However two to four were chosen, the button compares just these, and they are chosen on the way back."""
    path, keys, count = WAYS[way]
    with opened(chromium, served + path) as page:
        expect(page.locator(".cell.at")).to_have_count(1)
        for key in keys:
            page.keyboard.press(key)
        page.locator('[data-act="compare"]').click()
        page.wait_for_url("**/compare?*")
        assert len(set(re.findall(r"id=(\w+)", page.url))) == count
        expect(page.locator("#panes figure")).to_have_count(count)
        page.keyboard.press("Escape")
        expect(page.locator("#chosen")).to_contain_text(f"{count} designs")


@pytest.mark.parametrize("keys", [["t"], ["a"], ["Shift+ArrowRight"] * 4])
def test_one_or_five_are_not_compared(chromium: Browser, served: str, keys: list[str]) -> None:
    """One, five and twelve are too few and too many; the key says what is asked for."""
    with opened(chromium, served) as page:
        expect(page.locator(".cell.at")).to_have_count(1)
        for key in keys:
            page.keyboard.press(key)
        expect(page.locator('[data-act="compare"]')).to_be_disabled()
        page.keyboard.press("c")
        expect(page.locator("#toasts")).to_contain_text("two to four")


# More like these.


@pytest.fixture(scope="module")
def milled(tmp_path_factory: pytest.TempPathFactory, browse: Browse) -> Iterator[str]:
    """A server with garments and styles: three designs by the recipes house, draft and house."""
    folder = tmp_path_factory.mktemp("milled")
    made = write_catalog(folder / "made")
    for name, column, wanted in (
        ("garments", "g0,g0.png,g0_mask.png", "tee,g0.png,g0_mask.png"),
        ("styles", "s0,set-0,s0.png", "ikat,heritage,s0.png"),
    ):
        text = (made / name / "catalog.csv").read_text()
        (made / name / "catalog.csv").write_text(text.replace(column, wanted))
    designs = [
        design(folder / "d", n, "tee", "ikat", recipe=recipe)
        for n, recipe in enumerate(("house", "draft", "house"))
    ]
    DesignCatalog(open_store(str(folder / "d"))).file(designs)
    sources = ["--garments", str(made / "garments"), "--styles", str(made / "styles")]
    with browse(folder / "d", *sources) as (found, _):
        yield found


def test_another_recipe_is_another(chromium: Browser, milled: str) -> None:
    """By another recipe offers the first that none of the chosen has, other ways their own; a choice stays."""
    with opened(chromium, f"{milled}?sort=old") as page:
        total(page, "3 designs")
        recipe = page.locator("dialog select")
        for keys, other in ((["m"], "draft"), (["Escape", "a", "m"], "print")):
            for key in keys:
                page.keyboard.press(key)
            expect(recipe).to_have_value(other)
        page.locator('dialog input[value="garments"]').check()
        expect(recipe).to_have_value("house")
        recipe.select_option("photoreal")
        page.locator('dialog input[value="recipe"]').check()
        expect(recipe).to_have_value("photoreal")


@pytest.mark.parametrize(
    ("to_make", "there", "words"),
    [
        (0, 12, "All 12 designs are there already."),
        (0, 1, "This design is there already."),
        (0, 0, "No design comes of this"),
        (3, 9, None),
    ],
)
def test_a_plan_that_makes_nothing_says_what_would(
    chromium: Browser,
    milled: str,
    to_make: int,
    there: int,
    words: str | None,
) -> None:
    """A plan of nothing gives no command but what to choose instead, and the way back to choosing."""
    plan = {
        "to_make": to_make,
        "there": there,
        "seconds": None,
        "remarks": ["A remark."],
        "command": "stylemill run",
    }
    with opened(chromium, milled) as page:
        total(page, "3 designs")
        page.route("**/api/again", lambda route: route.fulfill(json=plan))
        page.keyboard.press("m")
        page.locator("dialog button.main").click()
        if words is None:
            expect(page.locator("dialog textarea")).to_have_value("stylemill run")
            return
        expect(page.locator("dialog h2")).to_have_text("Nothing to make")
        expect(page.locator("dialog[open]")).to_contain_text(f"{words}")
        expect(page.locator("dialog[open]")).to_contain_text("Choose another recipe")
        expect(page.locator("dialog[open]")).to_contain_text("A remark.")
        expect(page.locator("dialog textarea")).to_have_count(0)
        page.get_by_role("button", name="Choose again").click()
        expect(page.locator("dialog h2")).to_have_text("More like this design")


# The ground.

BOXES = {
    "?": ".cell .shot",
    "?view=matrix": "#matrix td a",
    "?size=l": "#big .big-shot",
    "designs/{0}": "#picture",
    "compare?id={0}&id={1}": "#panes .pane",
    "shortlists": ".covers",
    "shortlist?name=Spring": "#list .shot",
}
"""For pages the boxes that pictures stand in."""


def test_one_ground_everywhere(chromium: Browser, served: str, listed: Path) -> None:
    """On all pages and in both schemes pictures stand on one grey, which neither black nor white cloth sinks into."""
    grounds = set()
    with opened(chromium, served) as page:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for path, box in BOXES.items():
                page.goto(served + path.format(*ids_of(listed)))
                if "size=l" in path:
                    page.keyboard.press(" ")
                page.locator(f"{box} img").first.wait_for()
                found = page.evaluate(GROUNDS, box)
                assert found
                grounds.update(found)
                behind = page.evaluate(GROUNDS, f"{box} img")
                assert set(behind) == {"rgba(0, 0, 0, 0)"}
    assert len(grounds) == 1
    ground = [int(one) for one in re.findall(r"\d+", grounds.pop())]
    assert max(ground) - min(ground) < 16
    assert _contrast(ground, [22, 22, 22]) > 7 and _contrast(ground, [255, 255, 255]) > 1.5


def _contrast(one: list[int], other: list[int]) -> float:
    """WCAG's contrast of two colours."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: list[int]) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (one / 255 for one in color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_main_colour_is_seen(chromium: Browser, tmp_path: Path, scheme: str, browse: Browse) -> None:
    """A dot of a main colour has an edge that stands out from the panel, whatever the colour."""
    shop(tmp_path, colors=("#101010",), color_shares=(1.0,))
    with browse(tmp_path) as (found, _), opened(chromium, found) as page:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        edge, panel = page.evaluate(
            """() => [getComputedStyle(document.querySelector('.facet .dot')).borderTopColor,
            getComputedStyle(document.querySelector('#facets')).backgroundColor]"""
        )
        pair = [[int(one) for one in re.findall(r"\d+", text)[:3]] for text in (edge, panel)]
        assert _contrast(*pair) >= 3


# Phones.


@pytest.mark.parametrize("who", ["ann", "Wilhelmina Featherstonehaugh"])
@pytest.mark.parametrize(
    "path", ["?", "shortlists", "shortlist?name=Spring", "designs/{0}", "compare?id={0}&id={1}", "runs"]
)
def test_a_phones_header_is_one_line(
    chromium: Browser,
    listed: Path,
    served: str,
    path: str,
    who: str,
) -> None:
    """On every page of a phone the header is one line within the page, whatever the person's name."""
    with on_phone(chromium, served + path.format(*ids_of(listed))) as page:
        page.locator('[data-do="who"]').evaluate("(button, who) => { button.textContent = who; }", who)
        box = page.locator(".top").bounding_box()
        assert box and box["height"] <= 60
        tops = page.locator(".top nav > *:visible").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect().right)"
        )
        assert max(tops) <= 360
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_flags_are_read_by_touch(chromium: Browser, served: str) -> None:
    """A card's flag is its word, in sight and within the picture; its large view and its name say it, too."""
    with on_phone(chromium, f"{served}?flag=folds+lost&size=s") as page:
        expect(page.locator(".cell")).not_to_have_count(0)
        for one in page.locator(".cell").all():
            expect(one.locator(".flag")).to_have_text("folds lost")
            assert "folds lost" in (one.get_attribute("aria-label") or "")
            flag, shot = one.locator(".flag").bounding_box(), one.locator(".shot").bounding_box()
            assert flag and shot and flag["x"] + flag["width"] <= shot["x"] + shot["width"]
            assert flag["y"] + flag["height"] <= shot["y"] + shot["height"]
        page.locator(".cell img").first.tap()
        expect(page.locator(".big-line")).to_contain_text("folds lost")


def test_the_tokens_button_has_its_word_in_the_middle(
    chromium: Browser, tmp_path: Path, browse: Browse
) -> None:
    """The word of the button that is as wide as its form stands in the middle of it."""
    shop(tmp_path)
    with (
        browse(tmp_path, "--token", "a-token-of-some-length") as (found, _),
        on_phone(chromium, found) as page,
    ):
        middle = page.locator("button.main").evaluate(
            """(button) => {
              const range = document.createRange();
              range.selectNodeContents(button);
              const [word, room] = [range.getBoundingClientRect(), button.getBoundingClientRect()];
              return word.left - room.left - (room.right - word.right);
            }"""
        )
        assert abs(middle) <= 1
