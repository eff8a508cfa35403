"""Excel workbooks (.xlsx), sheet by sheet and line by line as text, as the program shows them."""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from openpyxl import load_workbook

from catalogs.catalog_files import other_kind
from catalogs.cell_text import cell_text
from catalogs.errors import CatalogError
from catalogs.lines import MAX_BYTES, MAX_CELLS, Faults, IsRow, Line, Sheet, never

WORKBOOK = "xl/workbook.xml"
STRICT = b"purl.oclc.org/ooxml"
"""The namespace of 'Strict Open XML', a kind of workbook that programs offer and nobody reads."""
MAX_PARTS = 10_000
SHEET_ROWS = 1_048_576
"""Rows that a sheet can have."""
PREFERRED = ("catalog", "garments", "styles")
"""Sheets of these names are looked at first."""
NOT_COMPUTED = re.compile(
    rb"<(?:\w+:)?c (?P<attributes>[^>]*)>\s*<(?:\w+:)?f(?: [^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
"""A cell with a formula and no value; the library shows the one or the other, and not which is missing."""
REFERENCE = re.compile(rb'\br="([A-Z]{1,3})(\d+)"')
OF_TEXT = b't="str"'
"""The type of a formula whose value is a text, which may be empty."""
MERGED = re.compile(rb'<(?:\w+:)?mergeCell ref="([A-Z]{1,3})(\d+):[A-Z]{1,3}(\d+)"')
ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
ZEROS = re.compile("0+")
DIGITS = 15
"""Digits of a number that Excel keeps; what a float has beyond them is noise."""

# The library tells of styles and extensions that it does not know; none of them is a cell's value.
warnings.filterwarnings("ignore", module="openpyxl")


def xlsx_sheets(name: str, data: bytes) -> list[Sheet]:
    """The sheets of a workbook, those of a telling name first, hidden ones not; `name` is for messages.

    A cell is what the program shows: a formula's value, 101 for the number 101.0, 007 where the format has
    the zeros, 2025-10-01 for a date, and for a merged cell the same in every row that it spans. Hidden rows
    count, as they do in the program's own CSV. A formula that ended in an error, or was never computed, is
    a fault of its cell. CatalogError where the file is none, is damaged or stands for over MAX_BYTES.
    """
    _check_archive(name, data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        found = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
    except Exception as error:  # the library raises many kinds; all mean the same to the reader
        raise _unreadable(name, error) from error
    ordered = sorted(found, key=lambda sheet: sheet.title.strip().casefold() not in PREFERRED)
    return [Sheet(partial(_lines, name, book, sheet), sheet.title) for sheet in ordered]


def _unreadable(name: str, error: Exception) -> CatalogError:
    return CatalogError(f"{name} cannot be read as an Excel workbook: {error}. Save it again.")


def _check_archive(name: str, data: bytes) -> None:
    """Refuse what is no workbook, and what its own index says is too large; nothing is unpacked yet."""
    if not data.startswith(b"PK\x03\x04"):
        raise CatalogError(
            f"{name} {other_kind(data) or 'is no Excel workbook: if it is text, name it catalog.csv'}."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            size = sum(part.file_size for part in parts if part.filename.endswith((".xml", ".rels")))
            if len(parts) > MAX_PARTS or size > MAX_BYTES:
                raise CatalogError(
                    f"{name} stands for {size:,} bytes in {len(parts):,} parts, over {MAX_BYTES:,} or"
                    f" {MAX_PARTS:,}: copy the table alone into a new workbook."
                )
            if WORKBOOK not in archive.namelist():
                raise CatalogError(f"{name} {other_kind(data)}.")
            if STRICT in archive.read(WORKBOOK):
                raise CatalogError(
                    f"{name} is of the kind 'Strict Open XML': save it as 'Excel Workbook (.xlsx)'."
                )
    except CatalogError:
        raise
    except Exception as error:  # damage shows as errors of ZIP, of its compression, or of its passwords
        raise _unreadable(name, error) from error


def _lines(name: str, book: Any, sheet: Any, _is_row: IsRow = never) -> Iterator[Line]:
    place = f"{name}, sheet '{sheet.title}'"
    try:
        part = book._archive.read(sheet._worksheet_path)
        spans = _spans(part)
        open_formulas = _not_computed(part)
        del part
        sheet.reset_dimensions()  # some programs write a wrong one, and cells beyond it would be left out
        above: dict[int, tuple[int, str]] = {}
        cells_read = letters = 0
        for row, cells in enumerate(sheet.rows, 1):
            cells_read += len(cells) + 1
            if row > SHEET_ROWS or cells_read > MAX_CELLS:
                raise CatalogError(
                    f"{place} has over {SHEET_ROWS:,} rows or {MAX_CELLS:,} cells: delete empty ones."
                )
            if not cells:
                continue
            texts = [_text(cell) for cell in cells]
            _fill_down(texts, row, spans, above)
            letters += sum(map(len, texts))
            if letters > MAX_BYTES:
                raise CatalogError(
                    f"{place} stands for over {MAX_BYTES:,} letters: leave out its longest column."
                )
            yield Line(row, texts, (*_errors(cells), *open_formulas.get(row, ())))
    except CatalogError:
        raise
    except Exception as error:  # as above; a damaged sheet is met only when it is read
        raise _unreadable(place, error) from error


def _spans(part: bytes) -> dict[int, list[tuple[int, int]]]:
    """Merged cells over several rows: by their first row, their first column from 0 and last row."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for letters, first, last in MERGED.findall(part):
        if int(last) > int(first):
            spans.setdefault(int(first), []).append((_column(letters), int(last)))
    return spans


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _fill_down(
    texts: list[str], row: int, spans: dict[int, list[tuple[int, int]]], above: dict[int, tuple[int, str]]
) -> None:
    """Give a row what merged cells that began above it show in it; note those that begin in it."""
    for column, (last, text) in list(above.items()):
        if row > last:
            del above[column]
        elif any(texts):
            texts += [""] * (column + 1 - len(texts))
            texts[column] = text
    for column, last in spans.get(row, ()):
        if column < len(texts):
            above[column] = (last, texts[column])


def _not_computed(part: bytes) -> dict[int, Faults]:
    """By row, the cells of a sheet whose formula no program has computed."""
    what = (
        "holds a formula whose value was never saved; open the workbook in a spreadsheet program and save it"
    )
    found: dict[int, Faults] = {}
    for cell in NOT_COMPUTED.finditer(part):
        reference = REFERENCE.search(cell["attributes"])
        if reference and OF_TEXT not in cell["attributes"]:
            row = int(reference[2])
            found[row] = (*found.get(row, ()), (_column(reference[1]), what))
    return found


def _errors(cells: Sequence[Any]) -> Faults:
    return tuple(
        (index, f"holds the error {cell.value} of a formula; mend the formula")
        for index, cell in enumerate(cells)
        if cell.data_type == "e"
    )


def _text(cell: Any) -> str:
    value = cell.value
    if isinstance(value, str):
        return ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) if "_x" in value else value
    if isinstance(value, int) and not isinstance(value, bool):
        wide = cell.number_format if ZEROS.fullmatch(cell.number_format) else ""
        return f"{value:0{len(wide)}}" if wide else str(value)
    if isinstance(value, float):
        return cell_text(float(f"{value:.{DIGITS}g}"))
    return cell_text(value)
