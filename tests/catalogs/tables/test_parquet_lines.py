"""Parquet's types become the text that a person would write, and few bytes cannot stand for too many."""

import io
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogs.errors import CatalogError
from catalogs.inputs.garments import read_garments
from catalogs.records import Garment, Reading
from catalogs.storage.memory_store import MemoryStore
from catalogs.tables import parquet_lines, parquet_texts
from catalogs.tables.lines import no_row
from catalogs.tables.parquet_lines import parquet_sheets

ROOT = Path(__file__).parents[3]


def packed(table: pa.Table, **options: Any) -> bytes:
    """A Parquet file's bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def cells(table: pa.Table, **options: Any) -> list[list[str]]:
    """Every line of a table, the names first."""
    (sheet,) = parquet_sheets("x.parquet", packed(table, **options))
    return [list(line.cells) for line in sheet.read(no_row)]


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
    first, *rows = [list(line.cells) for line in sheet.read(no_row)]
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
        for module in (parquet_lines, parquet_texts):
            monkeypatch.setattr(module, "MAX_TEXT", 10_000_000)
        (sheet,) = parquet_sheets("x", data)
        with pytest.raises(CatalogError, match="10,000,000 bytes of text: leave out its longest column"):
            list(sheet.read(no_row))

    def test_lists_of_shared_texts(self) -> None:
        """A list of a hundred giant texts is cut where it is known to be too long."""
        parts = pa.array(["x" * 100_000] * 1000)
        tags = pa.ListArray.from_arrays(pa.array(range(0, 1001, 100), pa.int32()), parts)
        row = cells(pa.table({"tags": tags}), compression="zstd")[1]
        assert 131_072 < len(row[0]) < 400_000

    @pytest.mark.parametrize("blank", ["", " "])
    def test_dictionaries_of_four_bytes_a_letter(self, blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Texts that are stored once a column are counted by their bytes before any is unpacked."""
        texts = pa.array([blank + "\U0001f600" * 10_000] * 9).dictionary_encode()
        data = packed(pa.table({f"c{n}": texts for n in range(30)}), compression="zstd")
        for module in (parquet_lines, parquet_texts):
            monkeypatch.setattr(module, "MAX_TEXT", 1_000_000)
        monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("unpacked"))
        with pytest.raises(CatalogError, match="1,000,000 bytes of text: leave out its longest column"):
            parquet_sheets("x", data)

    @pytest.mark.parametrize("encode", [str, str.encode])
    @pytest.mark.parametrize("use_dictionary", [True, False])
    def test_letters_of_four_bytes(
        self, encode: Callable[[str], Any], use_dictionary: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An emoji makes every letter of a text four bytes: no more of them become texts than there is room for."""
        texts = [encode("x" * 10_000 + f"{n}\U0001f600") for n in range(300)]
        data = packed(pa.table({"a": texts}), use_dictionary=use_dictionary)
        for module in (parquet_lines, parquet_texts):
            monkeypatch.setattr(module, "MAX_TEXT", 3_500_000)
        monkeypatch.setattr(parquet_texts, "MAX_PIECE", 500_000)
        tracemalloc.start()
        try:
            with pytest.raises(CatalogError, match="3,500,000 bytes of text"):
                [list(sheet.read(no_row)) for sheet in parquet_sheets("x", data)]
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("sign", ["", ","])
    def test_lists_of_words_that_all_rows_share(self, sign: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lists of few words are as long as their words stand in them, and no more are made than there is room for."""
        words = pa.DictionaryArray.from_arrays(pa.array([0] * 3_000, pa.int32()), [sign + "x" * 10_000])
        lists = pa.ListArray.from_arrays(pa.array(range(0, 3_001, 10), pa.int32()), words)
        data = packed(pa.table({"tags": lists}))
        for module in (parquet_lines, parquet_texts):
            monkeypatch.setattr(module, "MAX_TEXT", 1_000_000)
        tracemalloc.start()
        try:
            with pytest.raises(CatalogError, match="1,000,000 bytes of text"):
                [list(sheet.read(no_row)) for sheet in parquet_sheets("x", data)]
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("letter", ["x", "\u5e03", "\U0001f600"])
    def test_giant_bytes_that_are_text(self, letter: str) -> None:
        """Of bytes that are text no more becomes text than shows that it is too long, wherever a letter is cut."""
        rows = cells(pa.table({"a": [b"x" + (letter * 1_000_000).encode()], "b": ["y"]}))
        assert 131_072 < len(rows[1][0]) <= 4 * 131_072 + 4
        assert set(rows[1][0]) == {"x", letter}

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
        for module in (parquet_lines, parquet_texts):
            monkeypatch.setattr(module, "MAX_TEXT", 1_000_000)
        (sheet,) = parquet_sheets("x", data)
        with pytest.raises(CatalogError, match="1,000,000 bytes of text"):
            list(sheet.read(no_row))


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


def tables() -> Iterator[bytes]:
    """Files of many types, by several encodings, compressions and page formats."""
    table = pa.table(
        {
            "garment_id": [f"g{n}" for n in range(20)], "image": ["a.png"] * 20, "tags": [["x", "y,z"], None] * 10,
            "title": ["t", None] * 10, "print_width_cm": pa.array([1.5] * 20, pa.float32()), "size": [{"w": [1]}] * 20,
            "day": [datetime(2025, 10, 1)] * 20, "price": [Decimal("1.5")] * 20,
        }
    )  # fmt: skip
    for compression in ("none", "snappy", "zstd", "gzip"):
        for version in ("1.0", "2.0"):
            yield packed(table, compression=compression, data_page_version=version, row_group_size=7)
    delta = {"garment_id": "DELTA_BYTE_ARRAY", "image": "DELTA_LENGTH_BYTE_ARRAY"}
    yield packed(table.select(list(delta)), use_dictionary=False, column_encoding=delta)
    buffer = io.BytesIO()
    index = pd.RangeIndex(0, 6, 2, name="garment_id")
    pd.DataFrame({"image": ["a.png"] * 3}, index=index).to_parquet(buffer)
    yield buffer.getvalue()


def damaged(chance: random.Random, data: bytes) -> bytes:
    """A file with some bytes changed, left out, put in, or cut off; half of the time in its index."""
    found = bytearray(data)
    index = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for _ in range(chance.choice([1, 1, 2, 8])):
        place = chance.randrange(index if chance.random() < 0.5 else 4, len(data) - 8)
        match chance.randrange(6):
            case 0:
                del found[place : place + chance.randrange(1, 9)]
            case 1:
                found[place:place] = chance.randbytes(chance.randrange(1, 5))
            case 2:
                del found[place:-8]
            case _:
                found[place : place + 1] = bytes(
                    [chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])]
                )
    return bytes(found)


