"""The line sheet: its text can be read, its fonts travel along, its pictures are marked, nothing overlaps."""

import hashlib
import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from catalogs.designs import marked_pictures, provenance
from catalogs.exports.items import Item
from catalogs.exports.line_sheets import cover, line_sheet, page_layout, prints
from catalogs.exports.line_sheets.line_sheet import write_pdf
from catalogs.exports.line_sheets.pdf_text import PdfText
from catalogs.images.codec import Picture, encode_png
from catalogs.storage.memory_store import MemoryStore
from catalogs.typesetting import fonts
from catalogs.typesetting.fonts import SANS, font_for
from catalogs.typesetting.shaping import shape_line
from tests.catalogs.exports.designs import filed, record, shop
from tests.conftest import picture


def read(items: list[Item], store: MemoryStore, title: str = "Resort 2027") -> tuple[PdfReader, list[str]]:
    file = io.BytesIO()
    problems = write_pdf(items, store, file, title, "Anna Kowalska")
    return PdfReader(io.BytesIO(file.getvalue())), problems


def words(text: str) -> str:
    return " ".join(text.split())


def test_cover() -> None:
    """The cover says title, who prepared it, how much there is, style sets with pages, and that AI was used."""
    store, items = shop(9)
    items[8] = Item({**items[8].record, "style_set": "studio"}, "pick")
    reader, problems = read(items, store)
    text = words(reader.pages[0].extract_text())
    for part in ("Resort 2027", "Anna Kowalska", "9 designs · 1 garment · 9 styles", "1 pick", "AI"):
        assert part in text
    assert "heritage" in text and "studio" in text
    assert not problems


