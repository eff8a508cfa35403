"""The pages of a Parquet file are looked at once, however many columns say that they are theirs."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogs.tables import parquet_pages
from catalogs.tables.parquet_pages import PageError, read_index

TYPE, VALUES, BEGIN = b"\x15", b"\x16", b"\x26"
"""Heads of the fields that the drawn files have: numbers, in Thrift's compact protocol."""


def varint(number: int) -> bytes:
    """A number from zero, seven bits a byte."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def signed(number: int) -> bytes:
    """A number from zero in zigzag."""
    return varint(number * 2)


DATA_HEADER, DICTIONARY_HEADER = b"\x2c\x15\0\0", b"\x4c\x15\0\0"
"""Headers of data pages and of dictionaries, which say that there is no value."""


def empty_pages(
    pages: int, places: list[int], length: int | None = None, kind: int = 0, headers: bytes = DATA_HEADER
) -> bytes:
    """A file of pages without values, and of columns that begin at some of them and say that they have one value."""
    page = TYPE + signed(kind) + TYPE + signed(0) + TYPE + signed(0) + headers + b"\0"
    size = len(page) * pages if length is None else len(page) * length
    groups = b"".join(
        BEGIN + signed(0) + b"\x1c" + TYPE + signed(6) + b"\x19\x15" + signed(0) + b"\x19\x18" + varint(1) + b"a" + TYPE
        + signed(0) + VALUES + signed(1) + VALUES + signed(1) + VALUES + signed(size) + BEGIN
        + signed(4 + place * len(page)) + b"\0\0"
        for place in places
    )  # fmt: skip
    row_group = b"\x19\xfc" + varint(len(places)) + groups + VALUES + signed(1) + VALUES + signed(1) + b"\0"
    schema = (
        b"\x48"
        + varint(1)
        + b"s"
        + TYPE
        + signed(1)
        + b"\0"
        + TYPE
        + signed(6)
        + b"\x38"
        + varint(1)
        + b"a\0"
    )
    footer = TYPE + signed(1) + b"\x19\x2c" + schema + VALUES + signed(1) + b"\x19\x1c" + row_group + b"\0"
    return b"PAR1" + page * pages + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    ("places", "length"), [([0, 0], 100), ([0] * 400, 100), ([50, 0], 51), ([0, 99], 100)], ids=str
)
def test_columns_that_share_pages(places: list[int], length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns of which the pages overlap are refused before a page is looked at."""
    monkeypatch.setattr(parquet_pages, "_chunk", lambda *_: pytest.fail("looked at pages"))
    with pytest.raises(PageError, match="two of its columns share the byte"):
        read_index(empty_pages(100, places, length))


def test_columns_side_by_side() -> None:
    """Columns that have pages of their own are read, in whatever order."""
    assert len(read_index(empty_pages(100, [50, 0], 50))[1]) == 2


@pytest.mark.parametrize(
    ("kind", "headers"),
    [(2, DATA_HEADER), (0, DICTIONARY_HEADER), (2, DATA_HEADER + b"\x2c\x15\0\0"), (0, b""), (3, DATA_HEADER),
     (7, DATA_HEADER)],
    ids=range(6),
)  # fmt: skip
def test_pages_with_headers_of_others(kind: int, headers: bytes) -> None:
    """A page has the header of its kind and no other: else a reader could count values where there are none."""
    with pytest.raises(PageError, match="header of its kind"):
        read_index(empty_pages(3, [0], kind=kind, headers=headers))


def test_pages_behind_the_last_value() -> None:
    """A column's pages are counted to its last byte, whatever values it says to have."""
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x" * 50] * 3}), file, use_dictionary=True, compression="none")
    assert read_index(file.getvalue())[1][0].unpacked >= 50


@pytest.mark.parametrize("lead", [b"PAR2", b"\0\0\0\0"])
def test_files_that_begin_with_a_page(lead: bytes) -> None:
    """Before the first page stands Parquet's word; a column that begins in it is refused."""
    whole = empty_pages(3, [0])
    with pytest.raises(PageError, match="begin and end"):
        read_index(lead + whole[4:])
    with pytest.raises(PageError, match="before there can be one"):
        read_index(whole.replace(BEGIN + signed(4) + b"\0\0", BEGIN + signed(0) + b"\0\0"))


@pytest.mark.parametrize("columns", [1, 4])
def test_very_many_pages(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages of all columns together are bounded, those without values as well."""
    monkeypatch.setattr(parquet_pages, "MOST_PAGES", 60)
    each = 100 // columns
    with pytest.raises(PageError, match="over 60 pages"):
        read_index(empty_pages(100, [each * n for n in range(columns)], each))


def test_very_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of an index are bounded: each byte can be a structure, of which memory holds more."""
    monkeypatch.setattr(parquet_pages, "MOST_VALUES", 100)
    with pytest.raises(PageError, match="over 100 values"):
        read_index(empty_pages(1, [0] * 50, 0))


@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_file_of_many_small_pages(use_dictionary: bool, version: str) -> None:
    """What a program writes has columns that do not overlap, with empty groups and columns of nulls among them."""
    table = pa.table(
        {"a": [f"a{n}" for n in range(5_000)], "b": pa.nulls(5_000, pa.string()), "c": [[1]] * 5_000}
    )
    buffer = io.BytesIO()
    with pq.ParquetWriter(
        buffer, table.schema, use_dictionary=use_dictionary, data_page_version=version, data_page_size=64
    ) as writer:
        writer.write_table(table, row_group_size=700)
        writer.write_table(table.slice(0, 0))
    rows, chunks = read_index(buffer.getvalue())
    assert (rows, sum(chunk.values for chunk in chunks)) == (5_000, 15_000)
