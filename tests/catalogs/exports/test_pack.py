"""The offline pack: complete, marked, and no title in it is code."""

import io
import re
import zipfile
from html.parser import HTMLParser

import pytest
from PIL import Image

from catalogs.designs import marked_pictures, provenance
from catalogs.exports.items import Item
from catalogs.exports.pack import write_pack
from catalogs.storage.memory_store import MemoryStore
from tests.catalogs.exports.designs import filed, record, shop


def packed(items: list[Item], store: MemoryStore, title: str = "Resort") -> tuple[zipfile.ZipFile, list[str]]:
    file = io.BytesIO()
    problems = write_pack(items, store, file, title)
    return zipfile.ZipFile(io.BytesIO(file.getvalue())), problems


class Page(HTMLParser):
    """Elements with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        """Read the whole page."""
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data


def page(archive: zipfile.ZipFile) -> Page:
    return Page(archive.read("index.html").decode())


def test_all_files_are_there() -> None:
    """Everything that the page refers to is in the pack, nothing is outside, and nothing lies unused."""
    store, items = shop(4)
    archive, problems = packed(items, store)
    refers = {
        value
        for _, attributes in page(archive).found
        for name, value in attributes.items()
        if name in ("src", "href")
    }
    assert refers == set(archive.namelist()) - {"index.html"}
    assert len(refers) == 2 * 4 + 2
    assert not problems


def test_titles_and_words_are_there() -> None:
    """Title, garment, style, credit, verdict, stars and note can be read, without the script too."""
    store, items = shop(1)
    text = page(packed([Item(items[0].record, "pick", 3, "bolder scale")], store)[0]).text
    for part in ("Resort", "Crew-neck tee", "Paisley 0", "Ann Archer", "pick", "★★★☆☆", "bolder scale", "AI"):
        assert part in text


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "</title>"]
)
def test_hostile_text(text: str) -> None:
    """No text of a record or a person becomes an element, an attribute or a template."""
    store = MemoryStore()
    columns = ("garment_title", "style_title", "rights_holder", "style_licence")
    items = [Item(filed(store, 1, **dict.fromkeys(columns, text)), text, 0, text)]
    plain = packed([Item(filed(store, 1), "pick", 0, "note")], store)[0]
    hostile = packed(items, store, text)[0]
    assert [tag for tag, _ in page(hostile).found] == [tag for tag, _ in page(plain).found]
    assert text in page(hostile).text


def test_no_code_in_the_page() -> None:
    """The policy allows the pack's own files only; no script, style or handler is inline."""
    store, items = shop(1)
    found = page(packed(items, store)[0]).found
    (policy,) = (
        str(one["content"]) for tag, one in found if one.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
    assert [one["src"] for tag, one in found if tag == "script"] == ["script.js"]
    assert not any(name.startswith("on") or name == "style" for _, one in found for name in one)


def test_pictures_are_marked() -> None:
    """Full pictures and thumbnails carry the design's XMP; thumbnails have an sRGB profile and fit."""
    store, items = shop(1)
    archive, _ = packed(items, store)
    names = [name for name in archive.namelist() if name.endswith((".png", ".webp"))]
    assert len(names) == 2
    for name in names:
        assert marked_pictures.read_xmp(archive.read(name)) == provenance.xmp(items[0].record)
    thumbnail = Image.open(io.BytesIO(archive.read(names[1])))
    assert thumbnail.format == "WEBP" and thumbnail.info["icc_profile"] == marked_pictures.SRGB_PROFILE
    assert thumbnail.size == (96, 120)


def test_missing_picture_keeps_its_place() -> None:
    """A design without a picture is on the page; the reason, which names a place in the store, is not in the pack."""
    store, items = shop(1)
    archive, problems = packed([*items, Item(record(7, image="images/gone.png"))], store)
    assert "Picture not available" in page(archive).text and "Paisley 7" in page(archive).text
    assert len(problems) == 1 and "does not exist" in problems[0]
    assert not any(b"gone.png" in archive.read(name) for name in archive.namelist())


def test_no_name_leaves_the_folder() -> None:
    """Hostile ids become names in the pack's own folders."""
    store = MemoryStore()
    archive, _ = packed([Item(filed(store, 1, garment_id="../../etc", recipe="..\\x"))], store)
    assert all(
        re.fullmatch(r"((pictures|thumbnails)/)?[A-Za-z0-9_-]+\.\w+", name) for name in archive.namelist()
    )


def test_chosen_twice() -> None:
    """A design that was chosen twice is on the page once."""
    store, items = shop(1)
    archive, problems = packed(items * 2, store)
    assert sum(tag == "li" for tag, _ in page(archive).found) == 1
    assert "twice" in problems[0]
