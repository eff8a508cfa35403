"""The XML of a workbook's parts, parsed as a stream with bounds on elements, names, depth and sizes.

Nothing of a part is kept here: handlers are called for each element and text, a piece of the part at every step.
"""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from xml.parsers import expat

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
STRICT = "http://purl.oclc.org/ooxml/"
"""The namespace of 'Strict Open XML', a kind of workbook that programs offer and few read."""
CHUNK = 65_536
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
Attributes = Mapping[str, str]


class PartError(Exception):
    """A part of a workbook is damaged, or stands for too much."""


class StrictError(PartError):
    """A workbook is of the kind 'Strict Open XML'."""


class OrderError(PartError):
    """A row stands after one of a number as high, so that nobody can say which row is which."""


class WorkbookArchive(zipfile.ZipFile):
    """A workbook's parts, and how many elements may still be read, in all parts and all passes together."""

    def __init__(self, data: bytes) -> None:
        """Nothing is unpacked yet."""
        super().__init__(io.BytesIO(data))
        self.elements_left = MOST_ELEMENTS

    def count_element(self, attributes: int) -> None:
        """Count an element, and one more for every 16 attributes; PartError where there were too many."""
        self.elements_left -= 1 + attributes // FREE_ATTRIBUTES
        if self.elements_left < 0:
            raise PartError(f"has over {MOST_ELEMENTS:,} elements")


def read_number(text: str) -> int:
    """A whole number in an attribute; PartError where it is too long to be one of a workbook."""
    require_at_most(len(text), LONGEST_NUMBER, "digits in a number")
    return int(text)


def require_at_most(amount: int, limit: int, noun: str) -> None:
    """Raise PartError where an amount is over its limit; `noun` is the amount's name in the message."""
    if amount > limit:
        raise PartError(f"has over {limit:,} {noun}")


def run_to_end(steps: Iterator[None]) -> None:
    """Run all steps of a parser."""
    for _ in steps:
        pass


def parse_part(
    archive: WorkbookArchive,
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Call handlers for the elements and texts of a part, a piece of it at every step; nothing of the part is kept.

    Raises PartError for a part with a DOCTYPE, whose entities could stand for any amount of text, and for one with too
    long heads of elements, too many names or too deep a nesting, which the parser would keep or read again and again.
    """
    depth = 0

    def refuse(*_: object) -> None:
        """Raise PartError for a DOCTYPE."""
        raise PartError(f"has a DOCTYPE in its part {part}")

    def named(_prefix: str | None, address: str | None) -> None:
        """Check the length of a namespace."""
        require_at_most(len(address or ""), LONGEST_ADDRESS, "letters in a namespace")

    def started(name: str, attributes: Attributes) -> None:
        """Count an element and hand it on; PartError where elements are nested too deep."""
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise PartError(f"has over {DEEPEST:,} elements within each other in its part {part}")
        archive.count_element(len(attributes))
        start(name, attributes)

    def ended(name: str) -> None:
        """Hand on the end of an element."""
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
    yield from _feed(parser, archive, part)


def _feed(parser: expat.XMLParserType, archive: WorkbookArchive, part: str) -> Iterator[None]:
    """Feed a part to its parser, a piece at every step; PartError where the parser would have to keep too much."""
    with archive.open(part) as stream:
        fed = names = 0
        while chunk := stream.read(CHUNK):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > LONGEST_TOKEN:
                raise PartError(f"has an element of over {LONGEST_TOKEN:,} bytes in its part {part}")
            if len(parser.intern) > names:
                names = len(parser.intern)
                require_at_most(names, MOST_NAMES, f"names of elements in its part {part}")
                letters = sum(len(name or "") for name in parser.intern)  # a prefix may be None
                require_at_most(letters, LONGEST_NAMES, f"letters in names of elements in its part {part}")
            yield
    parser.Parse(b"", True)
    yield
