"""Lines of a table before its columns have names: the form into which every kind of file is read."""

import re
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_LETTERS = 131_072
"""Letters of a cell, four times what a spreadsheet can hold; longer ones are pictures as text, and the like."""
MAX_MARKS = 30
"""Combining marks in a row; no script stacks more on a letter, and to order many takes very long."""
MAX_COLUMNS = 1_000
"""Columns with a name."""
MAX_ROWS = 5_000_000
MAX_CELLS = 100_000_000
MAX_FILLED = 25_000_000
"""Cells that are kept in memory, of some 100 bytes each."""
MAX_BYTES = 2**30
"""Bytes of a table unpacked; a few packed bytes can stand for any number."""
MAX_TEXT = 2**28
"""Bytes in memory of the texts in all rows, each as often as it stands: room for a million records of 250 letters."""
EMPTY = sys.getsizeof("")
"""Bytes of a text without letters."""
WHOLE_ROW = -1
"""The index of a fault that is no single cell's."""

BREAKS = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]+")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
BETWEEN_WORDS = re.compile(r"[|;,\u3001\uff0c\uff1b\u060c\u2022]|(?<=\s)/(?=\s)")
"""Signs that separate two words of a list, in any script."""
INVISIBLE = " \u00a0\t\ufeff\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\u2066\u2067\u2068\u2069"
"""Invisible signs that come along at the ends of copied text."""

Faults = tuple[tuple[int, str], ...]
"""Indices of cells with what is wrong with each."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it stands in the file, with the number that a spreadsheet program shows for it."""

    row: int
    cells: Sequence[str]
    faults: Faults = ()


IsRow = Callable[[Sequence[str]], bool]
"""Whether cells, taken alone, look like a record: its required columns are filled with words, a file among them."""


@dataclass(frozen=True)
class Sheet:
    """A table of a file: `read` begins anew at its first line at every call.

    `shifts`: cells beyond the last name are cells that slipped, as an unquoted comma makes them in CSV;
    elsewhere they are notes beside the table.
    """

    read: Callable[[IsRow], Iterator[Line]]
    name: str = ""
    remarks: tuple[str, ...] = ()
    shifts: bool = False


def no_row(_cells: Sequence[str]) -> bool:
    """An `IsRow` for a table whose columns are not known yet."""
    return False


def too_many_columns(table: str, columns: int) -> str:
    """The message for a table with so many named columns."""
    return (
        f"{table} has {columns:,} columns with a name, over {MAX_COLUMNS:,}: leave out those that no garment or style"
        " needs. If they are records, turn the table: a row a record."
    )


def text_bytes(texts: Iterable[str]) -> int:
    """Bytes that the letters of texts take in memory: one each, or two or four in texts with non-Latin letters."""
    return sum(sys.getsizeof(text) - EMPTY for text in texts)


def trim_cells(line: Line, lists: Collection[int] = ()) -> Line:
    """A line without white space around its cells; line breaks and tabs in them become blanks.

    In the cells whose index is in `lists` they become bars, because there they separate words. Control characters,
    cells of over MAX_LETTERS letters and more than MAX_MARKS combining marks in a row are faults: other programs drop
    them, obey them or take very long.
    """
    # Cell by cell: one emoji makes every letter of a joined row four bytes.
    plain = max(map(len, line.cells), default=0) <= MAX_LETTERS and all(map(str.isprintable, line.cells))
    # A text that many cells share is looked at once.
    if plain and not any(map(stacked_mark, {cell for cell in line.cells if not cell.isascii()})):
        return Line(line.row, [cell.strip() for cell in line.cells], line.faults)
    cells, faults = [], list(line.faults)
    for index, cell in enumerate(line.cells):
        text, fault = _trim(cell, "|" if index in lists else " ")
        cells.append(text)
        if fault and not line.faults:
            faults.append((index, fault))
    return Line(line.row, cells, tuple(faults))


def _trim(cell: str, between: str) -> tuple[str, str]:
    if len(cell) > MAX_LETTERS:
        return CONTROLS.sub(" ", cell[:40]), (
            f"has over {MAX_LETTERS:,} letters; is it a picture as text? Name a file in its place"
        )
    parts = (part.strip(" \u00a0") for part in BREAKS.split(cell))
    text = between.join(part for part in parts if part).strip().strip(INVISIBLE).strip()
    if control := CONTROLS.search(text):
        what = f"holds a control character (U+{ord(control[0]):04X}) that no eye sees; type the cell anew"
        return CONTROLS.sub("\ufffd", text), what
    if mark := stacked_mark(text):
        what = f"has more than {MAX_MARKS} combining marks in a row (U+{ord(mark):04X} and others); type the cell anew"
        return text[:MAX_MARKS], what
    return text, ""


def stacked_mark(text: str) -> str:
    """The first of more than MAX_MARKS combining marks in a row; empty where there are not so many.

    A row of so many covers one of every MAX_MARKS + 1 letters: no other letter is looked at.
    """
    if text.isascii():
        return ""
    for place in range(MAX_MARKS, len(text), MAX_MARKS + 1):
        if not _is_mark(text[place]):
            continue
        begin, end = place, place + 1
        while begin > place - MAX_MARKS and _is_mark(text[begin - 1]):
            begin -= 1
        while end < len(text) and end - begin <= MAX_MARKS and _is_mark(text[end]):
            end += 1
        if end - begin > MAX_MARKS:
            return text[begin]
    return ""


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter).startswith("M")
