"""Parts of an Excel workbook, read as streams: its sheets, texts and styles, and the cells of a sheet."""

import io
import posixpath
import re
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from catalogs.tables.lines import MAX_LETTERS, text_bytes

WORKBOOK = "xl/workbook.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
STRICT = "http://purl.oclc.org/ooxml/"
"""The namespace of 'Strict Open XML', a kind of workbook that programs offer and few read."""
CHUNK = 65_536
SHEET_ROWS = 1_048_576
"""Rows that a sheet can have."""
SHEET_COLUMNS = 16_384
MAX_SHEETS = 1_000
MAX_STYLES = 100_000
MAX_STRINGS = 5_000_000
MAX_MERGED = 100_000
MOST_ELEMENTS = 40_000_000
"""Elements of XML: a million rows of twelve cells, three elements each, are 37 million, read once; a minute's work."""
FREE_ATTRIBUTES = 16
"""Attributes of an element that cost no more than itself; a row has up to ten."""
LONGEST_ADDRESS = 255
"""Letters of a namespace, which stand before the name of every element in it."""
LONGEST_TOKEN = 256 << 10
"""Bytes of an element's head. The parser looks at an open one from its start again with every piece."""
MOST_NAMES = 10_000
"""Names of elements, attributes and namespaces in a part, all of which the parser keeps; a sheet has some hundred."""
LONGEST_NAMES = 1 << 20
"""Letters of all these names together."""
DEEPEST = 256
"""Elements within each other, all of which the parser keeps; a sheet has some ten."""
LONGEST_NUMBER = 20
"""Letters of a number in an attribute."""
LONGEST_NAME, LONGEST_CODE, LONGEST_TARGET = 255, 256, 1_000
"""Letters that are kept of a sheet's name, a number's format, a link."""
ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
MOST_WRITTEN = MAX_LETTERS * len("_x000D_") + 1
"""Letters as they are written, of which there are as many as MAX_LETTERS allows or more, whatever signs they mean."""
REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")

Attributes = Mapping[str, str]


class PartError(Exception):
    """A part of a workbook is not what it should be, or stands for too much."""


class StrictError(PartError):
    """A workbook is of the kind 'Strict Open XML'."""


class OrderError(PartError):
    """A row stands after one of a number as high, so that nobody can say which row is which."""


class WorkbookArchive(zipfile.ZipFile):
    """A workbook's parts, and how many elements of them may still be read, all parts and all times together."""

    def __init__(self, data: bytes) -> None:
        """Nothing is unpacked yet."""
        super().__init__(io.BytesIO(data))
        self.elements_left = MOST_ELEMENTS

    def count_element(self, attributes: int) -> None:
        """Count one, and more for one of many attributes; PartError where there were too many."""
        self.elements_left -= 1 + attributes // FREE_ATTRIBUTES
        if self.elements_left < 0:
            raise PartError(f"has over {MOST_ELEMENTS:,} elements")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is stored: its column from 0, its type and style, its value's text, and if it is a formula."""

    column: int
    kind: str
    style: int
    text: str
    is_formula: bool


@dataclass(frozen=True)
class SheetPart:
    """A sheet: its name, the part that holds it, and whether it is shown."""

    name: str
    part: str
    is_visible: bool


@dataclass
class Book:
    """A workbook's index: its sheets, the texts that cells share, and the number format of each style."""

    sheets: list[SheetPart] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    formats: list[int] = field(default_factory=list)
    codes: dict[int, str] = field(default_factory=dict)
    """Formats that are the workbook's own, by number."""
    from_1904: bool = False


def read_book(archive: WorkbookArchive, most_bytes: int) -> Book:
    """The index of a workbook, its texts of no more than some bytes in memory.

    PartError, or what ZIP and XML raise, where it is damaged or without measure.
    """
    book, targets = Book(), _targets(archive)
    found: list[tuple[str, str, str]] = []

    def start(name: str, attributes: Attributes) -> None:
        if name.startswith(STRICT):
            raise StrictError("is of the kind 'Strict Open XML'")
        if name == f"{MAIN}workbookPr":
            book.from_1904 = attributes.get("date1904", "") in ("1", "true")
        elif name == f"{MAIN}sheet":
            link = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            called = attributes.get("name", "")[:LONGEST_NAME]
            found.append((called, link[:LONGEST_TARGET], attributes.get("state", "visible")[:LONGEST_NAME]))
            _at_most(len(found), MAX_SHEETS, "sheets")

    _exhaust(_parsed(archive, WORKBOOK, start))
    parts, taken = set(archive.namelist()), set[str]()
    for name, link, state in found:
        kind, part = targets.get(link, ("", ""))
        if kind == "worksheet" and part in parts and part not in taken:
            taken.add(part)
            book.sheets.append(SheetPart(name, part, state == "visible"))
    by_kind = dict(targets.values())
    if (styles := by_kind.get("styles", "xl/styles.xml")) in parts:
        _read_styles(archive, styles, book)
    if (strings := by_kind.get("sharedStrings", "xl/sharedStrings.xml")) in parts:
        book.strings = _read_strings(archive, strings, most_bytes)
    return book


