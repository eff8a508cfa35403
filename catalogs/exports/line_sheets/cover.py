"""The cover of a line sheet: pictures, title, summary and a table of its style sets."""

from collections.abc import Sequence
from datetime import date
from itertools import islice

from catalogs.exports.items import Item
from catalogs.exports.line_sheets.page_layout import (
    COVER_TEXT,
    HEIGHT,
    INK,
    MARGIN,
    NOTICE,
    SOFT,
    TINT,
    WIDTH,
    LineSheet,
    count_phrase,
    draw_paragraph,
    draw_right_text,
    draw_rule,
    draw_text,
)
from catalogs.exports.line_sheets.pdf_objects import draw_jpeg
from catalogs.exports.line_sheets.prints import Print, make_print
from catalogs.exports.reading_ahead import work_ahead
from catalogs.storage.store_contract import Store
from catalogs.typesetting.fitting import fit_line, fit_lines
from catalogs.typesetting.fonts import SANS, SERIF

SETS_SHOWN = 10


def draw_cover(sheet: LineSheet, store: Store) -> None:
    """Draw the cover as the first page."""
    _mosaic(sheet, store)
    y = _heading(sheet)
    y = _summary(sheet, y - 30)
    _contents(sheet, y - 30)
    draw_text(sheet, MARGIN, 40, fit_line(NOTICE, SANS, 6, COVER_TEXT - MARGIN - 24), SANS, 6, SOFT)
    sheet.canvas.bookmarkPage("cover")
    sheet.canvas.addOutlineEntry("Cover", "cover")
    sheet.canvas.showPage()


def _mosaic(sheet: LineSheet, store: Store) -> None:
    """Four pictures to the edges of the page, or one: the picked and best rated, of different styles."""
    across = 2 if len(sheet.items) >= 4 else 1
    width, height = (WIDTH - COVER_TEXT) / across, HEIGHT / across
    tried = work_ahead(
        _foremost(sheet.items), lambda item: make_print(item, store, (width, height), cover=True)
    )
    prints = islice((result for _, result in tried if isinstance(result, Print)), across * across)
    sheet.canvas.setFillColor(TINT)
    sheet.canvas.rect(COVER_TEXT, 0, WIDTH - COVER_TEXT, HEIGHT, stroke=0, fill=1)
    for place, picture in enumerate(prints):
        left, bottom = place % across * width, (across - 1 - place // across) * height
        draw_jpeg(sheet.canvas, picture.jpeg, picture.pixels, (COVER_TEXT + left, bottom, width, height))


def _foremost(items: Sequence[Item]) -> list[Item]:
    """Items in the order for the cover: picked and best rated first, one of each style first.

    Neighbours are of different garments where possible.
    """
    ranked = sorted(items, key=lambda item: (item.verdict != "pick", item.verdict == "reject", -item.stars))
    chosen: list[Item] = []
    for fresh in (("style_id", "garment_id"), ("style_id",), ()):
        for item in ranked[:200]:
            met = any(item.text(column) == other.text(column) for other in chosen for column in fresh)
            if not met and not any(item is other for other in chosen):
                chosen.append(item)
    return chosen


def _heading(sheet: LineSheet) -> float:
    y: float = HEIGHT - 92
    draw_text(sheet, MARGIN, y, "LINE SHEET", SANS, 7, SOFT, spaced=1.4)
    y -= 44
    title = fit_lines(sheet.title, SERIF, 34, COVER_TEXT - MARGIN - 24, 3)
    return draw_paragraph(sheet, MARGIN, y, title, SERIF, 34, INK, 38) + 38


def _summary(sheet: LineSheet, y: float) -> float:
    """Date, who prepared it, and how much there is."""
    today = date.today()
    said = [f"{today.day} {today:%B %Y}"]
    said += [f"Prepared by {sheet.prepared_by}"] if sheet.prepared_by else []
    kinds = [
        count_phrase(len({item.text(f"{kind}_id") for item in sheet.items}), kind)
        for kind in ("garment", "style")
    ]
    said.append(" · ".join([count_phrase(len(sheet.items), "design"), *kinds]))
    verdicts = [item.verdict for item in sheet.items]
    picked = [
        count_phrase(verdicts.count(verdict), verdict)
        for verdict in ("pick", "reject")
        if verdict in verdicts
    ]
    said += [" · ".join(picked)] if picked else []
    for text in said:
        draw_text(sheet, MARGIN, y, fit_line(text, SANS, 8.5, COVER_TEXT - MARGIN - 24), SANS, 8.5, INK)
        y -= 14
    return y


def _contents(sheet: LineSheet, y: float) -> None:
    """Style sets with their designs and pages; a line leads to its first page."""
    right = COVER_TEXT - 28
    for column, text in ((right - 58, "DESIGNS"), (right, "PAGES")):
        draw_right_text(sheet, column, y, text, SANS, 6, SOFT)
    draw_text(sheet, MARGIN, y, "STYLE SET", SANS, 6, SOFT)
    for name, pages in islice(sheet.sets.items(), SETS_SHOWN):
        draw_rule(sheet, MARGIN, right, y - 6)
        y -= 19
        draw_text(sheet, MARGIN, y, fit_line(name, SANS, 8.5, right - 100 - MARGIN), SANS, 8.5, INK)
        draw_right_text(sheet, right - 58, y, f"{len(pages):,}", SANS, 8.5, INK)
        draw_right_text(sheet, right, y, fit_line(_ranges(pages), SANS, 8.5, 46), SANS, 8.5, INK)
        sheet.canvas.linkRect("", f"page{pages[0]}", (MARGIN, y - 5, right, y + 12), Border="[0 0 0]")
    draw_rule(sheet, MARGIN, right, y - 6)
    if len(sheet.sets) > SETS_SHOWN:
        draw_text(sheet, MARGIN, y - 19, f"and {len(sheet.sets) - SETS_SHOWN} more", SANS, 7, SOFT)


def _ranges(pages: Sequence[int]) -> str:
    """Page numbers as people write them: 2–4, 7."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page <= runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
