"""The last pages of a line sheet: notes for which there is no room beside the designs."""

from collections.abc import Iterable

from catalogs.exports.line_sheets.page_layout import (
    HEIGHT,
    INK,
    MARGIN,
    WIDTH,
    LineSheet,
    draw_page_number,
    draw_rule,
    draw_text,
)
from catalogs.exports.line_sheets.spelling import spelling_note, spelling_notes
from catalogs.typesetting.fitting import fit_lines
from catalogs.typesetting.fonts import BOLD, SANS
from catalogs.typesetting.shaping import missing_letters

NOTES_A_PAGE = 42
IDS_A_NOTE = 12


def note_spelling(sheet: LineSheet) -> None:
    """Note texts that are not written in their own letters, because no font has them."""
    texts = {"The title of this line sheet": sheet.title, "Who prepared it": sheet.prepared_by}
    texts |= {f"Style set {number}": name for number, name in enumerate(sheet.sets, 1)}
    for what, text in texts.items():
        if missing := missing_letters(text, SANS):
            sheet.note(f"{what}: {spelling_note(missing, text)}")
    for item in sheet.items:
        for said in spelling_notes(item):
            sheet.note(said, item)


def draw_notes(sheet: LineSheet) -> int:
    """Draw the last pages, with the notes; no page where there are no notes. Returns how many pages."""
    room = WIDTH - 2 * MARGIN
    rows = [
        row
        for note in map(_note_line, sheet.notes.items())
        for row in fit_lines(note, SANS, 7, room, NOTES_A_PAGE)
    ]
    starts = range(0, len(rows), NOTES_A_PAGE)
    for page, start in enumerate(starts, sheet.pages + 1):
        draw_text(sheet, MARGIN, HEIGHT - 34, "Notes", BOLD, 7, INK)
        draw_rule(sheet, MARGIN, WIDTH - MARGIN, HEIGHT - 41)
        for number, row in enumerate(rows[start : start + NOTES_A_PAGE]):
            draw_text(sheet, MARGIN, HEIGHT - 58 - 11 * number, row, SANS, 7, INK)
        draw_page_number(sheet, page)
        if start == 0:
            sheet.canvas.bookmarkPage("notes")
            sheet.canvas.addOutlineEntry("Notes", "notes")
        sheet.canvas.showPage()
    return len(starts)


def _note_line(note: tuple[str, Iterable[str]]) -> str:
    """A note after the ids of the designs that it is about; of many ids only the first are named."""
    text, about = note
    ids = list(about)
    if len(ids) > IDS_A_NOTE:
        ids[IDS_A_NOTE:] = [f"and {len(ids) - IDS_A_NOTE:,} more"]
    return f"{', '.join(ids)}: {text}" if ids else text
