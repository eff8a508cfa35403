"""Parquet's types become the text that a person would write, and few bytes cannot stand for too many."""

import io
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogs import parquet_lines
from catalogs.errors import CatalogError
from catalogs.garments import read_garments
from catalogs.lines import never
from catalogs.memory_store import MemoryStore
from catalogs.parquet_lines import parquet_sheets
from catalogs.records import Garment, Reading


def packed(table: pa.Table, **options: Any) -> bytes:
    """A Parquet file's bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def cells(table: pa.Table, **options: Any) -> list[list[str]]:
    """Every line of a table, the names first."""
    (sheet,) = parquet_sheets("x.parquet", packed(table, **options))
    return [list(line.cells) for line in sheet.read(never)]


def read(data: bytes) -> Reading[Garment]:
    """What comes of a garment catalog with this table; a.png is beside it."""
    store = MemoryStore("g")
    store.write("catalog.parquet", data)
    store.write("a.png", b"x")
    return read_garments(store)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array(["tee", None, "nan", "None", "NA"]), ["tee", "", "nan", "None", "NA"]),
        (pa.array([b"tee", None]), ["tee", ""]),
        (pa.array(["Bl\u00fcte".encode(), None], pa.large_binary()), ["Blüte", ""]),
        (pa.array([b"abc", None], pa.binary(3)), ["abc", ""]),
        (pa.array(["x", None], pa.string_view()), ["x", ""]),
        (pa.array(["x", None, "y", "x"]).dictionary_encode(), ["x", "", "y", "x"]),
        (pa.array([101.0, None, 52.5, float("nan"), 1e300]), ["101", "", "52.5", "", "1e+300"]),
        (pa.array(np.array([1.5, 2], np.float16)), ["1.5", "2"]),
        (pa.array([12345678901234567, None]), ["12345678901234567", ""]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([Decimal("101.00"), Decimal("1.50"), None]), ["101", "1.5", ""]),
        (pa.array([True, False, None]), ["true", "false", ""]),
        (pa.array([date(2025, 10, 1), None]), ["2025-10-01", ""]),
        (
            pa.array([datetime(2025, 10, 1), datetime(2025, 10, 1, 13, 5)], pa.timestamp("ns")),
            ["2025-10-01", "2025-10-01 13:05:00"],
        ),
        (pa.array([datetime(2025, 10, 1, tzinfo=UTC)]), ["2025-10-01 00:00:00+00:00"]),
        (pa.array([1], pa.timestamp("ns")), ["1970-01-01"]),
        (pa.array([time(13, 5)]), ["13:05:00"]),
        (pa.array([["a", None, "b"], [], None, ["c"]]), ["a|b", "", "", "c"]),
        (pa.array([[101.0, None], None]), ["101", ""]),
        (pa.array([[b"a", b"b"]]), ["a|b"]),
        (pa.array([["a", "b"]], pa.list_(pa.string(), 2)), ["a|b"]),
        (pa.array([["a", "b"], ["a"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))), ["a|b", "a"]),
        (pa.nulls(2), ["", ""]),
    ],
)
def test_types(column: pa.Array, texts: list[str]) -> None:
    """Every type gives what a person would write in the cell."""
    assert [row[0] for row in cells(pa.table({"column": column}))[1:]] == texts


def test_what_is_no_text_is_left_out() -> None:
    """A column of structs, maps or pictures is left out with a remark, and costs no row."""
    table = pa.table(
        {
            "garment_id": ["a"], "image": ["a.png"], "photo": pa.array([b"\x89PNG\xff"]),
            "size": pa.array([{"w": 1}]), "names": pa.array([[("en", "x")]], pa.map_(pa.string(), pa.string())),
        }
    )  # fmt: skip
    reading = read(packed(table))
    assert [(g.garment_id, g.further) for g in reading.records] == [("a", ())]
    assert [remark.split("'")[1] for remark in reading.remarks] == ["photo", "size", "names"]


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (None, ["image"]),
        (pd.Index([7, 9]), ["image"]),
        (pd.Index(["x", "y"], name="garment_id"), ["image", "garment_id"]),
        (pd.RangeIndex(5, 9, 2, name="garment_id"), ["image", "garment_id"]),
        (
            pd.MultiIndex.from_arrays([["x", "y"], [1, 2]], names=["garment_id", None]),
            ["image", "garment_id"],
        ),
    ],
)
def test_indexes_of_pandas(index: Any, names: list[str]) -> None:
    """An index with a name is a column; one without is the numbers of rows, and none."""
    buffer = io.BytesIO()
    frame = pd.DataFrame({"image": ["a.png", "a.png"]}, index=index)
    frame.to_parquet(buffer)
    (sheet,) = parquet_sheets("x", buffer.getvalue())
    first, *rows = [list(line.cells) for line in sheet.read(never)]
    assert first == names
    if "garment_id" in names:
        expected = [str(value[0] if isinstance(value, tuple) else value) for value in frame.index]
        assert [row[-1] for row in rows] == expected


def test_a_column_named_index() -> None:
    """A column that somebody named index is a column as others are."""
    buffer = io.BytesIO()
    pd.DataFrame({"garment_id": ["a"], "image": ["a.png"], "index": [7]}).to_parquet(buffer)
    assert read(buffer.getvalue()).records[0].further == (("index", "7"),)


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_encodings_of_texts(encoding: str) -> None:
    """Texts are read in whatever way their writer packed them."""
    table = pa.table({"a": ["tee", "tee-2", None, "x"], "b": [["x", "xy"], None, [], ["z"]]})
    ways = {"a": encoding, "b.list.element": encoding}
    rows = cells(table, use_dictionary=False, column_encoding=ways)
    assert rows[1:] == [["tee", "x|xy"], ["tee-2", ""], ["", ""], ["x", "z"]]


class TestBounds:
    """What a file stands for is bounded, however few its own bytes."""

    def test_a_long_text_that_all_rows_share(self) -> None:
        """A dictionary of one giant text is held once; each row is rejected, and the rest of a row is told."""
        table = pa.table({"garment_id": ["a"] * 50, "image": ["a.png"] * 50, "title": ["x" * 1_000_000] * 50})
        data = packed(table, compression="zstd")
        assert len(data) < 5_000
        reading = read(data)
        assert reading.records == ()
        assert {problem.row for problem in reading.problems} == set(range(2, 52))
        assert "over 131,072 letters" in reading.problems[0].what

    def test_letters_in_all_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows times the longest text is bounded, though the file and its index are small."""
        data = packed(pa.table({"garment_id": ["x" * 100_000] * 500}), compression="zstd")
        monkeypatch.setattr(parquet_lines, "MAX_BYTES", 10_000_000)
        (sheet,) = parquet_sheets("x", data)
        with pytest.raises(CatalogError, match="10,000,000 letters: leave out its longest column"):
            list(sheet.read(never))

    def test_lists_of_shared_texts(self) -> None:
        """A list of a hundred giant texts is cut where it is known to be too long."""
        parts = pa.array(["x" * 100_000] * 1000)
        tags = pa.ListArray.from_arrays(pa.array(range(0, 1001, 100), pa.int32()), parts)
        row = cells(pa.table({"tags": tags}), compression="zstd")[1]
        assert 131_072 < len(row[0]) < 400_000

    @pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_CELLS", "MAX_BYTES"])
    def test_by_the_files_own_index(self, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows, cells and bytes over a limit are refused before anything is unpacked, with the remedy."""
        data = packed(pa.table({"garment_id": [f"g{n}" for n in range(200)]}))
        monkeypatch.setattr(parquet_lines, limit, 100)
        monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("unpacked"))
        with pytest.raises(CatalogError, match=r"over 100: leave out columns .* or split"):
            parquet_sheets("x", data)

    def test_texts_written_by_their_prefixes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Few bytes of prefixes that stand for many long texts are decoded a few rows at a time, then refused."""
        texts = ["y" * 100_000 + str(n) for n in range(300)]
        data = packed(
            pa.table({"garment_id": texts}),
            use_dictionary=False,
            column_encoding={"garment_id": "DELTA_BYTE_ARRAY"},
        )
        monkeypatch.setattr(parquet_lines, "MAX_BYTES", 1_000_000)
        (sheet,) = parquet_sheets("x", data)
        with pytest.raises(CatalogError, match="1,000,000 letters"):
            list(sheet.read(never))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not parquet", "cannot be read as Parquet"),
        (b"", "cannot be read as Parquet"),
        (b"PAR1" + b"\x00" * 60 + b"PAR1", "cannot be read as Parquet"),
        (b"PK\x03\x04xx", "ZIP"),
    ],
)
def test_damaged(data: bytes, words: str) -> None:
    """A file that is none is refused with what to do."""
    with pytest.raises(CatalogError, match=words):
        read(data)


def test_every_damage_is_one_error() -> None:
    """A bit turned anywhere in a file gives rows or a CatalogError, never another exception."""
    data = packed(pa.table({"garment_id": ["a", "b"], "image": ["a.png"] * 2, "tags": [["x"], None]}))
    for place in range(4, len(data), 3):
        broken = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        with suppress(CatalogError):
            read(broken)