def _targets(archive: WorkbookArchive) -> dict[str, tuple[str, str]]:
    """Kind and name of the parts that the workbook is linked with, by the link's id."""
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: Attributes) -> None:
        if name.rpartition(" ")[2] == "Relationship" and "Target" in attributes:
            part = posixpath.normpath(posixpath.join("/xl", attributes["Target"][:LONGEST_TARGET])).lstrip(
                "/"
            )
            kind = attributes.get("Type", "")[:LONGEST_TARGET].rpartition("/")[2]
            found[attributes.get("Id", "")[:LONGEST_TARGET]] = kind, part
            _at_most(len(found), MAX_SHEETS * 10, "links")

    _exhaust(_parsed(archive, RELATIONS, start))
    return found


def _read_styles(archive: WorkbookArchive, part: str, book: Book) -> None:
    within = [False]

    def start(name: str, attributes: Attributes) -> None:
        if name == f"{MAIN}cellXfs":
            within[0] = True
        elif name == f"{MAIN}xf" and within[0]:
            book.formats.append(_number(attributes.get("numFmtId", "0")))
        elif name == f"{MAIN}numFmt":
            book.codes[_number(attributes["numFmtId"])] = attributes.get("formatCode", "")[:LONGEST_CODE]
        _at_most(max(len(book.formats), len(book.codes)), MAX_STYLES, "styles")

    def end(name: str) -> None:
        if name == f"{MAIN}cellXfs":
            within[0] = False

    _exhaust(_parsed(archive, part, start, end))


def _read_strings(archive: WorkbookArchive, part: str, most_bytes: int) -> list[str]:
    """The texts that cells share; how a text is to be spoken is left out."""
    strings: list[str] = []
    reader = _TextReader(most_bytes)

    def end(name: str) -> None:
        reader.end(name)
        if name == f"{MAIN}si":
            strings.append(reader.take())
            _at_most(len(strings), MAX_STRINGS, "texts")

    _exhaust(_parsed(archive, part, reader.start, end, reader.text))
    return strings


def _unescaped(text: str) -> str:
    """A text with the signs that XML cannot hold, which are written as _x000D_."""
    return ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class _TextReader:
    """Collects the text of `t` and `v`, but not that within `rPh`, which says how to speak it.

    Of a text no more is kept than shows that it is over MAX_LETTERS long.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most, self.bytes = most_bytes, 0
        self._parts: list[str] = []
        self._room = MOST_WRITTEN
        self._within = self._spoken = 0

    def start(self, name: str, _attributes: Attributes) -> None:
        self._within += name in (f"{MAIN}t", f"{MAIN}v")
        self._spoken += name == f"{MAIN}rPh"

    def end(self, name: str) -> None:
        self._within -= name in (f"{MAIN}t", f"{MAIN}v")
        self._spoken -= name == f"{MAIN}rPh"

    def text(self, text: str) -> None:
        if self._within and not self._spoken and self._room:
            self._parts.append(text[: self._room])
            self._room = max(self._room - len(text), 0)

    def take(self) -> str:
        """What was collected since the last time."""
        text = _unescaped("".join(self._parts))[: MAX_LETTERS + 1]
        self._parts.clear()
        self._room = MOST_WRITTEN
        self.bytes += text_bytes((text,))
        _at_most(self.bytes, self.most, "bytes of text")
        return text


class _RowReader(_TextReader):
    """Collects the rows of a sheet with their cells that hold something."""

    def __init__(self, most_bytes: int, most_cells: int) -> None:
        super().__init__(most_bytes)
        self.rows: deque[tuple[int, list[Cell]]] = deque()
        self._most_cells, self._cells_read = most_cells, 0
        self._row, self._column = 0, -1
        self._cells: list[Cell] = []
        self._kind, self._style, self._is_formula = "n", 0, False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == f"{MAIN}c":
            reference = attributes.get("r", "")
            self._column = column_of(reference) if reference else self._column + 1
            _at_most(self._column + 1, SHEET_COLUMNS, "columns")
            self._kind, self._is_formula = attributes.get("t", "n")[:LONGEST_NAME], False
            self._style = _number(attributes.get("s", "0"))
            self._cells_read += 1
            _at_most(self._cells_read, self._most_cells, "cells")
        elif name == f"{MAIN}row":
            before = self._row
            self._row = _number(attributes["r"]) if "r" in attributes else before + 1
            self._column = -1
            if self._row <= before:
                raise OrderError(f"has row {self._row:,} after row {before:,}")
            _at_most(self._row, SHEET_ROWS, "rows")
        elif name == f"{MAIN}f":
            self._is_formula = True
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if name == f"{MAIN}c":
            text = self.take()
            if text or self._is_formula:
                cell = Cell(self._column, self._kind, self._style, text, self._is_formula)
                self._cells.append(cell)
                _at_most(len(self._cells), SHEET_COLUMNS, f"cells in row {self._row:,}")
        elif name == f"{MAIN}row":
            if self._cells:
                self.rows.append((self._row, self._cells))
                self._cells = []
        else:
            super().end(name)


def read_sheet_rows(
    archive: WorkbookArchive, part: str, most_bytes: int, most_cells: int
) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Rows of a sheet that hold something, by their own numbers, which rise, with the cells that do."""
    reader = _RowReader(most_bytes, most_cells)
    for _ in _parsed(archive, part, reader.start, reader.end, reader.text):
        while reader.rows:
            yield reader.rows.popleft()


