"""Designs as an Excel workbook: the columns that people read, with a small picture in each row."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import xlsxwriter
from PIL import Image
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from catalogs.designs import marked_pictures, provenance
from catalogs.errors import CatalogsError
from catalogs.exports.items import Item, picture_name
from catalogs.exports.reading_ahead import read_picture, work_ahead
from catalogs.exports.spreadsheet import READABLE
from catalogs.images.codec import decode
from catalogs.storage.store_contract import Store

PICTURE = 90, 112
"""Pixels of a row's picture on a screen of 96 dpi; it is stored twice as large, for dense screens."""
MARGIN = 4
ROW_POINTS = (PICTURE[1] + 2 * MARGIN) * 72 / 96
PICTURE_COLUMN = 14.0
"""Width in characters, which Excel counts in."""
WIDTHS = {
    "File": 38,
    "Garment": 24,
    "Garment ID": 14,
    "Style": 24,
    "Style ID": 14,
    "Note": 36,
    "Credit": 40,
    "Design": 16,
}
USUAL_WIDTH = 14
LONGEST = 32_000
"""Characters of a cell; Excel takes 32,767."""
QUALITY = 82


@dataclass(frozen=True)
class CellPicture:
    """A picture for a cell: JPEG bytes with their XMP mark, and the scale at which it is shown (1 is full size)."""

    jpeg: bytes
    scale: float


def write_xlsx(items: Iterable[Item], store: Store, file: BinaryIO, title: str) -> list[str]:
    """Write a workbook of one sheet: a row a design, a picture first, then the columns of `READABLE`.

    The first row stays in sight, columns can be filtered and sorted with their pictures. Text is text, whatever it
    begins with: nothing is computed, nothing becomes a link. A design whose picture cannot be read, or is not what
    was filed, has a row without one; it is named with its reason in the list that is returned. Memory holds the
    small pictures, some 8 kB each.

    Raises StoreError where the store itself fails, picture after picture.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(file, {"in_memory": True, **options})
    book.set_properties(
        {"title": provenance.one_line(title), "author": provenance.SYSTEM, "comments": NOTICE}
    )
    sheet = book.add_worksheet("Designs")
    cells = book.add_format({"valign": "vcenter", "text_wrap": True, "font_size": 10})
    _begin(sheet, book.add_format({"bold": True, "bottom": 1, "valign": "vcenter"}))
    problems, row = [], 0
    for row, (item, small) in enumerate(work_ahead(items, lambda item: _small(item, store)), 1):
        sheet.set_row(row, ROW_POINTS)
        if isinstance(small, CatalogsError):
            problems.append(f"{picture_name(item)}: {small}")
            sheet.write_string(row, 0, "picture not available", cells)
        else:
            _put(sheet, row, item, small)
        _write(sheet, row, item, cells)
    sheet.autofilter(0, 0, row, len(READABLE))
    book.close()
    return problems


NOTICE = "All pictures were generated with AI (Stylemill) and are marked as such."


def _begin(sheet: Worksheet, bold: Format) -> None:
    sheet.set_column(0, 0, PICTURE_COLUMN)
    sheet.write_string(0, 0, "Picture", bold)
    for column, name in enumerate(READABLE, 1):
        sheet.set_column(column, column, WIDTHS.get(name, USUAL_WIDTH))
        sheet.write_string(0, column, name, bold)
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _write(sheet: Worksheet, row: int, item: Item, cells: Format) -> None:
    for column, value in enumerate((tell(item) for tell in READABLE.values()), 1):
        if isinstance(value, int):
            sheet.write_number(row, column, value, cells)
        else:
            sheet.write_string(row, column, str(value or "")[:LONGEST], cells)


def _put(sheet: Worksheet, row: int, item: Item, small: CellPicture) -> None:
    options = {
        "image_data": io.BytesIO(small.jpeg),
        "x_scale": small.scale,
        "y_scale": small.scale,
        "x_offset": MARGIN,
        "y_offset": MARGIN,
        # The picture moves with its row when rows are sorted, filtered or resized.
        "object_position": 1,
        "description": f"{item.title}, picture generated with AI",
    }
    sheet.insert_image(row, 0, picture_name(item, "jpg"), options)


def _small(item: Item, store: Store) -> CellPicture:
    picture = decode(read_picture(item, store))
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=Image.fromarray(picture.alpha))
        image = paper
    image.thumbnail((2 * PICTURE[0], 2 * PICTURE[1]), Image.Resampling.LANCZOS)
    scale = min(PICTURE[0] / image.width, PICTURE[1] / image.height)
    # 96 dpi: Excel assumes it for a picture without a resolution.
    jpeg = marked_pictures.save(image, "JPEG", item.packet, quality=QUALITY, optimize=True, dpi=(96, 96))
    return CellPicture(jpeg, scale)
