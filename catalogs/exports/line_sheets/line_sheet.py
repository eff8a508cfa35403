"""A line sheet: the PDF that a merchandiser hands to a buyer. A cover, then the designs in a grid."""

from collections.abc import Iterable, Sequence
from typing import BinaryIO

from reportlab.pdfgen.canvas import Canvas

from catalogs.designs import provenance
from catalogs.exports.items import Item
from catalogs.exports.line_sheets.cover import draw_cover
from catalogs.exports.line_sheets.design_pages import draw_design_pages
from catalogs.exports.line_sheets.note_pages import draw_notes, note_spelling
from catalogs.exports.line_sheets.page_layout import (
    COLUMNS,
    HEIGHT,
    MARGIN,
    NOTICE,
    ROWS,
    SOFT,
    TOTAL,
    WIDTH,
    LineSheet,
    count_phrase,
    draw_right_text,
    set_name,
)
from catalogs.exports.line_sheets.pdf_objects import add_xmp
from catalogs.exports.line_sheets.pdf_text import PdfText
from catalogs.storage.store_contract import Store
from catalogs.typesetting.fonts import SANS


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
    note_spelling(sheet)
    draw_cover(sheet, store)
    problems = draw_design_pages(sheet, store)
    pages = sheet.pages + draw_notes(sheet)
    _define_total(sheet, pages)
    canvas.save()
    return problems


def _sets(items: Sequence[Item]) -> dict[str, list[int]]:
    """Style sets in the order in which they come, with the page of each of their designs."""
    pages_by_set: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        pages_by_set.setdefault(set_name(item), []).append(2 + number // (COLUMNS * ROWS))
    return pages_by_set


def _describe(sheet: LineSheet) -> None:
    """Tell readers, machines included, what the document is."""
    subject = f"Line sheet, {count_phrase(len(sheet.items), 'design')}. {NOTICE}"
    canvas, author = sheet.canvas, sheet.prepared_by or provenance.SYSTEM
    canvas.setTitle(sheet.title)
    canvas.setAuthor(author)
    canvas.setSubject(subject)
    canvas.setCreator(provenance.SYSTEM)
    canvas.setKeywords(["line sheet", "AI-generated", provenance.SourceType.COMPOSITE.value])
    canvas.setViewerPreference("DisplayDocTitle", "true")
    add_xmp(canvas, provenance.document_xmp(sheet.title, subject, author))


# The cover


# The grid


# The notes


def _define_total(sheet: LineSheet, pages: int) -> None:
    sheet.canvas.beginForm(TOTAL)
    draw_right_text(sheet, WIDTH - MARGIN, 24, f" / {pages}", SANS, 7, SOFT)
    sheet.canvas.endForm()
