"""Measures of a line sheet's pages, and how text and rules are drawn on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from catalogs.exports.items import Item
from catalogs.exports.line_sheets.pdf_text import PdfText
from catalogs.typesetting.fonts import SANS
from catalogs.typesetting.reading_order import starts_from_right
from catalogs.typesetting.shaping import width_of

INK, SOFT, HAIR, TINT = HexColor("#22201e"), HexColor("#6d6861"), HexColor("#d9d5cf"), HexColor("#f3f1ee")
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
TOTAL = "pages-in-all"
"""Name of the form with the number of all pages."""
NOTICE = "All pictures were generated with AI (Stylemill) and are marked as such."


@dataclass(frozen=True)
class LineSheet:
    """What every page of a line sheet needs. `sets` are the style sets with the pages that show them.

    `notes` are texts for which a page has no room, with the designs that they are about; they stand on the last pages,
    each once.
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
        """The number of pages without those of the notes, the cover included."""
        return 1 + -(-len(self.items) // (COLUMNS * ROWS))

    def note(self, text: str, *items: Item) -> None:
        """Keep a note, of some designs or of the whole sheet."""
        self.notes.setdefault(text, {}).update(dict.fromkeys(item.short_id for item in items))


def set_name(item: Item) -> str:
    """The style set of an item, or "no style set"."""
    return item.text("style_set") or "no style set"


def draw_page_number(sheet: LineSheet, page: int) -> None:
    """Draw the number of a page; the number of all pages, known at the end, is drawn beside it by a form."""
    behind = width_of(f" / {'0' * len(str(sheet.pages))}", SANS, 7)
    draw_right_text(sheet, WIDTH - MARGIN - behind, 24, f"{page}", SANS, 7, SOFT)
    sheet.canvas.doForm(TOTAL)


def count_phrase(number: int, noun: str) -> str:
    """A number with its noun, as "1 design" or "2,000 designs"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def draw_text(
    sheet: LineSheet, x: float, y: float, text: str, font: str, size: float, ink: Color, spaced: float = 0
) -> None:
    """Draw a line of text from `x` to the right on the baseline `y`, points."""
    sheet.text.draw(x, y, text, font, size, ink, spaced)


def draw_paragraph(
    sheet: LineSheet,
    x: float,
    y: float,
    rows: Sequence[str],
    font: str,
    size: float,
    ink: Color,
    pitch: float,
) -> float:
    """Draw the lines of a text; lines that run from the right begin below each other, too. Returns the next baseline."""
    widths = [width_of(row, font, size) for row in rows]
    for row, width in zip(rows, widths, strict=True):
        draw_text(sheet, x + (max(widths) - width) * starts_from_right(row), y, row, font, size, ink)
        y -= pitch
    return y


def draw_right_text(
    sheet: LineSheet, x: float, y: float, text: str, font: str, size: float, ink: Color
) -> None:
    """Draw a line of text that ends at `x`, points."""
    draw_text(sheet, x - width_of(text, font, size), y, text, font, size, ink)


def draw_rule(sheet: LineSheet, left: float, right: float, y: float) -> None:
    """Draw a thin horizontal line from `left` to `right`, points."""
    sheet.canvas.setStrokeColor(HAIR)
    sheet.canvas.setLineWidth(0.5)
    sheet.canvas.line(left, y, right, y)
