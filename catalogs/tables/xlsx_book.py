"""The index of an Excel workbook: its sheets, shared texts and number formats, read as streams."""

import posixpath
from dataclasses import dataclass, field

from catalogs.tables.xlsx_texts import TextReader
from catalogs.tables.xlsx_xml import (
    MAIN,
    STRICT,
    Attributes,
    StrictError,
    WorkbookArchive,
    parse_part,
    read_number,
    require_at_most,
    run_to_end,
)

WORKBOOK = "xl/workbook.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"
MAX_SHEETS = 1_000
MAX_STYLES = 100_000
MAX_STRINGS = 5_000_000
LONGEST_NAME, LONGEST_CODE, LONGEST_TARGET = 255, 256, 1_000
"""Letters that are kept of a sheet's name, a number's format, a link."""


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
    """The index of a workbook, its shared texts of no more than `most_bytes` in memory.

    Raises StrictError for 'Strict Open XML', PartError for a part that is damaged or too large, and the errors of ZIP
    and XML.
    """
    book, targets = Book(), _targets(archive)
    sheets: list[tuple[str, str, str]] = []

    def start(name: str, attributes: Attributes) -> None:
        """Take the date system and the sheets of a workbook; StrictError for 'Strict Open XML'."""
        if name.startswith(STRICT):
            raise StrictError("is of the kind 'Strict Open XML'")
        if name == f"{MAIN}workbookPr":
            book.from_1904 = attributes.get("date1904", "") in ("1", "true")
        elif name == f"{MAIN}sheet":
            link = next((value for key, value in attributes.items() if key.endswith(" id")), "")
            called = attributes.get("name", "")[:LONGEST_NAME]
            sheets.append((called, link[:LONGEST_TARGET], attributes.get("state", "visible")[:LONGEST_NAME]))
            require_at_most(len(sheets), MAX_SHEETS, "sheets")

    run_to_end(parse_part(archive, WORKBOOK, start))
    parts, taken = set(archive.namelist()), set[str]()
    for name, link, state in sheets:
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
    targets: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: Attributes) -> None:
        """Take a link of the workbook."""
        if name.rpartition(" ")[2] == "Relationship" and "Target" in attributes:
            part = posixpath.normpath(posixpath.join("/xl", attributes["Target"][:LONGEST_TARGET])).lstrip(
                "/"
            )
            kind = attributes.get("Type", "")[:LONGEST_TARGET].rpartition("/")[2]
            targets[attributes.get("Id", "")[:LONGEST_TARGET]] = kind, part
            require_at_most(len(targets), MAX_SHEETS * 10, "links")

    run_to_end(parse_part(archive, RELATIONS, start))
    return targets


def _read_styles(archive: WorkbookArchive, part: str, book: Book) -> None:
    within = [False]

    def start(name: str, attributes: Attributes) -> None:
        """Take a number format, or the format of a style."""
        if name == f"{MAIN}cellXfs":
            within[0] = True
        elif name == f"{MAIN}xf" and within[0]:
            book.formats.append(read_number(attributes.get("numFmtId", "0")))
        elif name == f"{MAIN}numFmt":
            book.codes[read_number(attributes["numFmtId"])] = attributes.get("formatCode", "")[:LONGEST_CODE]
        require_at_most(max(len(book.formats), len(book.codes)), MAX_STYLES, "styles")

    def end(name: str) -> None:
        """Note the end of the styles of cells."""
        if name == f"{MAIN}cellXfs":
            within[0] = False

    run_to_end(parse_part(archive, part, start, end))


def _read_strings(archive: WorkbookArchive, part: str, most_bytes: int) -> list[str]:
    """The texts that cells share; the phonetic reading of a text is left out."""
    strings: list[str] = []
    reader = TextReader(most_bytes)

    def end(name: str) -> None:
        """Take a shared text at its end."""
        reader.end(name)
        if name == f"{MAIN}si":
            strings.append(reader.take())
            require_at_most(len(strings), MAX_STRINGS, "texts")

    run_to_end(parse_part(archive, part, reader.start, end, reader.text))
    return strings
