"""The size of a Parquet file's contents by its own pages and schema, read before any library unpacks the file.

The library allocates the memory that a page's header states, and follows nested types to any depth; a file's index
can state less than its pages do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

DEEPEST = 64
"""Levels of nested types, and of structures in a file's own headers."""
MOST_FIELDS = 100_000
MOST_CHUNKS = 100_000
"""Columns times groups of rows."""
MOST_PAGES = 500_000
"""Pages of all columns; a header is some ten microseconds of work."""
MOST_VALUES = 5_000_000
"""Values of a file's index."""
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
INTEGERS = (4, 5, 6)
"""Types of Thrift's compact protocol."""
SCHEMA, ROWS, GROUPS = 2, 3, 4
"""Fields of a file's index."""
CHILDREN = 5
"""Field of a schema's element."""
COLUMNS = 1
"""Field of a group of rows."""
METADATA = 3
"""Field of a chunk."""
PHYSICAL, ENCODINGS, PATH, VALUES, UNPACKED, PACKED, DATA, DICTIONARY = 1, 2, 3, 5, 6, 7, 9, 11
"""Fields of a chunk's metadata."""
PAGE_UNPACKED, PAGE_PACKED, DATA_PAGE, DATA_PAGE_2 = 2, 3, 5, 8
"""Fields of a page's header."""
PAGE_KIND, INDEX_PAGE, DICTIONARY_PAGE = 1, 6, 7
OWN_HEADER = {0: DATA_PAGE, 1: INDEX_PAGE, 2: DICTIONARY_PAGE, 3: DATA_PAGE_2}
"""The header of each kind of page."""
KIND_HEADERS = (DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, DATA_PAGE_2)
FIRST_PAGE = 4
"""Bytes of the word that a file begins with."""
BYTE_ARRAY = 6
DELTA = frozenset({6, 7})
"""Encodings of texts as differences from the ones before."""


class PageError(Exception):
    """Bytes are not a header of Parquet, or the schema is too large."""


@dataclass(frozen=True)
class Chunk:
    """A column in a group of rows: its path in the schema, whether it is texts, and how they are written.

    `unpacked` are bytes: as the index says, or as its pages do where these are more.
    """

    path: str
    is_text: bool
    is_delta: bool
    values: int
    unpacked: int


def read_index(data: bytes) -> tuple[int, list[Chunk]]:
    """The number of rows that a file states, and its chunks; PageError where it cannot be taken apart."""
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1" or begin < 4:
        raise PageError("it does not begin and end as Parquet does")
    reader, rows, chunks = _Thrift(data, begin, len(data) - 8), 0, list[Chunk]()
    for field, kind in reader.fields():
        if field == SCHEMA and kind == LIST:
            _check_elements(reader)
        elif field == GROUPS and kind == LIST:
            chunks = _read_chunks(data, list(_chunks(reader)))
        else:
            value = reader.value(kind)
            rows = value if field == ROWS and isinstance(value, int) else rows
    if rows < 0:
        raise PageError(f"it says that it has {rows:,} rows")
    return rows, chunks


def _chunks(reader: "_Thrift") -> Iterator[dict[int, Any]]:
    """The metadata of every chunk."""
    count, kind = reader.list_head()
    left = MOST_CHUNKS
    for _ in range(count):
        for chunk in (reader.value(kind) or {}).get(COLUMNS) or ():
            left -= 1
            if left < 0:
                raise PageError(f"it has over {MOST_CHUNKS:,} columns times groups of rows")
            if not isinstance(chunk, dict) or not isinstance(chunk.get(METADATA), dict):
                raise PageError("a column has no metadata")
            yield chunk[METADATA]


def _read_chunks(data: bytes, metadata: Sequence[dict[int, Any]]) -> list[Chunk]:
    """Chunks with what their pages say; no byte of a file may be a page of two of them."""
    places = [_place(chunk) for chunk in metadata]
    last = 0
    walked = (place for place, chunk in zip(places, metadata, strict=True) if chunk.get(VALUES))
    for begin, end in sorted(walked):
        if begin < FIRST_PAGE:
            raise PageError(f"a column begins at byte {begin}, before there can be one")
        if begin < last:
            raise PageError(f"two of its columns share the byte {begin:,}")
        last = max(last, end)
    pages = _Pages(data)
    return [_chunk(pages, chunk, place) for chunk, place in zip(metadata, places, strict=True)]


def _place(chunk: dict[int, Any]) -> tuple[int, int]:
    """Where the bytes of a chunk begin and end."""
    packed, begin = _size(chunk.get(PACKED)), _size(chunk.get(DATA))
    if isinstance(first := chunk.get(DICTIONARY), int) and 0 < first < begin:
        begin = first
    return begin, begin + packed


