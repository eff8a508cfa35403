"""A line sheet: the PDF that a merchandiser hands to a buyer. A cover, then the designs in a grid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import BinaryIO

from PIL import Image
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from catalogs.designs import provenance
from catalogs.errors import CatalogsError
from catalogs.exports.items import Item, picture_name
from catalogs.exports.line_sheets.pdf_objects import add_xmp, draw_jpeg
from catalogs.exports.line_sheets.pdf_text import PdfText
from catalogs.exports.line_sheets.spelling import printable_name, spelling_note, spelling_notes
from catalogs.exports.reading_ahead import read_picture, work_ahead
from catalogs.images.codec import decode
from catalogs.storage.store_contract import Store
from catalogs.typesetting.fitting import fit_line, fit_lines
from catalogs.typesetting.fonts import BOLD, OBLIQUE, SANS, SERIF
from catalogs.typesetting.reading_order import starts_from_right
from catalogs.typesetting.shaping import missing_letters, width_of

INK, SOFT, HAIR, TINT = HexColor("#22201e"), HexColor("#6d6861"), HexColor("#d9d5cf"), HexColor("#f3f1ee")
PAPER = (243, 241, 238)
"""Ground of transparent pictures: the tint, as white ones would have no edge."""
WIDTH, HEIGHT = landscape(A4)
MARGIN = 42.0
COLUMNS, ROWS = 4, 2
GUTTER = 22.0
COLUMN = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GUTTER) / COLUMNS
TOP = HEIGHT - 58.0
PITCH = 252.0
"""From the top of a row of pictures to the top of the next, points."""
PICTURE = 168.0
"""Height of a picture in the grid; captions have what is left of the pitch."""
COVER_TEXT = WIDTH - 0.8 * HEIGHT
"""Width of the cover's left part. Pictures have the rest, to the edges of the page: those of 4:5 are not cut."""
ID_SHARE = 0.45
"""Share of a caption's line that an id may take."""
SETS_SHOWN = 10
DPI = 200
QUALITY = 82
NOTES_A_PAGE = 42
IDS_A_NOTE = 12
TOTAL = "pages-in-all"
"""What every page draws behind its number."""
NOTICE = "All pictures were generated with AI (Stylemill) and are marked as such."


@dataclass(frozen=True)
class Print:
    """A picture as it goes into the document: JPEG bytes in sRGB, marked, and its width and height in pixels."""

    jpeg: bytes
    pixels: tuple[int, int]


