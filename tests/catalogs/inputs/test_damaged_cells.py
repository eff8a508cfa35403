"""Cells that spreadsheet programs or copying changed reject their row, and the message says what happened."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from catalogs.inputs.damaged_cells import is_error
from catalogs.inputs.garments import read_garments
from catalogs.records import Garment, Reading
from catalogs.storage.memory_store import MemoryStore

NAMES = ("garment_id", "image", "title")
ERRORS = (
    "#REF!", "#NAME?", "#N/A", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA",
    "#####", "########", "Err:502", "#BEZUG!", "#NV", "#WERT!", "#ref!",
)  # fmt: skip


def as_csv(rows: list[tuple[str, ...]]) -> bytes:
    """The rows as CSV, quoted."""
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in [NAMES, *rows]).encode()


def as_xlsx(rows: list[tuple[str, ...]]) -> bytes:
    """The rows as a workbook of texts."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet()
        for number, row in enumerate([NAMES, *rows]):
            for column, cell in enumerate(row):
                page.write_string(number, column, cell)
    return buffer.getvalue()


def as_parquet(rows: list[tuple[str, ...]]) -> bytes:
    """The rows as Parquet."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(zip(NAMES, zip(*rows, strict=True), strict=True))), buffer)
    return buffer.getvalue()


FORMATS: list[tuple[str, Any]] = [("csv", as_csv), ("xlsx", as_xlsx), ("parquet", as_parquet)]


def read(*rows: tuple[str, ...], kind: str = "csv", write: Any = as_csv) -> Reading[Garment]:
    """What comes of a garment catalog of these rows; a.png is beside it."""
    store = MemoryStore("g")
    store.write(f"catalog.{kind}", write(list(rows)))
    store.write("a.png", b"x")
    return read_garments(store)


@pytest.mark.parametrize(("kind", "write"), FORMATS)
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("error", ERRORS)
def test_errors_of_formulas(error: str, column: int, kind: str, write: Any) -> None:
    """An error in a cell that matters rejects its row in every kind of file, and is called an error."""
    cells = ["a", "a.png", "x"]
    cells[column] = error
    reading = read(tuple(cells), ("b", "a.png", "y"), kind=kind, write=write)
    assert [g.garment_id for g in reading.records] == ["b"]
    (problem,) = reading.problems
    assert (problem.row, problem.column) == (2, NAMES[column])
    assert "is an error of a spreadsheet program; mend the cell" in problem.what


@pytest.mark.parametrize(
    "text", ["#1", "# 5", "#summer", "#", "##", "Err", "N/A", "NA", "#N/A Tee", "#ffcc00"]
)
def test_texts_that_are_no_errors(text: str) -> None:
    """A title may begin with the sign."""
    assert not is_error(text)
    assert read(("a", "a.png", text)).records[0].title == text


@pytest.mark.parametrize("text", ["1E+05", "4.00638E+12", "4,00638E+12", "1e+21", "1.E+10"])
def test_numbers_that_were_shortened(text: str) -> None:
    """An id that lost its digits is named as what it is."""
    (problem,) = read((text, "a.png", "x")).problems
    assert "is a number that a spreadsheet program shortened; format the column as text" in problem.what


@pytest.mark.parametrize(
    "text", ["1-Mar", "01-Mar", "Mar-01", "1-Mar-25", "Mar-2025", "01. Mrz", "3-Oct", "5. Dez", "1-mai"]
)
def test_days_with_a_month(text: str) -> None:
    """An id that became a day is named as such, in several languages."""
    (problem,) = read((text, "a.png", "x"), ("3-14", "a.png", "y")).problems
    assert "is a day that a spreadsheet program made of an id such as 3-1" in problem.what


@pytest.mark.parametrize(
    "text", ["mar-tee", "1-market", "dress-Mar", "tee-1-mar", "12-E-05", "3-1", "E05", "MAY"]
)
def test_ids_that_are_no_days(text: str) -> None:
    """Ids of which only a part looks like a month or a number are left alone."""
    assert [g.garment_id for g in read((text, "a.png", "x")).records] == [text]


@pytest.mark.parametrize("day", ["2025-03-01", "1.3.2025", "01.03.2025"])
def test_days_among_others(day: str) -> None:
    """A day with its year is an id, unless others look as what programs turn into days; then it is rejected."""
    assert [g.garment_id for g in read((day, "a.png", "x"), ("tee", "a.png", "y")).records] == [day, "tee"]
    reading = read((day, "a.png", "x"), ("3-14", "a.png", "y"))
    assert [g.garment_id for g in reading.records] == ["3-14"]
    (problem,) = reading.problems
    assert "is a day, and other ids are such as 3-14" in problem.what


@pytest.mark.parametrize(
    ("sign", "name"),
    [
        ("\u200b", "U+200B (ZERO WIDTH SPACE)"), ("\ufeff", "U+FEFF (ZERO WIDTH NO-BREAK SPACE)"),
        ("\u00ad", "U+00AD (SOFT HYPHEN)"), ("\u00a0", "U+00A0 (NO-BREAK SPACE)"), ("\u2009", "U+2009 (THIN SPACE)"),
        ("\u0430", "U+0430 (CYRILLIC SMALL LETTER A)"), ("\u0391", "U+0391 (GREEK CAPITAL LETTER ALPHA)"),
        ("\u202e", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
    ],
)  # fmt: skip
class TestSignsThatNoEyeTells:
    """A sign that is not seen, or looks like another, is named by its code point and place."""

    def test_in_an_id(self, sign: str, name: str) -> None:
        """So it is in an id."""
        (problem,) = read((f"te{sign}e", "a.png", "x")).problems
        assert f"holds {name} after 'te', which no eye can tell; type it anew" in problem.what

    def test_in_a_file_name(self, sign: str, name: str) -> None:
        """So it is in the name of a file that is not there."""
        (problem,) = read(("tee", f"a{sign}.png", "x")).problems
        assert f"holds {name} after 'a'" in problem.what


@pytest.mark.parametrize(("kind", "write"), FORMATS)
class TestTextsWithoutMeasure:
    """One rule for every kind of file: a text that no design can bear rejects its row."""

    def test_too_long(self, kind: str, write: Any) -> None:
        """A title of over 2,000 letters rejects its row; one of 2,000 passes."""
        reading = read(("a", "a.png", "x" * 2_001), ("b", "a.png", "x" * 2_000), kind=kind, write=write)
        assert [g.garment_id for g in reading.records] == ["b"]
        assert "has 2,001 letters, over 2,000" in reading.problems[0].what

    @pytest.mark.parametrize("column", [0, 1, 2])
    def test_marks(self, column: int, kind: str, write: Any) -> None:
        """More than 30 combining marks in a row reject their row, wherever they stand; 30 pass."""
        cells = ["a", "a.png", "x"]
        cells[column] = "Te\u0301e" + "\u0301" * 20_000 + "x"
        reading = read(tuple(cells), ("b", "a.png", "e" + "\u0323" * 30), kind=kind, write=write)
        assert [g.garment_id for g in reading.records] == ["b"]
        (problem,) = reading.problems
        assert (problem.row, problem.column) == (2, NAMES[column])
        assert "more than 30 combining marks in a row (U+0301 and others)" in problem.what