def test_every_design_is_there() -> None:
    """Eight designs a page, each with garment, style, id, credit, verdict, stars and note, in the order given."""
    store, items = shop(10)
    items[3] = Item(items[3].record, "pick", 4, "bolder scale")
    reader, _ = read(items, store)
    assert len(reader.pages) == 3
    pages = [words(page.extract_text()) for page in reader.pages]
    for number, item in enumerate(items):
        text = pages[1 + number // 8]
        assert item.short_id in text and f"Paisley {number}" in text
    assert "paisley-3" in pages[1] and pages[1].count("tee") >= 8, "ids, by which a garment is ordered"
    assert "Ann Archer · CC-BY-4.0" in pages[1] and "PICK" in pages[1]
    assert "★★★★☆" in pages[1] and "bolder scale" in pages[1]
    assert "2 / 3" in pages[1] and "3 / 3" in pages[2]
    assert all("generated with AI" in page for page in pages)


SCRIPTS = ("Żółć gęślą jaźń", "Κεντήματα", "Вологда", "חולצה כחולה", "قميص قطني", "T恤 夏季", "夏のシャツ",
           "여름 티셔츠", "เสื้อยืด", "花柄 🌸")  # fmt: skip


def test_scripts() -> None:
    """Titles, holder, note, set and the sheet's own title can be read in every script, in reading order."""
    store, text = MemoryStore(), ""
    for start in (0, 5):
        titles = SCRIPTS[start : start + 5]
        items = [
            Item(filed(store, number, style_title=title, rights_holder=title, style_set=title), note=title)
            for number, title in enumerate(titles)
        ]
        reader, problems = read(items, store, titles[-2])
        assert not problems and len(reader.pages) == 2
        cover, text = (words(page.extract_text()) for page in reader.pages)
        assert titles[-2] in cover and all(title in cover for title in titles)
        assert all(text.count(title) >= 3 for title in titles)
        assert all(f"Style rights: {title} · CC-BY-4.0" in text for title in titles)


def test_order_on_the_page() -> None:
    """Hebrew stands from the right: of a word's letters the first is drawn rightmost."""
    glyphs = line_sheet.Canvas(io.BytesIO())
    pdf = PdfText(glyphs)
    pdf.draw(0, 0, "שלום", SANS, 10, page_layout.INK)
    (drawn,) = [code for code in glyphs._code if code.startswith("BT")]
    numbers = re.findall(r"<([0-9A-F]{4})>", drawn)
    face = font_for("ש", SANS).shaped  # type: ignore[union-attr]
    assert [int(number, 16) for number in numbers] == [face.get_nominal_glyph(ord(sign)) for sign in "םולש"]


@pytest.fixture
def _no_further_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine has no fonts beside those of the packages."""
    known = fonts._found, fonts._of_the_machine, shape_line
    monkeypatch.setattr(fonts, "font_folders", list)
    for kept in known:
        kept.cache_clear()
    yield
    for kept in known:
        kept.cache_clear()


@pytest.mark.usefixtures("_no_further_fonts")
def test_no_font_for_a_letter() -> None:
    """Where no font has a title's letters the id stands; a holder's name is spelled; both are told, and named."""
    store = MemoryStore()
    row = filed(store, 1, style_title="བོད", rights_holder="ཚེ་རིང", garment_title="Tee \ue000")
    reader, problems = read([Item(row)], store, "བོད 2027")
    grid, notes = (words(page.extract_text()) for page in reader.pages[1:])
    assert "paisley-1" in grid and "tee" in grid and "ཚེ" not in grid
    assert "Style rights: tshe-ring · CC-BY-4.0" in grid.replace("tshe ring", "tshe-ring").replace(
        "tshering", "tshe-ring"
    )
    assert len(problems) == 3
    for said in ("the garment's title", "the style's title", "the rights"):
        assert any(said in one for one in problems) and said in notes
    assert "fonts-noto" in notes and "title of this line sheet" in notes
    assert "ཚེ་རིང".encode("utf-16-be").hex().upper()[:8] in _codes(reader, 1)


def _codes(reader: PdfReader, page: int) -> str:
    contents = reader.pages[page].get_contents()
    assert contents is not None
    return "".join(re.findall(r"ActualText <([0-9A-F]+)>", contents.get_data().decode("latin-1")))


def test_notes_are_there_when_needed() -> None:
    """Rights that are cut stand in full on the last page; a missing picture is named there without the reason."""
    holder = "Muzeum Narodowe w Krakowie, Dział Tkanin, " * 6
    store = MemoryStore()
    row, gone = filed(store, 1, rights_holder=holder), record(7, image="images/secret.png")
    reader, problems = read([Item(row), Item(gone)], store)
    notes = words(reader.pages[2].extract_text())
    assert words(holder) in notes and "CC-BY-4.0" in notes
    assert Item(gone).short_id in notes and "secret" not in notes and "secret" in problems[0]
    assert [mark["/Title"] for mark in reader.outline][-1] == "Notes"  # type: ignore[index, call-overload]


def test_notes_name_their_designs() -> None:
    """Rights that many designs share are written once, behind the designs; of more than twelve the rest is counted."""
    holder = "Muzeum Narodowe w Krakowie, Dział Tkanin, " * 6
    store = MemoryStore()
    items = [Item(filed(store, n, rights_holder=holder)) for n in range(15)]
    reader, _ = read(items, store)
    notes = " ".join(reader.pages[-1].extract_text().split())
    assert notes.count("Dział Tkanin") == 6
    assert all(item.short_id in notes for item in items[:12]) and "and 3 more: Style rights" in notes
    assert items[12].short_id not in notes


@pytest.mark.parametrize(("designs", "noted"), [(3, False), (8, True), (9, True), (74, True)])
def test_numbers_of_pages(designs: int, noted: bool) -> None:
    """Every page behind the cover says which one it is and of how many, the notes' pages too."""
    store = MemoryStore()
    row = filed(store, 1, rights_holder="A very long name of a holder, " * 12 if noted else "Anna")
    reader, _ = read([Item(row)] * designs, store)
    pages = len(reader.pages)
    assert pages == 1 + -(-designs // 8) + noted
    for number, page in enumerate(reader.pages[1:], 2):
        assert re.search(rf"\b{number}\s*/ {pages}\b", page.extract_text()), page.extract_text()[-100:]


def test_fonts_are_embedded() -> None:
    """Every font of every page is in the document, in part, with a map back to Unicode."""
    store, items = shop(2)
    items[0] = Item(items[0].record | {"garment_title": "T恤 เสื้อ"}, "pick", 2, "note")
    found = set()
    for page in read(items, store)[0].pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            (descendant,) = font["/DescendantFonts"]
            described = descendant["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & set(described) and "/ToUnicode" in font
            found.add(font["/BaseFont"].split("+")[1])
    assert len(found) == 6


def test_large_fonts_travel_in_part() -> None:
    """A line sheet with some letters of Chinese weighs some hundred kilobytes more, not the font's sixteen megabytes."""
    store, items = shop(1)
    sizes = []
    for title in ("Tee", "夏季T恤衫"):
        file = io.BytesIO()
        write_pdf([Item(items[0].record | {"garment_title": title})], store, file, "Resort")
        sizes.append(len(file.getvalue()))
    assert sizes[1] - sizes[0] < 200_000


def test_document_properties() -> None:
    """Title, author, language and XMP are the document's; machines can tell that AI was used."""
    store, items = shop(1)
    reader, _ = read(items, store)
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Resort 2027", "Anna Kowalska")
    assert "AI" in str(reader.metadata.subject)
    assert reader.trailer["/Root"]["/Lang"] == "en"  # type: ignore[index]
    packet = reader.trailer["/Root"]["/Metadata"].get_data()  # type: ignore[index]
    assert provenance.SourceType.COMPOSITE.encode() in packet
    assert reader.xmp_metadata is not None
    assert reader.xmp_metadata.dc_title == {"x-default": "Resort 2027"}


def pictures(reader: PdfReader, page: int) -> list[DictionaryObject]:
    found = reader.pages[page]["/Resources"].get("/XObject", {})  # type: ignore[union-attr]
    whole = (one.get_object() for one in found.values())
    return [one for one in whole if one["/Subtype"] == "/Image"]


def test_pictures_are_marked() -> None:
    """A picture in the document is a JPEG that carries its design's XMP, in sRGB by a profile."""
    store, items = shop(1)
    for page in (0, 1):
        (image,) = pictures(read(items, store)[0], page)
        assert image["/Filter"] == "/DCTDecode"
        assert marked_pictures.read_xmp(image._data) == items[0].packet  # type: ignore[attr-defined]
        space, profile = image["/ColorSpace"]  # type: ignore[misc]
        assert space == "/ICCBased" and profile.get_object().get_data() == marked_pictures.SRGB_PROFILE


def test_pictures_are_right_sized(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture has the pixels that its place needs at the sheet's resolution, never more than the catalog's."""
    store, items = shop(1)
    assert [(one["/Width"], one["/Height"]) for one in pictures(read(items, store)[0], 1)] == [(96, 120)]
    monkeypatch.setattr(prints, "DPI", 36)
    (image,) = pictures(read(items, store)[0], 1)
    assert image["/Height"] == round(page_layout.PICTURE / 2)


def test_a_picture_is_there_once() -> None:
    """A design that is shown twice costs its picture's bytes once."""
    store, items = shop(1)
    reader, _ = read(items * 16, store)
    numbers = {one.indirect_reference.idnum for page in (1, 2) for one in pictures(reader, page)}  # type: ignore[union-attr]
    assert len(numbers) == 1


def test_missing_picture_keeps_its_place() -> None:
    """A design without a picture is listed, its frame says so, and the reason is returned."""
    store, items = shop(2)
    reader, problems = read([items[0], Item(record(7, image="images/gone.png")), items[1]], store)
    text = words(reader.pages[1].extract_text())
    assert "picture not available" in text and "Paisley 7" in text and "gone" not in text
    assert len(problems) == 1 and "does not exist" in problems[0]
    assert len(pictures(reader, 1)) == 2


def test_rights_are_not_cut() -> None:
    """However long the style's title, its rights holder and licence can be read."""
    store = MemoryStore()
    row = filed(
        store, 1, style_title="Endless " * 40, rights_holder="Muzeum Narodowe w Krakowie, Dział Tkanin"
    )
    text = words(read([Item(row)], store)[0].pages[1].extract_text())
    assert "Muzeum Narodowe w Krakowie, Dział Tkanin · CC-BY-4.0" in text


def test_nothing_chosen() -> None:
    """A line sheet of nothing is its cover."""
    reader, problems = read([], MemoryStore())
    assert len(reader.pages) == 1 and not problems


def test_transparent_pictures() -> None:
    """What lies under full transparency is not shown: the sheet's ground is."""
    store = MemoryStore()
    png = encode_png(Picture(picture(1), np.zeros((120, 96), np.uint8)))
    store.write("images/clear.png", png)
    row = record(1, image="images/clear.png", image_sha256=hashlib.sha256(png).hexdigest())
    (image,) = pictures(read([Item(row)], store)[0], 1)
    shown = np.asarray(Image.open(io.BytesIO(image._data)))  # type: ignore[attr-defined]
    assert np.abs(shown.astype(int) - prints.PAPER).max() <= 2


@pytest.mark.parametrize(
    ("size", "cut"), [((300, 100), (50, 100)), ((100, 300), (100, 200)), ((50, 100), (50, 100))]
)
def test_cover_pictures_are_cut_to_their_place(size: tuple[int, int], cut: tuple[int, int]) -> None:
    """A picture of another shape loses its sides or its ends, and one of the place's shape nothing."""
    assert prints._cropped(Image.new("RGB", size), 0.5).size == cut


@pytest.mark.parametrize(
    ("pages", "text"), [([2], "2"), ([2, 2, 3, 4], "2–4"), ([2, 3, 7, 7, 9, 10], "2–3, 7, 9–10")]
)
def test_page_ranges(pages: list[int], text: str) -> None:
    """Pages are written as people do."""
    assert cover._ranges(pages) == text


def test_cover_shows_the_best() -> None:
    """The cover takes picks before others and other styles before the same again."""
    items = [
        Item(record(0), "reject", 5),
        Item(record(1), "pick", 2),
        Item(record(1), "pick", 2),
        Item(record(2), "pick", 5),
        Item(record(3)),
    ]
    chosen = cover._foremost(items)
    assert chosen[0] is items[3]
    assert {id(item) for item in chosen} == {id(item) for item in items}
    distinct = [item.text("style_id") for item in chosen[:4]]
    assert len(set(distinct)) == 4


def test_lines_from_the_right_begin_below_each_other() -> None:
    """A Hebrew title of several lines is flush on its right."""
    store, items = shop(1)
    reader, _ = read(items, store, "קולקציית סתיו 2025 ארוכה במיוחד כדי לשבור שורות")
    contents = reader.pages[0].get_contents()
    assert contents is not None
    starts = re.findall(r"34 Tf 0 Tc 1 0 0 1 ([\d.]+) ([\d.]+) Tm", contents.get_data().decode("latin-1"))
    first: dict[str, float] = {}
    for x, y in starts:
        first[y] = min(float(x), first.get(y, 1e9))
    assert len(first) == 3 and len(set(first.values())) > 1
