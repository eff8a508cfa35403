"""CSV as programs and people write it, line by line: encodings, separators, quotes that are not closed."""

import codecs
import csv
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from catalogs.errors import CatalogError
from catalogs.tables.catalog_files import other_kind
from catalogs.tables.lines import MAX_ROWS, WHOLE_ROW, IsRow, Line, Sheet, no_row

SEPARATORS = ",;\t|"
NAMED_SEPARATOR = re.compile(r'"?sep=(\\t|[^" \n])"?[,;\t|]*', re.IGNORECASE)
"""The first line by which Excel is told the separator. Excel shows no row for it, so it has no number."""
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by their byte-order marks; UTF-32's begins as UTF-16's does, and is asked first."""
SAMPLE = 4096
PADDING = "\x00\x1a"
"""Signs that old programs and some file systems put after the last row."""
MOST = 131_072
"""Separators in one line of a file; a line with more is no row of any table."""
QUOTE = "has a quote that is not closed or stands in a cell; write a quote in a quoted cell twice"

SWALLOWS = "has a quoted cell that takes in the row after it; close the quote"
TOO_MANY = f"has over {MOST:,} separators; end every row with a line break"

# A cell may be of any length: a reader that stops within one cannot say where the next row begins.
csv.field_size_limit(2**31 - 1)


def csv_sheets(name: str, data: bytes) -> list[Sheet]:
    """A CSV by each separator that it may have, the likeliest first; `name` is for messages.

    Takes UTF-8, UTF-16 and UTF-32, with or without mark, and every kind of line end. CatalogError for
    other encodings, and for files of another kind.
    """
    if kind := other_kind(data):
        raise CatalogError(f"{name} {kind}.")
    encoding = _encoding(data)
    text = _decode(name, data, encoding).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip(SEPARATORS + string.whitespace + '"'):
        raise CatalogError(f"{name} is empty: its first row must hold the column names.")
    if (count := text.count("\n")) > MAX_ROWS:
        raise CatalogError(
            f"{name} has {count:,} line breaks, over {MAX_ROWS:,}: delete blank lines, or split the catalog into style"
            " sets or several runs."
        )
    first, _, rest = text.partition("\n")
    if directive := NAMED_SEPARATOR.fullmatch(first.strip(" ")):
        separators, text = [directive[1].replace("\\t", "\t")], rest
    else:
        filled = text.lstrip(" \n").partition("\n")[0]
        separators = sorted(SEPARATORS, key=filled.count, reverse=True)
    remarks = _of_encoding(name, encoding)
    return [
        Sheet(partial(csv_lines, text, separator), remarks=remarks, shifts=True) for separator in separators
    ]


def csv_lines(text: str, separator: str, is_row: IsRow = no_row) -> Iterator[Line]:
    r"""Rows of a CSV whose lines end in `\n`, numbered as a spreadsheet shows them.

    A quote that is closed by the wrong sign, never, or by a quote of a later row would take rows with it.
    The rule: where a row cannot be read, or takes in a further line that `is_row` says is a row of its own,
    the line that it begins with is a fault by itself, and reading goes on with the line after it.

    Every line is looked at a fixed number of times, whatever the quotes are: within a quote that was followed
    once, a later row whose quote is open at its line's end comes to the same end, and is not followed again.
    """
    source, within = _Source(text, separator), _Within()
    reader = csv.reader(source, delimiter=separator, strict=True, skipinitialspace=True)
    rows_ahead = _RowsAhead(text, separator, is_row)
    row = 0
    while source.left():
        row += 1
        begin = source.begin(within)
        cells, fault = _read(reader)
        if source.stopped:
            fault = within.fault
        elif source.second:
            within = _Within(source.second, source.position, fault)
        end = within.end if source.stopped else source.position
        if not fault and source.second and rows_ahead.any(source.second, end):
            fault = SWALLOWS
        elif not fault and source.stopped:
            source.position, source.within = begin, _Within()
            cells, fault = _read(reader)
        if fault:
            source.position = source.second or source.position
            yield Line(row, _loosely(text, begin, source.position, separator), ((WHOLE_ROW, fault),))
        else:
            yield Line(row, cells)


def _read(reader: Iterator[list[str]]) -> tuple[list[str], str]:
    """The next row, or what is wrong with it."""
    try:
        return next(reader), ""
    except _SeparatorsError:
        return [], TOO_MANY
    except csv.Error:
        return [], QUOTE


class _SeparatorsError(Exception):
    """A line has more separators than any table has columns."""


@dataclass(frozen=True)
class _Within:
    """Lines that one quote takes in, from `begin` to `end`, and what was wrong at the end."""

    begin: int = 0
    end: int = 0
    fault: str = ""


class _Source:
    """Lines of a text one by one, from a place that can be set back.

    `second` is where the second line of a row began. A row that would go on over lines that were followed
    within an earlier row's quote is `stopped`: how it ends is known.
    """

    def __init__(self, text: str, separator: str) -> None:
        self.text, self.separator = text, separator
        self.position = self.second = 0
        self.within, self.stopped = _Within(), False
        self._first = True

    def left(self) -> bool:
        """Whether there are lines that were not read yet."""
        return self.position < len(self.text)

    def begin(self, within: _Within) -> int:
        """Where a row begins that is read from here."""
        self.within, self.stopped, self.second, self._first = within, False, 0, True
        return self.position

    def __iter__(self) -> "_Source":
        return self

    def __next__(self) -> str:
        begin = self.position
        if begin >= len(self.text):
            raise StopIteration
        if not self._first and not self.second:
            self.second = begin
            if self.within.begin <= begin < self.within.end:
                self.stopped = True
                raise StopIteration
        self._first = False
        self.position = self.text.find("\n", begin) + 1 or len(self.text)
        if self.position - begin > MOST and self.text.count(self.separator, begin, self.position) > MOST:
            raise _SeparatorsError
        return self.text[begin : self.position]


class _RowsAhead:
    """Lines of a text that are rows of their own, each looked at once: places are asked for in rising order."""

    def __init__(self, text: str, separator: str, is_row: IsRow) -> None:
        self.text, self.separator, self.is_row = text, separator, is_row
        self._looked, self._found = 0, -1

    def any(self, begin: int, end: int) -> bool:
        """Whether one of the lines between two places, each the beginning of a line, is a row."""
        if self.is_row is no_row:
            return False
        if self._found >= begin:
            return self._found < end
        self._looked = max(self._looked, begin)
        while self._looked < end:
            place = self._looked
            self._looked = self.text.find("\n", place) + 1 or len(self.text)
            if self.is_row(_loosely(self.text, place, self._looked, self.separator)):
                self._found = place
                return True
        return False


def _loosely(text: str, begin: int, end: int, separator: str) -> Sequence[str]:
    """Cells of a line by itself, whatever its quotes; of a giant line only its beginning."""
    if end - begin > MOST and text.count(separator, begin, end) > MOST:
        end = begin + SAMPLE
    line = text[begin:end].rstrip("\n")
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _decode(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff").rstrip(PADDING)
    except UnicodeDecodeError as error:
        raise CatalogError(f"{name} {_undecodable(data, encoding, error)}") from error


def _encoding(data: bytes) -> str:
    """The encoding by the mark; else by the places of zero bytes, which UTF-8 does not have."""
    for mark in sorted(MARKS, key=len, reverse=True):
        if data.startswith(mark):
            return MARKS[mark]
    sample = data[:SAMPLE]
    zeros = [sample[place::4].count(0) * 4 > len(sample) * 0.25 for place in range(4)]
    wide = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return wide.get((zeros[0], zeros[1], zeros[2], zeros[3]), "utf-8")


def _of_encoding(name: str, encoding: str) -> tuple[str, ...]:
    """A remark on an encoding that was guessed, or that other programs may not read."""
    if encoding in ("utf-8", "utf-8-sig", "utf-16"):
        return ()
    return (
        f"{name} is read as {encoding.upper()} text; save it as 'CSV UTF-8' for programs that are stricter",
    )


def _undecodable(data: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    place = f"byte {error.start}"
    if encoding.startswith("utf-8"):
        before = data[: error.start].decode(encoding, "replace")
        row = sum(1 for _ in csv_lines(before.replace("\r\n", "\n").replace("\r", "\n") + "x", ","))
        around = data[max(error.start - 20, 0) : error.start + 20].decode("cp1252", "replace")
        shown = re.split(r"[\r\n,;\t]", around[: min(error.start, 20)])[-1]
        shown += re.split(r"[\r\n,;\t]", around[min(error.start, 20) :])[0]
        place += f", row {row}; '{shown}', if it is a Western Windows' own"
    return f"is not UTF-8, UTF-16 or UTF-32 text ({place}): save it as 'CSV UTF-8' or as catalog.xlsx."
