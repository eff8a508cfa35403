"""Excel workbooks (.xlsx), sheet by sheet and line by line as text, as the program shows them."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache, partial

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH, from_excel

from catalogs.errors import CatalogError
from catalogs.tables.catalog_files import other_kind
from catalogs.tables.cell_text import cell_text
from catalogs.tables.lines import MAX_BYTES, MAX_CELLS, MAX_TEXT, IsRow, Line, Sheet, no_row, text_bytes
from catalogs.tables.number_formats import format_number
from catalogs.tables.xlsx_book import WORKBOOK, Book, SheetPart, read_book
from catalogs.tables.xlsx_rows import Cell, read_merged, read_sheet_rows
from catalogs.tables.xlsx_xml import OrderError, PartError, StrictError, WorkbookArchive

MAX_PARTS = 10_000
PREFERRED = ("catalog", "garments", "styles")
"""Sheets of these names are looked at first."""
WHOLE = re.compile("-?[0-9]+")
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
DIGITS = 15
"""Digits of a number that Excel keeps; what a float has beyond them is noise."""
LONGEST_NUMBER = 64
NOT_COMPUTED = (
    "holds a formula whose value was never saved; open the workbook in a spreadsheet program and save it"
)


def xlsx_sheets(name: str, data: bytes) -> list[Sheet]:
    """The sheets of a workbook, those with a telling name first, without hidden ones; `name` is for messages.

    A cell is the text that the program shows: a formula's value, 101 for the number 101.0, 007 and A-007 where the
    format has the zeros and the letter, 2025-10-01 for a date, and for a merged cell the same in every row that
    it spans. Hidden rows count, as they do in the program's own CSV. A formula that ended in an error, or was
    never computed, is a fault of its cell. CatalogError where the file is no workbook, is damaged or stands for over
    MAX_BYTES or MAX_TEXT.
    """
    _check_archive(name, data)
    try:
        archive = WorkbookArchive(data)
        book = read_book(archive, MAX_TEXT)
    except StrictError as error:
        raise CatalogError(f"{name} {error}: save it as 'Excel Workbook (.xlsx)'.") from error
    except PartError as error:
        raise _too_much(name, error) from error
    except (
        Exception
    ) as error:  # damage shows as errors of ZIP, of its compression, of its passwords, or of XML
        raise _unreadable(name, error) from error
    visible = [sheet for sheet in book.sheets if sheet.is_visible] or book.sheets
    ordered = sorted(visible, key=lambda sheet: sheet.name.strip().casefold() not in PREFERRED)
    return [Sheet(partial(_lines, name, archive, book, sheet), sheet.name) for sheet in ordered]


def _unreadable(name: str, error: Exception) -> CatalogError:
    return CatalogError(f"{name} cannot be read as an Excel workbook: {error}. Save it again.")


def _too_much(name: str, error: PartError) -> CatalogError:
    remedy = "copy the table alone into a new workbook"
    if not isinstance(error, OrderError):
        remedy = f"delete empty ones, or {remedy}"
    return CatalogError(f"{name} {error}: {remedy}.")


def _check_archive(name: str, data: bytes) -> None:
    """Raise CatalogError for a file that is no workbook, or too large by its own index; nothing is unpacked yet.

    All parts count, whatever their names: any of them may be declared a sheet. No more of a part is ever
    unpacked than the index says.
    """
    if not data.startswith(b"PK\x03\x04"):
        raise CatalogError(
            f"{name} {other_kind(data) or 'is no Excel workbook: if it is text, name it catalog.csv'}."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except Exception as error:  # as above
        raise _unreadable(name, error) from error
    size = sum(part.file_size for part in parts)
    if len(parts) > MAX_PARTS or size > MAX_BYTES:
        raise CatalogError(
            f"{name} stands for {size:,} bytes in {len(parts):,} parts, over {MAX_BYTES:,} or"
            f" {MAX_PARTS:,}: copy the table alone into a new workbook."
        )
    if all(part.filename != WORKBOOK for part in parts):
        raise CatalogError(f"{name} {other_kind(data)}.")


def _lines(
    name: str, archive: WorkbookArchive, book: Book, sheet: SheetPart, _is_row: IsRow = no_row
) -> Iterator[Line]:
    place = f"{name}, sheet '{sheet.name}'"
    try:
        spans = read_merged(archive, sheet.part)
        above: dict[int, tuple[int, str]] = {}
        cells_read = size = 0
        for row, cells in read_sheet_rows(archive, sheet.part, MAX_TEXT, MAX_CELLS):
            line = _line(book, row, cells)
            texts = list(line.cells)
            cells_read += _fill_down(texts, row, spans, above) + len(texts) + 1
            size += text_bytes(texts)
            if cells_read > MAX_CELLS:
                raise PartError(f"has over {MAX_CELLS:,} cells")
            if size > MAX_TEXT:
                raise CatalogError(
                    f"{place} stands for over {MAX_TEXT:,} bytes of text: leave out its longest column."
                )
            yield Line(row, texts, line.faults)
    except CatalogError:
        raise
    except PartError as error:
        raise _too_much(place, error) from error
    except Exception as error:  # as above; a damaged sheet is met only when it is read
        raise _unreadable(place, error) from error


def _line(book: Book, row: int, cells: Sequence[Cell]) -> Line:
    """A row of texts up to its last cell that holds something."""
    texts = [""] * (max(cell.column for cell in cells) + 1)
    faults: list[tuple[int, str]] = []
    for cell in cells:
        texts[cell.column], fault = _text(book, cell)
        if fault:
            faults.append((cell.column, fault))
    return Line(row, texts, tuple(faults))


def _fill_down(
    texts: list[str], row: int, spans: dict[int, list[tuple[int, int]]], above: dict[int, tuple[int, str]]
) -> int:
    """Give a row the texts of merged cells that began above it, and note those that begin in it; returns how many."""
    for column in [column for column, (last, _) in above.items() if row > last]:
        del above[column]
    if above and any(texts):
        texts += [""] * (max(above) + 1 - len(texts))
        for column, (_, text) in above.items():
            texts[column] = text
    for column, last in spans.pop(row, ()):
        if column < len(texts) and texts[column]:
            above[column] = (last, texts[column])
    return len(above)


def _text(book: Book, cell: Cell) -> tuple[str, str]:
    """A cell as the program shows it, and what is wrong with it."""
    if cell.is_formula and not cell.text and cell.kind != "str":
        return "", NOT_COMPUTED
    return KINDS.get(cell.kind, _as_it_is)(book, cell)


def _as_it_is(_book: Book, cell: Cell) -> tuple[str, str]:
    return cell.text, ""


def _shared(book: Book, cell: Cell) -> tuple[str, str]:
    return book.strings[int(cell.text)], ""


def _error(_book: Book, cell: Cell) -> tuple[str, str]:
    return cell.text, f"holds the error {cell.text[:40]} of a formula; mend the formula"


def _truth(_book: Book, cell: Cell) -> tuple[str, str]:
    return ("true" if cell.text.strip() in ("1", "true") else "false"), ""


def _moment(_book: Book, cell: Cell) -> tuple[str, str]:
    try:
        return cell_text(datetime.fromisoformat(cell.text[:LONGEST_NUMBER])), ""
    except ValueError:
        return cell.text, "holds a date that is none; type it anew"


def _number(book: Book, cell: Cell) -> tuple[str, str]:
    text = cell.text.strip()
    if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
        return text[:LONGEST_NUMBER], "holds a number that is none; type it anew"
    value = int(text) if WHOLE.fullmatch(text) else float(text)
    code, is_date, is_duration = _format(_code(book, cell.style))
    if is_date:
        try:
            epoch = MAC_EPOCH if book.from_1904 else WINDOWS_EPOCH
            return cell_text(from_excel(value, epoch, timedelta=is_duration)), ""
        except (OverflowError, ValueError):
            return (
                text,
                "holds a number that is no date, and is formatted as one; mend the cell or its format",
            )
    if isinstance(value, float):
        value = float(f"{value:.{DIGITS}g}")
        return (
            format_number(int(value), code) if value.is_integer() and abs(value) < 1e15 else cell_text(value)
        ), ""
    return format_number(value, code), ""


KINDS: dict[str, Callable[[Book, Cell], tuple[str, str]]] = {
    "s": _shared, "e": _error, "b": _truth, "d": _moment, "n": _number,
}  # fmt: skip
"""By a cell's type, how its text is read; texts of formulas, and those that are not shared, are as they are."""


def _code(book: Book, style: int) -> str:
    """The number format of a style."""
    number = book.formats[style] if style < len(book.formats) else 0
    return book.codes.get(number) or BUILTIN_FORMATS.get(number, "General")


@lru_cache(1024)
def _format(code: str) -> tuple[str, bool, bool]:
    """A format, and whether it shows numbers as dates or as durations."""
    return code, is_date_format(code[:255]), is_timedelta_format(code[:255])