def read_merged(archive: WorkbookArchive, part: str) -> dict[int, list[tuple[int, int]]]:
    """Merged cells over several rows: by their first row, their first column from 0 and last row."""
    spans: dict[int, list[tuple[int, int]]] = {}
    count = [0]

    def start(name: str, attributes: Attributes) -> None:
        if name != f"{MAIN}mergeCell":
            return
        count[0] += 1
        _at_most(count[0], MAX_MERGED, "merged cells")
        first, _, last = attributes.get("ref", "").partition(":")
        begin, end = row_of(first), row_of(last or first)
        if end > begin:
            spans.setdefault(begin, []).append((column_of(first), end))

    if _mentions(archive, part, b"mergeCell"):
        _exhaust(_parsed(archive, part, start))
    return spans


def _mentions(archive: WorkbookArchive, part: str, word: bytes) -> bool:
    """Whether a part may hold a word: a search of its bytes is faster than to take it apart."""
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
    """The column from 0 of a cell, 27 for AB12."""
    found = REFERENCE.fullmatch(reference)
    if not found:
        raise PartError(f"has a cell '{reference[:40]}'")
    number = 0
    for letter in found[1].upper():
        number = number * 26 + ord(letter) - 64
    _at_most(number, SHEET_COLUMNS, "columns")
    return number - 1


def row_of(reference: str) -> int:
    """The row of a cell, 12 for AB12."""
    found = REFERENCE.fullmatch(reference)
    if not found:
        raise PartError(f"has a cell '{reference[:40]}'")
    return int(found[2])


def _number(text: str) -> int:
    """A whole number that an attribute holds; PartError where it is too long to be one of a workbook."""
    _at_most(len(text), LONGEST_NUMBER, "digits in a number")
    return int(text)


def _at_most(amount: int, limit: int, noun: str) -> None:
    if amount > limit:
        raise PartError(f"has over {limit:,} {noun}")


def _exhaust(steps: Iterator[None]) -> None:
    for _ in steps:
        pass


def _parsed(
    archive: WorkbookArchive,
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Tell of the elements of a part, a piece of it at every step; nothing of it is kept.

    A part with a DOCTYPE is refused: its entities could stand for any amount of text. So is one whose heads of
    elements, names or depth have no measure, as the parser keeps them, or goes over them again and again.
    """
    depth = 0

    def refuse(*_: object) -> None:
        raise PartError(f"has a DOCTYPE in its part {part}")

    def named(_prefix: str | None, address: str | None) -> None:
        _at_most(len(address or ""), LONGEST_ADDRESS, "letters in a namespace")

    def started(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise PartError(f"has over {DEEPEST:,} elements within each other in its part {part}")
        archive.count_element(len(attributes))
        start(name, attributes)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end:
            end(name)

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartNamespaceDeclHandler = named
    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = text
    with archive.open(part) as stream:
        fed = names = 0
        while chunk := stream.read(CHUNK):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > LONGEST_TOKEN:
                raise PartError(f"has an element of over {LONGEST_TOKEN:,} bytes in its part {part}")
            if len(parser.intern) > names:
                names = len(parser.intern)
                _at_most(names, MOST_NAMES, f"names of elements in its part {part}")
                letters = sum(len(name or "") for name in parser.intern)  # a prefix may be None
                _at_most(letters, LONGEST_NAMES, f"letters in names of elements in its part {part}")
            yield
    parser.Parse(b"", True)
    yield