def test_damage_by_chance_is_one_error() -> None:
    """Files damaged in any way give rows or a CatalogError; in another process, as a library may end its own."""
    program = (
        "import random; from contextlib import suppress; from catalogs.errors import CatalogError;"
        "from tests.catalogs.tables.test_parquet_lines import damaged, read, tables\n"
        "found = list(tables())\n"
        "for seed in range(1500):\n"
        "    chance = random.Random(seed)\n"
        "    with suppress(CatalogError):\n"
        "        read(damaged(chance, chance.choice(found)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


class TestIndexThatLies:
    """What a file says of itself in its index is not believed where its pages say more."""

    @pytest.mark.parametrize("codec", ["zstd", "gzip", "snappy"])
    @pytest.mark.parametrize("use_dictionary", [True, False])
    def test_bombs(self, codec: str, use_dictionary: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Few bytes that stand for too many are refused by the pages' own headers, whatever the index says."""
        table = pa.table({"garment_id": ["x" * 3_000_000], "image": ["a.png"]})
        data = packed(table, compression=codec, use_dictionary=use_dictionary)
        true = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).total_uncompressed_size
        index = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        lie = data[:index] + data[index:].replace(
            varint(true), varint(70)[:-1] + b"\x80\x80\x00"[-len(varint(true)) + 1 :]
        )
        assert len(lie) == len(data) and lie != data
        monkeypatch.setattr(parquet_lines, "MAX_BYTES", 1_000_000)
        monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("unpacked"))
        with pytest.raises(CatalogError, match="bytes unpacked, over 1,000,000: leave out columns"):
            parquet_sheets("x", lie)

    def test_types_within_types(self) -> None:
        """Types nested deeper than the library should follow are refused by the schema; less deep ones are left out."""
        for depth, words in ((20, "structs ('a')"), (100, "nested over 64 levels deep")):
            kind, value = pa.string(), "x"
            for _ in range(depth):
                kind, value = pa.struct([("a", kind)]), {"a": value}
            data = packed(pa.table({"garment_id": ["a"], "deep": pa.array([value], kind)}))
            if depth == 20:
                assert words in parquet_sheets("x", data)[0].remarks[0]
            else:
                with pytest.raises(CatalogError, match=words):
                    parquet_sheets("x", data)

    @pytest.mark.parametrize(
        "kind",
        [pa.binary(2**29), pa.list_(pa.string(), 3 * 10**8), pa.list_(pa.binary(1_000), 1_000)],
        ids=str,
    )
    def test_nulls_of_a_giant_fixed_size(self, kind: pa.DataType, monkeypatch: pytest.MonkeyPatch) -> None:
        """A column of which every null takes as much as its type says is left out unread."""
        field = pa.field("b", kind)
        monkeypatch.setattr(parquet_lines, "_fields", lambda _: [pa.field("a", pa.string()), field])
        (sheet,) = parquet_sheets("x", packed(pa.table({"a": ["x"], "b": pa.nulls(1)})))
        assert "bytes each, whatever they hold; write texts or lists" in sheet.remarks[0]
        assert [list(line.cells) for line in sheet.read(no_row)] == [["a"], ["x"]]

    def test_fixed_sizes_are_read_a_few_rows_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows times the fixed size is bounded."""
        given: list[int] = []
        monkeypatch.setattr(
            pq.ParquetFile, "iter_batches", lambda *_, batch_size, **__: given.append(batch_size) or []
        )
        (sheet,) = parquet_sheets(
            "x", packed(pa.table({"a": pa.array([["x"] * 1_000], pa.list_(pa.string(), 1_000))}))
        )
        list(sheet.read(no_row))
        assert given == [2**26 // 8_000]

    def test_days_that_nobody_knows(self) -> None:
        """A day beyond all calendars is a wrong cell, and the others are right."""
        table = pa.table({"a": pa.array([2**30, 1], pa.date32())})
        assert cells(table)[1:] == [["<value out of range: 1073741824>"], ["1970-01-02"]]

    @pytest.mark.parametrize("columns", [1_001, 5_000])
    def test_very_many_columns(self, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Columns are counted before any of them is read."""
        monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("unpacked"))
        with pytest.raises(CatalogError, match=f"has {columns:,} columns with a name, over 1,000"):
            parquet_sheets("x", packed(pa.table({f"c{n}": pa.nulls(1) for n in range(columns)})))

    def test_two_columns_of_one_name(self) -> None:
        """The library cannot tell them apart, and nobody else can."""
        table = pa.Table.from_arrays(
            [pa.array(["a"]), pa.array([{"x": 1}])], names=["garment_id", "garment_id"]
        )
        with pytest.raises(CatalogError, match="has the column 'garment_id' twice: keep one"):
            parquet_sheets("x", packed(table))

    @pytest.mark.parametrize(
        "metadata",
        [
            b"{", b"[]", b"[" * 100_000, b'{"index_columns": 7}', b'{"index_columns": [{"name": "a"}]}',
            b'{"index_columns": [{"name": "a", "start": 0, "stop": 3, "step": 0}]}',
        ],
    )  # fmt: skip
    def test_what_pandas_is_said_to_have_written(self, metadata: bytes) -> None:
        """A damaged note of pandas on its index is damage of the file."""
        table = pa.table({"garment_id": ["a"]}).replace_schema_metadata({b"pandas": metadata})
        with suppress(CatalogError):
            parquet_sheets("x", packed(table))

    def test_a_dictionary_of_which_little_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Texts of a dictionary become words as often as rows use them, and not once for every few rows."""
        given: list[int] = []
        text = parquet_texts.cell_text
        monkeypatch.setattr(parquet_texts, "cell_text", lambda cell: given.append(1) or text(cell))
        monkeypatch.setattr(parquet_lines, "BATCH", 10)
        column = pa.DictionaryArray.from_arrays(
            pa.array([n % 3 for n in range(500)]), pa.array([b"%d" % n for n in range(5_000)])
        )
        assert len(cells(pa.table({"a": column}))) == 501
        assert len(given) <= 2 * 3 * 50

    def test_very_many_words_in_a_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Words of lists are bounded, too: one row may have any number of them."""
        monkeypatch.setattr(parquet_texts, "MAX_PARTS", 1_000)
        (sheet,) = parquet_sheets("x", packed(pa.table({"tags": [["x"] * 2_000]})))
        with pytest.raises(CatalogError, match="2,000 words in 1 rows, over 1,000"):
            list(sheet.read(no_row))