def _chunk(pages: "_Pages", chunk: dict[int, Any], place: tuple[int, int]) -> Chunk:
    values, unpacked = _size(chunk.get(VALUES)), _size(chunk.get(UNPACKED))
    return Chunk(
        b".".join(chunk.get(PATH) or ()).decode(),
        chunk.get(PHYSICAL) == BYTE_ARRAY,
        not DELTA.isdisjoint(chunk.get(ENCODINGS) or ()),
        values,
        max(unpacked, sum(pages.sizes(*place, values))),
    )


def _size(number: object) -> int:
    if not isinstance(number, int) or number < 0:
        raise PageError("a column or a page of it has no size")
    return number


def _check_elements(reader: "_Thrift") -> None:
    """Elements of a schema stand in depth-first order, each with the number of its children."""
    count, kind = reader.list_head()
    if count > MOST_FIELDS or kind != STRUCT:
        raise PageError(f"its schema has {count:,} fields, over {MOST_FIELDS:,}")
    open_groups: list[int] = []
    for _ in range(count):
        while open_groups and not open_groups[-1]:
            open_groups.pop()
        if open_groups:
            open_groups[-1] -= 1
        children = reader.struct(1).get(CHILDREN)
        if isinstance(children, int) and children > 0:
            open_groups.append(children)
        if len(open_groups) > DEEPEST:
            raise PageError(f"its types are nested over {DEEPEST} levels deep")


class _Pages:
    """Pages of a file, of which MOST_PAGES are looked at in all."""

    def __init__(self, data: bytes) -> None:
        self._data, self._left = data, MOST_PAGES

    def sizes(self, begin: int, end: int, values: int) -> Iterator[int]:
        """Unpacked size of each page of a chunk that has values, to its last byte; PageError for a bad page, or many."""
        end = min(end, len(self._data))
        while values and begin < end:
            self._left -= 1
            if self._left < 0:
                raise PageError(f"it has over {MOST_PAGES:,} pages")
            reader = _Thrift(self._data, begin, end)
            header = reader.struct(0)
            packed = _size(header.get(PAGE_PACKED))
            yield _size(header.get(PAGE_UNPACKED))
            _require_own_header(header)
            begin = reader.place + packed


def _require_own_header(header: dict[int, Any]) -> None:
    """Raise PageError unless a page has the header of its kind, and no other's: readers would take one or the other."""
    kind = header.get(PAGE_KIND)
    if kind not in OWN_HEADER or [number for number in KIND_HEADERS if number in header] != [
        OWN_HEADER[kind]
    ]:
        raise PageError("a page has not the header of its kind")


class _Thrift:
    """Reads values of Thrift's compact protocol from a place on."""

    def __init__(self, data: bytes, place: int, end: int) -> None:
        self.data, self.place, self.end = data, place, end
        self._left = MOST_VALUES

    def _byte(self) -> int:
        if not 0 <= self.place < self.end:
            raise PageError(f"a header ends at byte {self.place:,}")
        self.place += 1
        return self.data[self.place - 1]

    def _number(self) -> int:
        """A number of up to 64 bits, seven a byte."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise PageError(f"a number at byte {self.place:,} does not end")

    def _signed(self) -> int:
        value = self._number()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, size: int) -> None:
        self.place += size
        if self.place > self.end:
            raise PageError(f"a header ends at byte {self.end:,}")

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a structure; its value must be read before the next is asked for."""
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            yield number, head & 15

    def list_head(self) -> tuple[int, int]:
        """Length of a list, and the type of its elements."""
        head = self._byte()
        return (self._number() if head >> 4 == 15 else head >> 4), head & 15

    def struct(self, depth: int) -> dict[int, Any]:
        """The fields of a structure: numbers, bytes, lists and structures; None for all other values."""
        return {number: self.value(kind, depth + 1) for number, kind in self.fields()}

    def value(self, kind: int, depth: int = 0, *, in_list: bool = False) -> Any:
        """A value; None where it is not a number, bytes, list or structure; PageError for a value without bounds."""
        if depth > DEEPEST:
            raise PageError(f"a header is nested over {DEEPEST} levels deep")
        self._left -= 1
        if self._left < 0:
            raise PageError(f"a header has over {MOST_VALUES:,} values")
        if kind in (TRUE, FALSE):
            self._skip(1 if in_list else 0)
        elif kind == BYTE:
            self._skip(1)
        elif kind in INTEGERS:
            return self._signed()
        elif kind == DOUBLE:
            self._skip(8)
        elif kind == BINARY:
            size = self._number()
            begin = self.place
            self._skip(size)
            return self.data[begin : self.place]
        elif kind in (LIST, SET):
            count, inner = self.list_head()
            return [self.value(inner, depth + 1, in_list=True) for _ in range(count)]
        elif kind == MAP:
            self._map(depth)
        elif kind == STRUCT:
            return self.struct(depth)
        else:
            raise PageError(f"a header at byte {self.place:,} has a value of type {kind}")
        return None

    def _map(self, depth: int) -> None:
        count = self._number()
        kinds = self._byte() if count else 0
        for _ in range(count):
            self.value(kinds >> 4, depth + 1, in_list=True)
            self.value(kinds & 15, depth + 1, in_list=True)
