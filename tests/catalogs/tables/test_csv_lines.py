"""CSV is read as spreadsheets and people write it, and a bad row costs itself alone."""

import csv
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from catalogs.errors import CatalogError
from catalogs.inputs.garments import read_garments
from catalogs.records import Garment, Reading
from catalogs.storage.memory_store import MemoryStore
from catalogs.tables import csv_lines as csv_lines_module
from catalogs.tables.csv_lines import csv_lines, csv_sheets
from catalogs.tables.lines import IsRow, no_row

NAMES = "garment_id,image,title\n"


def read(text: str | bytes, *files: str) -> Reading[Garment]:
    """What comes of a garment catalog with this table; a.png is beside it."""
    store = MemoryStore("g")
    store.write("catalog.csv", text.encode() if isinstance(text, str) else text)
    for key in ("a.png", *files):
        store.write(key, b"x")
    return read_garments(store)


def followed_to_the_end(text: str, is_row: IsRow) -> Iterator[tuple[int, list[str], bool]]:
    """Number, cells and fault of every row, by a reader that begins anew at each, however long that takes."""
    lines = text.splitlines(keepends=True)
    place = row = 0
    while place < len(lines):
        row += 1
        reader = csv.reader(lines[place:], strict=True, skipinitialspace=True)
        with suppress(csv.Error):
            cells = next(reader)
            further = [
                next(csv.reader([line], skipinitialspace=True))
                for line in lines[place + 1 :][: reader.line_num - 1]
            ]
            if not any(is_row(other) for other in further):
                yield row, cells, False
                place += reader.line_num
                continue
        yield row, next(csv.reader([lines[place].rstrip("\n")], skipinitialspace=True), []), True
        place += 1


