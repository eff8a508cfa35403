"""The cells of a workbook's sheet, row by row, and its merged cells."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalogs.tables.xlsx_texts import TextReader
from catalogs.tables.xlsx_xml import (
    CHUNK,
    MAIN,
    Attributes,
    OrderError,
    PartError,
    WorkbookArchive,
    parse_part,
    read_number,
    require_at_most,
    run_to_end,
)

SHEET_ROWS = 1_048_576
"""Rows that a sheet can have."""
SHEET_COLUMNS = 16_384
MAX_MERGED = 100_000
LONGEST_KIND = 255
"""Letters that are kept of the type of a cell."""
REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is stored: its column from 0, its type and style, its value's text, and whether it is a formula."""

    column: int
    kind: str
    style: int
    text: str
    is_formula: bool


class _RowReader(TextReader):
    """Collects the rows of a sheet with their cells that hold something."""

    def __init__(self, most_bytes: int, most_cells: int) -> None:
        super().__init__(most_bytes)
        self.rows: deque[tuple[int, list[Cell]]] = deque()
        self._most_cells, self._cells_read = most_cells, 0
        self._row, self._column = 0, -1
        self._cells: list[Cell] = []
        self._kind, self._style, self._is_formula = "n", 0, False

    def start(self, name: str, attributes: Attributes) -> None:
        """Begin a row or a cell; OrderError for a row whose number does not rise."""
        if name == f"{MAIN}c":
            reference = attributes.get("r", "")
            self._column = column_of(reference) if reference else self._column + 1
            require_at_most(self._column + 1, SHEET_COLUMNS, "columns")
            self._kind, self._is_formula = attributes.get("t", "n")[:LONGEST_KIND], False
            self._style = read_number(attributes.get("s", "0"))
            self._cells_read += 1
            require_at_most(self._cells_read, self._most_cells, "cells")
        elif name == f"{MAIN}row":
            before = self._row
            self._row = read_number(attributes["r"]) if "r" in attributes else before + 1
            self._column = -1
            if self._row <= before:
                raise OrderError(f"has row {self._row:,} after row {before:,}")
            require_at_most(self._row, SHEET_ROWS, "rows")
        elif name == f"{MAIN}f":
            self._is_formula = True
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        """Take a cell, or a row with its filled cells, at its end."""
        if name == f"{MAIN}c":
            text = self.take()
            if text or self._is_formula:
                cell = Cell(self._column, self._kind, self._style, text, self._is_formula)
                self._cells.append(cell)
                require_at_most(len(self._cells), SHEET_COLUMNS, f"cells in row {self._row:,}")
        elif name == f"{MAIN}row":
            if self._cells:
                self.rows.append((self._row, self._cells))
                self._cells = []
        else:
            super().end(name)


def read_sheet_rows(
    archive: WorkbookArchive, part: str, most_bytes: int, most_cells: int
) -> Iterator[tuple[int, Sequence[Cell]]]:
    """The filled rows of a sheet with their numbers, which rise, and their filled cells."""
    reader = _RowReader(most_bytes, most_cells)
    for _ in parse_part(archive, part, reader.start, reader.end, reader.text):
        while reader.rows:
            yield reader.rows.popleft()


def read_merged(archive: WorkbookArchive, part: str) -> dict[int, list[tuple[int, int]]]:
    """Merged cells over several rows: by their first row, their first column from 0 and last row."""
    spans: dict[int, list[tuple[int, int]]] = {}
    count = [0]

    def start(name: str, attributes: Attributes) -> None:
        """Take a merged cell over several rows."""
        if name != f"{MAIN}mergeCell":
            return
        count[0] += 1
        require_at_most(count[0], MAX_MERGED, "merged cells")
        first, _, last = attributes.get("ref", "").partition(":")
        begin, end = row_of(first), row_of(last or first)
        if end > begin:
            spans.setdefault(begin, []).append((column_of(first), end))

    if _mentions(archive, part, b"mergeCell"):
        run_to_end(parse_part(archive, part, start))
    return spans


def _mentions(archive: WorkbookArchive, part: str, word: bytes) -> bool:
    """Whether a part may hold a word: to search its bytes is faster than to parse it."""
    with archive.open(part) as stream:
        before = stream.read(4)
        if b"\0" in before or before.startswith((b"\xff\xfe", b"\xfe\xff")):
            return True
        while chunk := stream.read(CHUNK):
            if word in before + chunk:
                return True
            before = chunk[-len(word) :]
    return False


def column_of(reference: str) -> int:
    """The column from 0 of a cell, 27 for AB12; PartError where the reference is misspelt."""
    match = REFERENCE.fullmatch(reference)
    if not match:
        raise PartError(f"has a cell '{reference[:40]}'")
    number = 0
    for letter in match[1].upper():
        number = number * 26 + ord(letter) - 64
    require_at_most(number, SHEET_COLUMNS, "columns")
    return number - 1


def row_of(reference: str) -> int:
    """The row of a cell, 12 for AB12; PartError where the reference is misspelt."""
    match = REFERENCE.fullmatch(reference)
    if not match:
        raise PartError(f"has a cell '{reference[:40]}'")
    return int(match[2])