def varint(number: int) -> bytes:
    """A number from zero as Thrift's compact protocol has it: zigzag, seven bits a byte."""
    number *= 2
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("text", ["52.1", "0.1", "33.3", "101", "-0.5"])
def test_numbers_of_few_digits(kind: pa.DataType, text: str) -> None:
    """A number has as few digits as its type needs: 52.1 of 32 bits is 52.1, in lists and dictionaries as well."""
    cell = np.float16(float(text)) if kind == pa.float16() else float(text)
    wanted = "52.1" if text == "52.1" else text
    column = pa.array([cell, None], kind)
    assert [row[0] for row in cells(pa.table({"a": column}))[1:]] == [wanted, ""]
    if kind != pa.float16():
        assert cells(pa.table({"a": pa.array([[cell, cell]], pa.list_(kind))}))[1] == [f"{wanted}|{wanted}"]


@pytest.mark.parametrize(
    ("words", "tags"),
    [
        (["red, bright", "x"], ("red, bright", "x")), (["a|b"], ("a|b",)), (["a;b", None, "c"], ("a;b", "c")),
        (["1/2", "x"], ("1/2", "x")), (["红、白"], ("红、白",)), (['say "hi", you'], ('say "hi", you',)),
        (["x", "y"], ("x", "y")),
    ],
)  # fmt: skip
def test_words_of_a_list_stay_whole(words: list[str | None], tags: tuple[str, ...]) -> None:
    """A comma in a word of a list parts nothing: the writer has said where words end."""
    table = pa.table({"garment_id": ["a"], "image": ["a.png"], "tags": [words]})
    assert read(packed(table)).records[0].tags == tags


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([{"w": 1, "h": 2}]), "are structs ('w', 'h'); write each of their fields as a column of its own"),
        (pa.array([[("en", "x")]], pa.map_(pa.string(), pa.string())), "are maps; write each of their values"),
        (pa.array([[{"w": 1}]]), "are lists of lists or structs; write a list of words"),
        (pa.array([b"\x89PNG\xff"]), "are bytes and no text; are they pictures?"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_called_by_its_kind(column: pa.Array, words: str) -> None:
    """The remark on a column that is no text says what it is and what to write."""
    (sheet,) = parquet_sheets("x", packed(pa.table({"a": ["x"], "b": column})))
    assert sheet.remarks == (sheet.remarks[0],)
    assert f"has a column 'b' whose cells {words}" in sheet.remarks[0]


def test_every_damage_is_one_error() -> None:
    """A bit turned anywhere in a file gives rows or a CatalogError, never another exception."""
    data = packed(pa.table({"garment_id": ["a", "b"], "image": ["a.png"] * 2, "tags": [["x"], None]}))
    for place in range(4, len(data), 3):
        broken = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        with suppress(CatalogError):
            read(broken)