def rows(text: str) -> list[tuple[int, str, str]]:
    """Number, id and title of what was read, then of what was turned away."""
    reading = read(text)
    return [(g.row, g.garment_id, g.title) for g in reading.records] + [
        (p.row, p.record, "rejected") for p in reading.problems
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("title", ["Crew, blue", "a;b", "x|y|z|w", "plain"])
def test_separators(separator: str, title: str) -> None:
    """Comma, semicolon, tab and bar are told by where the names are, whatever the cells hold most of."""
    text = separator.join(["garment_id", "image", "title"]) + f'\na{separator}a.png{separator}"{title}"\n'
    assert rows(text) == [(2, "a", title)]


def test_blanks_after_separators() -> None:
    """Quotes that follow a blank, as people type them, are quotes."""
    assert rows('garment_id, image, title\na, a.png, "Crew, blue"\n') == [(2, "a", "Crew, blue")]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;,,,", "sep=^"])
def test_the_line_that_names_the_separator(line: str) -> None:
    """Excel's `sep=` is obeyed, any sign it names; it has no row number, as Excel shows no row for it."""
    separator = line.strip('",')[4]
    assert rows(line + "\n" + (NAMES + "a,a.png,x\nb,gone.png,\n").replace(",", separator)) == [
        (2, "a", "x"),
        (3, "b", "rejected"),
    ]


@pytest.mark.parametrize(
    ("encoding", "remarked"),
    [
        ("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("utf-16-le", True), ("utf-16-be", True),
        ("utf-32", True), ("utf-32-le", True), ("utf-32-be", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("title", ["Blüten", "布料 夏季", "👕"])
def test_encodings(encoding: str, remarked: bool, title: str) -> None:
    """UTF-8, -16 and -32 are read with and without mark; a guess is remarked."""
    reading = read((NAMES + f"a,a.png,{title}\n").encode(encoding))
    assert [g.title for g in reading.records] == [title]
    assert bool(reading.remarks) == remarked


def test_a_windows_encoding_is_refused_with_its_row() -> None:
    """Text of one byte a letter is not guessed at: byte, row and the word are named, with the remedy."""
    text = NAMES + 'a,a.png,"two\nlines"\nb,a.png,Grün\n'
    with pytest.raises(CatalogError, match=r"byte \d+, row 3; 'Grün', if .* save it as 'CSV UTF-8'"):
        read(text.encode("cp1252"))


class TestQuotes:
    """A quote that is not closed, or closed by the wrong sign, costs its own row and no other."""

    BAD = ('"12" tee', '"12 tee', '"', 'x""y" ,"', '"Boxy"tee')

    @pytest.mark.parametrize("bad", BAD)
    @pytest.mark.parametrize(
        "after", ["plain", '"quoted"', '"Crew, blue"', '12"', '"a ""b"" c"', '"two\nlines"']
    )
    def test_one_bad_quote(self, bad: str, after: str) -> None:
        """The rows before and after are used, under their own numbers, whatever quotes they hold."""
        seen = rows(NAMES + f"a,a.png,x\nbad,a.png,{bad}\nc,a.png,{after}\nd,a.png,y\n")
        used = [row for row in seen if row[2] != "rejected"]
        assert [(number, name) for number, name, _ in used] == [(2, "a"), (4, "c"), (5, "d")]
        assert [row[:2] for row in seen if row[2] == "rejected"] == [(3, "bad")]

    def test_every_row_bad(self) -> None:
        """A writer that never closes its quotes has every row rejected, each with its number."""
        seen = rows(NAMES + "".join(f'g{n},a.png,"12 tee {n}\n' for n in range(50)))
        assert seen == [(n + 2, f"g{n}", "rejected") for n in range(50)]

    def test_a_row_that_would_be_swallowed(self) -> None:
        """A stray quote that a later row's quote happens to close takes no rows with it."""
        text = NAMES + 'a,a.png,"Boxy\nb,a.png,x\nc,a.png,12"\nd,a.png,y\n'
        seen = rows(text)
        assert [row[:2] for row in seen] == [(3, "b"), (4, "c"), (5, "d"), (2, "a")]

    @pytest.mark.parametrize(
        "title", ["one\ntwo", "Cotton, light, soft\nwash, cold, dark", "a\n\nb", 'a ""b""\n""c""', "x,y\nz"]
    )
    def test_cells_of_several_lines_are_whole(self, title: str) -> None:
        """A cell with line breaks, commas and quotes in it is one cell; its breaks become blanks."""
        seen = rows(NAMES + f'a,a.png,"{title}"\nb,gone.png,\n')
        shown = " ".join(title.replace('""', '"').split())
        assert seen == [(2, "a", shown), (3, "b", "rejected")]

    @pytest.mark.parametrize(
        "lines",
        [
            ['x","y'], ['"'], ['a,a.png,"x'], ['a,a.png,"x', 'a,a.png,x""y', 'a,a.png,"""z', 'a,a.png,"w"v'],
            [',"'], ['"x""'], ['x","y', 'a,a.png,"'], ['"a', 'b"c'], ['a,"b', "", "c"],
        ],
    )  # fmt: skip
    def test_work_is_linear(self, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever the quotes are, a line is given to the reader and looked at by itself a few times at most."""
        looked: list[int] = []
        following, alone = csv_lines_module._Source.__next__, csv_lines_module._loosely

        def counted(source: Any) -> str:
            looked.append(1)
            return following(source)

        def counted_alone(*arguments: Any) -> Any:
            looked.append(1)
            return alone(*arguments)

        monkeypatch.setattr(csv_lines_module._Source, "__next__", counted)
        monkeypatch.setattr(csv_lines_module, "_loosely", counted_alone)
        text = "\n".join(lines * (4_000 // len(lines)))
        found = list(csv_lines(text, ",", lambda cells: cells[0] == "no such"))
        assert found[-1].row >= 1
        assert len(looked) <= 6 * 4_000

    def test_a_row_is_never_longer_than_the_one_read_anew(self) -> None:
        """Tables of quotes by chance are read as by a reader that follows every quote to its end."""
        chance = random.Random(5)
        for _ in range(3_000):
            text = "".join(chance.choices(['"', '"', ",", "\n", "x", "p", " ", '""', '\n"', "a,p\n"], k=30))
            for is_row in (no_row, lambda cells: len(cells) == 2 and cells[1] == "p"):
                found = [
                    (line.row, list(line.cells), bool(line.faults)) for line in csv_lines(text, ",", is_row)
                ]
                assert found == list(followed_to_the_end(text, is_row))


def test_rows_are_numbered_as_a_spreadsheet_shows_them() -> None:
    """Blank rows, rows above the names and cells of several lines count as the program counts them."""
    text = "\nGarments autumn 2025,,\n\n" + NAMES + 'a,a.png,"one\ntwo"\n,,\n\nb,gone.png,x\n'
    assert rows(text) == [(5, "a", "one two"), (8, "b", "rejected")]


@pytest.mark.parametrize("blank", ["", "\n\n", " \n", "\ufeff", ",,,\n,,,\n"])
def test_nothing_at_all(blank: str) -> None:
    """A file without a letter is empty."""
    with pytest.raises(CatalogError, match="is empty"):
        read(blank)


@pytest.mark.parametrize("letter", ["\x00", "\x07", "\x1b", "\x7f", "\x9b"])
@pytest.mark.parametrize("place", ["{}=HYPERLINK(1)", "Te{}e", "tee{}"])
def test_control_characters(letter: str, place: str) -> None:
    """A cell with a sign that no eye sees, and that other programs drop or obey, rejects its row alone."""
    reading = read(NAMES + f"a,a.png,{place.format(letter)}\nb,a.png,x\n")
    assert [g.garment_id for g in reading.records] == ["b"]
    (problem,) = reading.problems
    assert (problem.row, problem.column) == (2, "title")
    assert f"U+{ord(letter):04X}" in problem.what
    assert letter not in problem.value


@pytest.mark.parametrize("breaks", ["\t", "\n", "\r\n", "\r", "\x0b", "\x0c", "\u2028", " \n "])
def test_breaks_in_a_cell_become_blanks(breaks: str) -> None:
    """Line breaks and tabs of every kind within free text are one blank."""
    assert rows(NAMES + f'a,a.png,"one{breaks}two"\n') == [(2, "a", "one two")]


@pytest.mark.parametrize("around", ["\u00a0", "\ufeff", "\u200b", "\u200e", " \t"])
def test_what_no_eye_sees_around_a_cell(around: str) -> None:
    """Blanks of every width and marks around a cell, as copied text brings them, are no part of it."""
    assert rows(NAMES + f"{around}a{around},{around}a.png{around},{around}x{around}\n") == [(2, "a", "x")]


@pytest.mark.parametrize("padding", ["\x1a", "\x00" * 3, "\n\x1a"])
def test_padding_after_the_last_row(padding: str) -> None:
    """The end-of-file sign of old programs, and zero bytes, are no row."""
    assert rows(NAMES + "a,a.png,x\n" + padding) == [(2, "a", "x")]


def test_a_giant_cell() -> None:
    """A cell with more letters than a spreadsheet can hold rejects its row; one below passes in a further column."""
    text = f"garment_id,image,title,story\na,a.png,{'x' * 131_073}\nb,a.png,y,{'y' * 131_000}\nc,a.png,z\n"
    reading = read(text)
    assert [g.garment_id for g in reading.records] == ["b", "c"]
    (problem,) = reading.problems
    assert (problem.row, problem.record, problem.column) == (2, "a", "title")
    assert "over 131,072 letters" in problem.what
    assert len(str(problem)) < 400


def test_a_line_of_very_many_separators() -> None:
    """A line with more separators than any table has columns rejects its row, in quotes or not, and is not split."""
    wide = "," * 200_000
    reading = read(NAMES + f'a,a.png,x\nb,a.png,{wide}\nc,a.png,y\nd,a.png,"one\n{wide}"\ne,a.png,z\n')
    assert [g.garment_id for g in reading.records] == ["a", "c", "e"]
    assert [(p.row, "over 131,072 separators" in p.what) for p in reading.problems] == [
        (3, True),
        (5, True),
        (6, True),
    ]


@pytest.mark.parametrize("sign", ['"', "", " "])
def test_a_separator_that_is_none(sign: str) -> None:
    """Where Excel's line names a sign that cannot part cells, it is a line above the names."""
    (garment,) = read(f"sep={sign}\n" + NAMES + "a,a.png,x\n").records
    assert (garment.row, garment.title) == (3, "x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PAR1" + b"x" * 40, "is Parquet: name it catalog.parquet"),
        (b"\x1f\x8b\x08", "compressed by gzip"),
        (b"%PDF-1.7", "is a PDF"),
        (b"<html><table>", "is HTML or XML"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 512, "Excel 97"),
        (b"PK\x03\x04rubbish", "cut short or damaged"),
    ],
)
def test_other_files_under_the_name_of_a_csv(data: bytes, words: str) -> None:
    """A file of another kind is told as what it is, with what to do."""
    with pytest.raises(CatalogError, match=words):
        csv_sheets("catalog.csv", data)


def test_a_sheet_is_read_anew_at_every_call() -> None:
    """Looking for the names does not use up lines."""
    sheet = csv_sheets("x", b"a,b\n1,2\n")[0]
    assert [line.cells for line in sheet.read(no_row)] == [line.cells for line in sheet.read(no_row)]


@pytest.mark.parametrize(
    "text", ["\n" * 200, "\r" * 200, "\r\n" * 101, '"' + "\n" * 200 + '"\n', "a,a.png,x\n" * 101]
)
def test_very_many_line_breaks(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line breaks are counted before a line is looked at, in quotes or not."""
    monkeypatch.setattr(csv_lines_module, "MAX_ROWS", 100)
    monkeypatch.setattr(csv_lines_module, "_Source", lambda *_: pytest.fail("looked at"))
    with pytest.raises(CatalogError, match="line breaks, over 100: delete blank lines, or split the catalog"):
        read(NAMES + text)