@dataclass(frozen=True)
class LineSheet:
    """What every page of a line sheet knows. `sets` are the style sets with the pages that show them.

    `notes` are what a reader has to know and found no room for, with the designs that it is about; they stand on the
    last pages, each once.
    """

    canvas: Canvas
    text: PdfText
    title: str
    prepared_by: str
    items: Sequence[Item]
    sets: Mapping[str, Sequence[int]]
    notes: dict[str, dict[str, None]] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        """Pages in all but those of the notes, the cover included."""
        return 1 + -(-len(self.items) // (COLUMNS * ROWS))

    def note(self, text: str, *items: Item) -> None:
        """Keep a note, of some designs or of the whole sheet."""
        self.notes.setdefault(text, {}).update(dict.fromkeys(item.short_id for item in items))


def write_pdf(
    items: Iterable[Item], store: Store, file: BinaryIO, title: str, prepared_by: str = ""
) -> list[str]:
    """Write a line sheet: A4 landscape, a cover, then eight designs a page in the order given.

    A design whose picture cannot be read, or is not what was filed, keeps its place with an empty frame; it is
    named with its reason in the list that is returned. Text stands in the order of its script, by Unicode's
    bidirectional algorithm, with its letters joined.
    What does not fit is cut with an ellipsis, rights never without the whole of them in the notes on the last page.
    Where no font has a letter, a title gives way to the id and every other text is spelled in Latin letters; the
    notes and the list say so. Pictures are JPEGs at 200 dpi, marked with XMP; fonts are embedded. Memory holds the
    document.

    Raises StoreError where the store itself fails, picture after picture.
    """
    listed = tuple(items)
    canvas = Canvas(file, pagesize=(WIDTH, HEIGHT), pageCompression=1, lang="en")
    said = provenance.one_line(title), provenance.one_line(prepared_by)
    sheet = LineSheet(canvas, PdfText(canvas), *said, listed, _sets(listed))
    _describe(sheet)
    _note_spelling(sheet)
    _cover(sheet, store)
    problems = _grid(sheet, store)
    pages = sheet.pages + _notes(sheet)
    _define_total(sheet, pages)
    canvas.save()
    return problems


def _sets(items: Sequence[Item]) -> dict[str, list[int]]:
    """Style sets in the order in which they come, with the page of each of their designs."""
    found: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        found.setdefault(_set_of(item), []).append(2 + number // (COLUMNS * ROWS))
    return found


def _set_of(item: Item) -> str:
    return item.text("style_set") or "no style set"


def _describe(sheet: LineSheet) -> None:
    """Tell readers, machines included, what the document is."""
    subject = f"Line sheet, {_count(len(sheet.items), 'design')}. {NOTICE}"
    canvas, author = sheet.canvas, sheet.prepared_by or provenance.SYSTEM
    canvas.setTitle(sheet.title)
    canvas.setAuthor(author)
    canvas.setSubject(subject)
    canvas.setCreator(provenance.SYSTEM)
    canvas.setKeywords(["line sheet", "AI-generated", provenance.SourceType.COMPOSITE.value])
    canvas.setViewerPreference("DisplayDocTitle", "true")
    add_xmp(canvas, provenance.document_xmp(sheet.title, subject, author))


def _print(item: Item, store: Store, box: tuple[float, float], *, cover: bool = False) -> Print:
    """A picture at 200 dpi for a box of points: the whole of it inside, or cut to cover the box."""
    picture = decode(read_picture(item, store))
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        paper = Image.new("RGB", image.size, PAPER)
        paper.paste(image, mask=Image.fromarray(picture.alpha))
        image = paper
    width, height = (max(1, round(side * DPI / 72)) for side in box)
    ratios = width / image.width, height / image.height
    scale = min(1.0, (max if cover else min)(ratios))
    if cover:
        image = _cropped(image, width / height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image = image.resize(size, Image.Resampling.LANCZOS)
    jpeg = provenance.save(image, "JPEG", item.packet, quality=QUALITY, optimize=True)
    return Print(jpeg, image.size)


def _cropped(image: Image.Image, ratio: float) -> Image.Image:
    """The middle of a picture, width over height = `ratio`."""
    width, height = min(image.width, image.height * ratio), min(image.height, image.width / ratio)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return image.crop((round(left), round(top), round(left + width), round(top + height)))


# The cover


def _cover(sheet: LineSheet, store: Store) -> None:
    _mosaic(sheet, store)
    y = _heading(sheet)
    y = _summary(sheet, y - 30)
    _contents(sheet, y - 30)
    _write(sheet, MARGIN, 40, fit_line(NOTICE, SANS, 6, COVER_TEXT - MARGIN - 24), SANS, 6, SOFT)
    sheet.canvas.bookmarkPage("cover")
    sheet.canvas.addOutlineEntry("Cover", "cover")
    sheet.canvas.showPage()


def _mosaic(sheet: LineSheet, store: Store) -> None:
    """Four pictures to the edges of the page, or one: the picked and best rated, of different styles."""
    across = 2 if len(sheet.items) >= 4 else 1
    width, height = (WIDTH - COVER_TEXT) / across, HEIGHT / across
    tried = work_ahead(_foremost(sheet.items), lambda item: _print(item, store, (width, height), cover=True))
    prints = islice((one for _, one in tried if isinstance(one, Print)), across * across)
    sheet.canvas.setFillColor(TINT)
    sheet.canvas.rect(COVER_TEXT, 0, WIDTH - COVER_TEXT, HEIGHT, stroke=0, fill=1)
    for place, one in enumerate(prints):
        left, bottom = place % across * width, (across - 1 - place // across) * height
        draw_jpeg(sheet.canvas, one.jpeg, one.pixels, (COVER_TEXT + left, bottom, width, height))


def _foremost(items: Sequence[Item]) -> list[Item]:
    """Items by what people said of them; one of each style first, of another garment than the one before."""
    ranked = sorted(items, key=lambda item: (item.verdict != "pick", item.verdict == "reject", -item.stars))
    chosen: list[Item] = []
    for fresh in (("style_id", "garment_id"), ("style_id",), ()):
        for item in ranked[:200]:
            met = any(item.text(column) == one.text(column) for one in chosen for column in fresh)
            if not met and not any(item is one for one in chosen):
                chosen.append(item)
    return chosen


def _heading(sheet: LineSheet) -> float:
    y: float = HEIGHT - 92
    _write(sheet, MARGIN, y, "LINE SHEET", SANS, 7, SOFT, spaced=1.4)
    y -= 44
    title = fit_lines(sheet.title, SERIF, 34, COVER_TEXT - MARGIN - 24, 3)
    return _paragraph(sheet, MARGIN, y, title, SERIF, 34, INK, 38) + 38


def _summary(sheet: LineSheet, y: float) -> float:
    """Date, who prepared it, and how much there is."""
    today = date.today()
    said = [f"{today.day} {today:%B %Y}"]
    said += [f"Prepared by {sheet.prepared_by}"] if sheet.prepared_by else []
    kinds = [
        _count(len({item.text(f"{kind}_id") for item in sheet.items}), kind) for kind in ("garment", "style")
    ]
    said.append(" · ".join([_count(len(sheet.items), "design"), *kinds]))
    verdicts = [item.verdict for item in sheet.items]
    picked = [
        _count(verdicts.count(verdict), verdict) for verdict in ("pick", "reject") if verdict in verdicts
    ]
    said += [" · ".join(picked)] if picked else []
    for text in said:
        _write(sheet, MARGIN, y, fit_line(text, SANS, 8.5, COVER_TEXT - MARGIN - 24), SANS, 8.5, INK)
        y -= 14
    return y


def _contents(sheet: LineSheet, y: float) -> None:
    """Style sets with their designs and pages; a line leads to its first page."""
    right = COVER_TEXT - 28
    for column, text in ((right - 58, "DESIGNS"), (right, "PAGES")):
        _write_right(sheet, column, y, text, SANS, 6, SOFT)
    _write(sheet, MARGIN, y, "STYLE SET", SANS, 6, SOFT)
    for name, pages in islice(sheet.sets.items(), SETS_SHOWN):
        _rule(sheet, MARGIN, right, y - 6)
        y -= 19
        _write(sheet, MARGIN, y, fit_line(name, SANS, 8.5, right - 100 - MARGIN), SANS, 8.5, INK)
        _write_right(sheet, right - 58, y, f"{len(pages):,}", SANS, 8.5, INK)
        _write_right(sheet, right, y, fit_line(_ranges(pages), SANS, 8.5, 46), SANS, 8.5, INK)
        sheet.canvas.linkRect("", f"page{pages[0]}", (MARGIN, y - 5, right, y + 12), Border="[0 0 0]")
    _rule(sheet, MARGIN, right, y - 6)
    if len(sheet.sets) > SETS_SHOWN:
        _write(sheet, MARGIN, y - 19, f"and {len(sheet.sets) - SETS_SHOWN} more", SANS, 7, SOFT)


def _ranges(pages: Sequence[int]) -> str:
    """Page numbers as people write them: 2–4, 7."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page <= runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)


# The grid


def _grid(sheet: LineSheet, store: Store) -> list[str]:
    problems: list[str] = []
    printed = work_ahead(sheet.items, lambda item: _print(item, store, (COLUMN, PICTURE)))
    for number, (item, result) in enumerate(printed):
        place = number % (COLUMNS * ROWS)
        if place == 0:
            _begin_page(sheet, number)
        _cell(sheet, place, item, result if isinstance(result, Print) else None)
        problems += [f"{picture_name(item)}: {one}" for one in spelling_notes(item)]
        if isinstance(result, CatalogsError):
            problems.append(f"{picture_name(item)}: {result}")
            # Without the reason, which names places in the store: line sheets go to strangers.
            sheet.note("the picture could not be read and is missing here.", item)
        if place == COLUMNS * ROWS - 1 or number == len(sheet.items) - 1:
            sheet.canvas.showPage()
    return problems


def _begin_page(sheet: LineSheet, number: int) -> None:
    """Running header and footer, and the bookmarks of the sets that begin here."""
    page = 2 + number // (COLUMNS * ROWS)
    shown = dict.fromkeys(map(_set_of, sheet.items[number : number + COLUMNS * ROWS]))
    half = (WIDTH - 2 * MARGIN) / 2 - GUTTER
    _write(sheet, MARGIN, HEIGHT - 34, fit_line(sheet.title, SANS, 7, half), SANS, 7, INK)
    _write_right(
        sheet, WIDTH - MARGIN, HEIGHT - 34, fit_line(" · ".join(shown), SANS, 7, half), SANS, 7, SOFT
    )
    _rule(sheet, MARGIN, WIDTH - MARGIN, HEIGHT - 41)
    _write(sheet, MARGIN, 24, NOTICE, SANS, 6, SOFT)
    _number(sheet, page)
    sheet.canvas.bookmarkPage(f"page{page}")
    for name in shown:
        if sheet.sets[name][0] == page:
            sheet.canvas.addOutlineEntry(name, f"page{page}")


def _cell(sheet: LineSheet, place: int, item: Item, one: Print | None) -> None:
    x, top = MARGIN + place % COLUMNS * (COLUMN + GUTTER), TOP - place // COLUMNS * PITCH
    if one is None:
        _empty_frame(sheet, x, top - PICTURE)
    else:
        scale = min(COLUMN / one.pixels[0], PICTURE / one.pixels[1])
        width, height = one.pixels[0] * scale, one.pixels[1] * scale
        draw_jpeg(sheet.canvas, one.jpeg, one.pixels, (x, top - height, width, height))
    _caption(sheet, x, top - PICTURE - 14, item)


def _empty_frame(sheet: LineSheet, x: float, y: float) -> None:
    sheet.canvas.setFillColor(TINT)
    sheet.canvas.rect(x, y, PICTURE * 0.8, PICTURE, stroke=0, fill=1)
    _write(sheet, x + 10, y + 10, "picture not available", SANS, 6.5, SOFT)


def _caption(sheet: LineSheet, x: float, y: float, item: Item) -> None:
    """Garment and style with their ids, the design's id with verdict and stars, credit, note: each line on its baseline.

    The style's title is a line above its credit: room is kept for rights holder and licence.
    """
    _named(sheet, x, y, item, "garment", BOLD)
    _named(sheet, x, y - 10.5, item, "style", SANS)
    _marks(sheet, x, y - 21, item)
    y -= 31
    y = _paragraph(sheet, x, y, _rights(sheet, item), SANS, 6, SOFT, 8) - 2.5
    note = fit_lines(provenance.one_line(item.note), OBLIQUE, 6.5, COLUMN, 2)
    _paragraph(sheet, x, y, note, OBLIQUE, 6.5, INK, 8.5)


def _named(sheet: LineSheet, x: float, y: float, item: Item, kind: str, style: str) -> None:
    """A garment's or style's title, and at the end of the line its id, by which it is ordered."""
    name, own, room = printable_name(item, kind, style), item.text(f"{kind}_id"), COLUMN
    if own and own != name and not missing_letters(own, SANS):
        own = fit_line(own, SANS, 6.5, ID_SHARE * COLUMN)
        room -= width_of(own, SANS, 6.5) + 6
        _write(sheet, x + COLUMN - width_of(own, SANS, 6.5), y, own, SANS, 6.5, SOFT)
    _write(sheet, x, y, fit_line(name, style, 7.5, room), style, 7.5, INK)


def _rights(sheet: LineSheet, item: Item) -> list[str]:
    """The line or two of rights holder and licence; what is cut of them stands in the notes."""
    text = f"Style rights: {provenance.rights(item.record)}"
    broken = fit_lines(text, SANS, 6, COLUMN, 2)
    if len(fit_lines(text, SANS, 6, COLUMN, 3)) > 2:
        sheet.note(text, item)
    return broken


def _marks(sheet: LineSheet, x: float, y: float, item: Item) -> None:
    """The short id, then what people said: stars and verdict."""
    _write(sheet, x, y, item.short_id, SANS, 6.5, SOFT)
    x += width_of(item.short_id, SANS, 6.5) + 8
    stars = min(5, max(0, item.stars))
    if stars:
        rated = "★" * stars + "☆" * (5 - stars)
        _write(sheet, x, y, rated, SANS, 6.5, INK)
        x += width_of(rated, SANS, 6.5) + 8
    if item.verdict:
        _write(
            sheet, x, y, item.verdict.upper(), BOLD, 5.5, INK if item.verdict == "pick" else SOFT, spaced=0.6
        )


# The notes


def _note_spelling(sheet: LineSheet) -> None:
    """Note what is not written in its own letters, because no font has them."""
    texts = {"The title of this line sheet": sheet.title, "Who prepared it": sheet.prepared_by}
    texts |= {f"Style set {number}": name for number, name in enumerate(sheet.sets, 1)}
    for what, text in texts.items():
        if missing := missing_letters(text, SANS):
            sheet.note(f"{what}: {spelling_note(missing, text)}")
    for item in sheet.items:
        for said in spelling_notes(item):
            sheet.note(said, item)


def _notes(sheet: LineSheet) -> int:
    """Last pages with what found no room elsewhere; none where there is nothing to note. Returns how many."""
    room = WIDTH - 2 * MARGIN
    rows = [
        row
        for note in map(_told, sheet.notes.items())
        for row in fit_lines(note, SANS, 7, room, NOTES_A_PAGE)
    ]
    starts = range(0, len(rows), NOTES_A_PAGE)
    for page, start in enumerate(starts, sheet.pages + 1):
        _write(sheet, MARGIN, HEIGHT - 34, "Notes", BOLD, 7, INK)
        _rule(sheet, MARGIN, WIDTH - MARGIN, HEIGHT - 41)
        for number, row in enumerate(rows[start : start + NOTES_A_PAGE]):
            _write(sheet, MARGIN, HEIGHT - 58 - 11 * number, row, SANS, 7, INK)
        _number(sheet, page)
        if start == 0:
            sheet.canvas.bookmarkPage("notes")
            sheet.canvas.addOutlineEntry("Notes", "notes")
        sheet.canvas.showPage()
    return len(starts)


def _told(note: tuple[str, Iterable[str]]) -> str:
    """A note, after the designs that it is about; of many only the first are named."""
    text, about = note
    ids = list(about)
    if len(ids) > IDS_A_NOTE:
        ids[IDS_A_NOTE:] = [f"and {len(ids) - IDS_A_NOTE:,} more"]
    return f"{', '.join(ids)}: {text}" if ids else text


def _number(sheet: LineSheet, page: int) -> None:
    """The number of a page and of how many, which is known when the last one is done and drawn here then."""
    behind = width_of(f" / {'0' * len(str(sheet.pages))}", SANS, 7)
    _write_right(sheet, WIDTH - MARGIN - behind, 24, f"{page}", SANS, 7, SOFT)
    sheet.canvas.doForm(TOTAL)


def _define_total(sheet: LineSheet, pages: int) -> None:
    sheet.canvas.beginForm(TOTAL)
    _write_right(sheet, WIDTH - MARGIN, 24, f" / {pages}", SANS, 7, SOFT)
    sheet.canvas.endForm()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _write(
    sheet: LineSheet, x: float, y: float, text: str, font: str, size: float, ink: Color, spaced: float = 0
) -> None:
    sheet.text.draw(x, y, text, font, size, ink, spaced)


def _paragraph(
    sheet: LineSheet,
    x: float,
    y: float,
    rows: Sequence[str],
    font: str,
    size: float,
    ink: Color,
    pitch: float,
) -> float:
    """Write the lines of a text; those from the right begin below each other, too. Returns the next baseline."""
    widths = [width_of(row, font, size) for row in rows]
    for row, width in zip(rows, widths, strict=True):
        _write(sheet, x + (max(widths) - width) * starts_from_right(row), y, row, font, size, ink)
        y -= pitch
    return y


def _write_right(sheet: LineSheet, x: float, y: float, text: str, font: str, size: float, ink: Color) -> None:
    _write(sheet, x - width_of(text, font, size), y, text, font, size, ink)


def _rule(sheet: LineSheet, left: float, right: float, y: float) -> None:
    sheet.canvas.setStrokeColor(HAIR)
    sheet.canvas.setLineWidth(0.5)
    sheet.canvas.line(left, y, right, y)
