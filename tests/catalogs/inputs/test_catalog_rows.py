"""Random tables, written by programs that know nothing of us, come back as they were."""

import csv
import io
import random
import tracemalloc
import unicodedata
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from catalogs.errors import CatalogError
from catalogs.inputs import catalog_rows
from catalogs.inputs.catalog_rows import CatalogTable, read_table
from catalogs.storage.memory_store import MemoryStore
from catalogs.tables.lines import IsRow, Line, Sheet

LETTERS = "abcXYZ 019-_.,;|\t\n\"'=+&<>/#%äßñéİ€布料👕ש\u0301"
REQUIRED = ("garment_id", "image")


def cell(chance: random.Random) -> str:
    """A cell of up to twelve letters of any kind, without white space at its ends; often empty."""
    return "".join(chance.choices(LETTERS, k=chance.randrange(12))).strip()


def records(chance: random.Random) -> list[dict[str, str]]:
    """Rows of a table, some of them blank."""
    columns = [*REQUIRED, *(f"further {n}" for n in range(chance.randrange(5)))]
    rows = [{column: cell(chance) for column in columns} for _ in range(chance.randrange(1, 30))]
    blank = dict.fromkeys(columns, "")
    return [row if chance.random() < 0.9 else blank for row in rows]


def shown(text: str) -> str:
    """A cell as it is read: breaks and tabs are blanks."""
    text = text.replace("\t", "\n")
    while " \n" in text or "\n " in text or "\n\n" in text:
        text = text.replace(" \n", "\n").replace("\n ", "\n").replace("\n\n", "\n")
    return text.replace("\n", " ").strip()


def expected(rows: list[dict[str, str]]) -> list[tuple[int, dict[str, str]]]:
    """Rows that are not blank, with a spreadsheet's number, and of them the filled cells."""
    read = [(n, {k: shown(v) for k, v in row.items() if shown(v)}) for n, row in enumerate(rows, 2)]
    return [(n, row) for n, row in read if row]


def read(name: str, data: bytes) -> CatalogTable:
    """A table of this name and contents."""
    store = MemoryStore("t")
    store.write(name, data)
    return read_table(store, name, REQUIRED, (*REQUIRED, "tags"))


@pytest.mark.parametrize("seed", range(40))
class TestWrittenByOthers:
    """The csv module, XlsxWriter and pyarrow write; every cell and row number comes back."""

    def test_csv(self, seed: int) -> None:
        """By every separator, quoting, line end and encoding."""
        chance = random.Random(seed)
        rows, text = records(chance), io.StringIO(newline="")
        end = chance.choice(["\n", "\r\n", "\r"])
        # The module quotes a line break only where it is one of the line ends that it writes.
        quoting = csv.QUOTE_ALL if end == "\r" else chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        separator = chance.choice(",;\t|")
        writer = csv.DictWriter(text, list(rows[0]), delimiter=separator, lineterminator=end, quoting=quoting)
        writer.writeheader()
        writer.writerows(rows)
        table = read(
            "t.csv", text.getvalue().encode(chance.choice(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
        )
        assert not table.faults
        assert list(zip(table.numbers, table.rows, strict=True)) == expected(rows)

    def test_xlsx(self, seed: int) -> None:
        """As texts, shared between cells."""
        rows, buffer = records(random.Random(seed)), io.BytesIO()
        with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
            page = book.add_worksheet()
            for number, line in enumerate([list(rows[0]), *(list(row.values()) for row in rows)]):
                for column, value in enumerate(line):
                    page.write_string(number, column, value)
        table = read("t.xlsx", buffer.getvalue())
        assert list(zip(table.numbers, table.rows, strict=True)) == expected(rows)

    def test_parquet(self, seed: int) -> None:
        """With dictionaries and without, empty cells as nulls and as empty texts, in groups of rows."""
        chance = random.Random(seed)
        rows, buffer = records(chance), io.BytesIO()
        columns = {k: [row[k] or chance.choice([None, ""]) for row in rows] for k in rows[0]}
        kind = chance.choice([pa.string(), pa.large_string(), pa.binary()])
        pq.write_table(
            pa.table({k: pa.array(v, pa.string()).cast(kind) for k, v in columns.items()}), buffer,
            use_dictionary=chance.choice([True, False]), row_group_size=chance.choice([3, 1000]),
        )  # fmt: skip
        table = read("t.parquet", buffer.getvalue())
        assert list(zip(table.numbers, table.rows, strict=True)) == expected(rows)


def test_letters_are_composed_only_for_texts() -> None:
    """The table keeps what was written: a file's name may well have its accents apart."""
    name = unicodedata.normalize("NFD", "Blüte.png")
    assert read("t.csv", f"garment_id,image\na,{name}\n".encode()).rows[0]["image"] == name


def test_a_row_keeps_its_filled_cells() -> None:
    """A row of a wide table takes as much as it holds, and not as much as the table is wide."""
    names = ",".join(["garment_id", "image", *(f"c{n}" for n in range(900))])
    table = read("t.csv", (names + "\n" + "a,a.png\n" * 500).encode())
    assert sum(map(len, table.rows)) == 1_000


def test_filled_cells_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows times width is bounded, with the row where it was too much."""
    monkeypatch.setattr(catalog_rows, "MAX_FILLED", 1_000)
    with pytest.raises(CatalogError, match="over 1,000 filled cells, the last in row 502: leave out columns"):
        read("t.csv", ("garment_id,image\n" + "a,a.png\n" * 600).encode())


def test_faults_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that cannot be read count as well, and more than others: what is said of each is kept."""
    monkeypatch.setattr(catalog_rows, "MAX_FILLED", 1_000)
    with pytest.raises(
        CatalogError, match=r"over 1,000 filled cells, the last in row \d\d: .*mend cells that cannot be read"
    ):
        read("t.csv", ("garment_id,image\n" + "a\x01,a.png\n" * 400).encode())


@pytest.mark.parametrize("column", ["tags", "Tags", "TAGS "])
def test_breaks_in_tags(column: str) -> None:
    """A line break in a cell of tags parts two of them; in another cell it is a blank."""
    table = read("t.csv", f'garment_id,image,{column},title\na,a.png,"x\ny","x\ny"\n'.encode())
    assert (table.rows[0]["tags" if column != "tags" else column], table.rows[0]["title"]) == ("x|y", "x y")


def test_headings_of_very_many_sheets() -> None:
    """One heading is kept, however many sheets have names of columns."""

    def sheet(number: int) -> Sheet:
        def lines(_: IsRow) -> Iterator[Line]:
            yield Line(1, [f"{number} {n} ".ljust(200, "x") for n in range(500)])

        return Sheet(lines, name=f"s{number}")

    sheets = [sheet(number) for number in range(60)]
    tracemalloc.start()
    found, _, others = catalog_rows._choose("x", sheets, REQUIRED, REQUIRED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found, len(others)) == (sheets[0], 59)
    assert peak < 3_000_000


@pytest.mark.parametrize("blank", ["\n", "\r", " \r\n"])
def test_names_far_below_the_first_row(blank: str) -> None:
    """A table with more blank rows than are looked at above its names is told so, and not that it is empty alone."""
    with pytest.raises(
        CatalogError, match="has nothing in its first 20 rows: the column names must stand in one"
    ):
        read("catalog.csv", (blank * 30 + "garment_id,image\na,a.png\n").encode())
    assert read("catalog.csv", (blank * 10 + "garment_id,image\na,a.png\n").encode()).rows
