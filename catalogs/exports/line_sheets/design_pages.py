"""The pages of a line sheet that show designs, eight a page, with captions."""

from catalogs.designs import provenance
from catalogs.errors import CatalogsError
from catalogs.exports.items import Item, picture_name
from catalogs.exports.line_sheets.page_layout import (
    COLUMN,
    COLUMNS,
    GUTTER,
    HEIGHT,
    INK,
    MARGIN,
    NOTICE,
    PICTURE,
    PITCH,
    ROWS,
    SOFT,
    TINT,
    TOP,
    WIDTH,
    LineSheet,
    draw_page_number,
    draw_paragraph,
    draw_right_text,
    draw_rule,
    draw_text,
    set_name,
)
from catalogs.exports.line_sheets.pdf_objects import draw_jpeg
from catalogs.exports.line_sheets.prints import Print, make_print
from catalogs.exports.line_sheets.spelling import printable_name, spelling_notes
from catalogs.exports.reading_ahead import work_ahead
from catalogs.storage.store_contract import Store
from catalogs.typesetting.fitting import fit_line, fit_lines
from catalogs.typesetting.fonts import BOLD, OBLIQUE, SANS
from catalogs.typesetting.shaping import missing_letters, width_of

ID_SHARE = 0.45
"""Share of a caption's line that an id may take."""


def draw_design_pages(sheet: LineSheet, store: Store) -> list[str]:
    """Draw the pages of designs; returns the designs whose picture or text is not as it was filed, a line each."""
    problems: list[str] = []
    printed = work_ahead(sheet.items, lambda item: make_print(item, store, (COLUMN, PICTURE)))
    for number, (item, result) in enumerate(printed):
        place = number % (COLUMNS * ROWS)
        if place == 0:
            _begin_page(sheet, number)
        _cell(sheet, place, item, result if isinstance(result, Print) else None)
        problems += [f"{picture_name(item)}: {note}" for note in spelling_notes(item)]
        if isinstance(result, CatalogsError):
            problems.append(f"{picture_name(item)}: {result}")
            # Without the reason, which names places in the store: line sheets go to strangers.
            sheet.note("the picture could not be read and is missing here.", item)
        if place == COLUMNS * ROWS - 1 or number == len(sheet.items) - 1:
            sheet.canvas.showPage()
    return problems


def _begin_page(sheet: LineSheet, number: int) -> None:
    """Draw running header and footer, and set the bookmarks of the sets that begin on this page."""
    page = 2 + number // (COLUMNS * ROWS)
    shown = dict.fromkeys(map(set_name, sheet.items[number : number + COLUMNS * ROWS]))
    half = (WIDTH - 2 * MARGIN) / 2 - GUTTER
    draw_text(sheet, MARGIN, HEIGHT - 34, fit_line(sheet.title, SANS, 7, half), SANS, 7, INK)
    draw_right_text(
        sheet, WIDTH - MARGIN, HEIGHT - 34, fit_line(" · ".join(shown), SANS, 7, half), SANS, 7, SOFT
    )
    draw_rule(sheet, MARGIN, WIDTH - MARGIN, HEIGHT - 41)
    draw_text(sheet, MARGIN, 24, NOTICE, SANS, 6, SOFT)
    draw_page_number(sheet, page)
    sheet.canvas.bookmarkPage(f"page{page}")
    for name in shown:
        if sheet.sets[name][0] == page:
            sheet.canvas.addOutlineEntry(name, f"page{page}")


def _cell(sheet: LineSheet, place: int, item: Item, picture: Print | None) -> None:
    x, top = MARGIN + place % COLUMNS * (COLUMN + GUTTER), TOP - place // COLUMNS * PITCH
    if picture is None:
        _empty_frame(sheet, x, top - PICTURE)
    else:
        scale = min(COLUMN / picture.pixels[0], PICTURE / picture.pixels[1])
        width, height = picture.pixels[0] * scale, picture.pixels[1] * scale
        draw_jpeg(sheet.canvas, picture.jpeg, picture.pixels, (x, top - height, width, height))
    _caption(sheet, x, top - PICTURE - 14, item)


def _empty_frame(sheet: LineSheet, x: float, y: float) -> None:
    sheet.canvas.setFillColor(TINT)
    sheet.canvas.rect(x, y, PICTURE * 0.8, PICTURE, stroke=0, fill=1)
    draw_text(sheet, x + 10, y + 10, "picture not available", SANS, 6.5, SOFT)


def _caption(sheet: LineSheet, x: float, y: float, item: Item) -> None:
    """Garment and style with their ids, the design's id with verdict and stars, credit, note: each line on its baseline.

    The style's title is in a line above its credit; there is room for rights holder and licence.
    """
    _named(sheet, x, y, item, "garment", BOLD)
    _named(sheet, x, y - 10.5, item, "style", SANS)
    _marks(sheet, x, y - 21, item)
    y -= 31
    y = draw_paragraph(sheet, x, y, _rights(sheet, item), SANS, 6, SOFT, 8) - 2.5
    note = fit_lines(provenance.one_line(item.note), OBLIQUE, 6.5, COLUMN, 2)
    draw_paragraph(sheet, x, y, note, OBLIQUE, 6.5, INK, 8.5)


def _named(sheet: LineSheet, x: float, y: float, item: Item, kind: str, style: str) -> None:
    """A garment's or style's title, and at the end of the line its id, by which it is ordered."""
    name, record_id, room = printable_name(item, kind, style), item.text(f"{kind}_id"), COLUMN
    if record_id and record_id != name and not missing_letters(record_id, SANS):
        record_id = fit_line(record_id, SANS, 6.5, ID_SHARE * COLUMN)
        room -= width_of(record_id, SANS, 6.5) + 6
        draw_text(sheet, x + COLUMN - width_of(record_id, SANS, 6.5), y, record_id, SANS, 6.5, SOFT)
    draw_text(sheet, x, y, fit_line(name, style, 7.5, room), style, 7.5, INK)


def _rights(sheet: LineSheet, item: Item) -> list[str]:
    """The line or two of rights holder and licence; what is cut of them stands in the notes."""
    text = f"Style rights: {provenance.rights(item.record)}"
    broken = fit_lines(text, SANS, 6, COLUMN, 2)
    if len(fit_lines(text, SANS, 6, COLUMN, 3)) > 2:
        sheet.note(text, item)
    return broken


def _marks(sheet: LineSheet, x: float, y: float, item: Item) -> None:
    """The short id, then what people said: stars and verdict."""
    draw_text(sheet, x, y, item.short_id, SANS, 6.5, SOFT)
    x += width_of(item.short_id, SANS, 6.5) + 8
    stars = min(5, max(0, item.stars))
    if stars:
        rated = "★" * stars + "☆" * (5 - stars)
        draw_text(sheet, x, y, rated, SANS, 6.5, INK)
        x += width_of(rated, SANS, 6.5) + 8
    if item.verdict:
        draw_text(
            sheet, x, y, item.verdict.upper(), BOLD, 5.5, INK if item.verdict == "pick" else SOFT, spaced=0.6
        )
