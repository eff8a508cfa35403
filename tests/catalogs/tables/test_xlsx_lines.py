"""Excel workbooks are read as the program shows them, and what cannot be read says what to do."""

import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter
from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from catalogs.errors import CatalogError
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.records import Garment, Reading
from catalogs.storage.memory_store import MemoryStore
from catalogs.tables import xlsx_book, xlsx_lines, xlsx_rows, xlsx_xml
from catalogs.tables.lines import no_row

NAMES = ("garment_id", "image", "title")


def sheet(book: Workbook) -> Worksheet:
    """The first sheet of a workbook."""
    return book.worksheets[0]


def workbook(*rows: tuple[Any, ...], names: tuple[str, ...] = NAMES) -> Workbook:
    """A workbook of one sheet."""
    book = Workbook()
    for row in (names, *rows):
        sheet(book).append(row)
    return book


def packed(book: Workbook) -> bytes:
    """The bytes of a workbook."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def shared(*rows: tuple[Any, ...]) -> bytes:
    """A workbook whose texts are shared, as most programs write them."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet()
        for number, row in enumerate([NAMES, *rows]):
            page.write_row(number, 0, row)
    return buffer.getvalue()


def store(data: bytes) -> MemoryStore:
    """A catalog of this workbook; a.png is beside it."""
    found = MemoryStore("g")
    found.write("catalog.xlsx", data)
    found.write("a.png", b"x")
    return found


def read(book: Workbook) -> Reading[Garment]:
    """What comes of a garment catalog with this workbook."""
    return read_garments(store(packed(book)))


def edited(data: bytes, part: str, edit: Callable[[bytes], bytes]) -> bytes:
    """A workbook with one of its parts changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, edit(old.read(name)) if name == part else old.read(name))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (101, "101"), (101.0, "101"), (52.5, "52.5"), (0.1 + 0.2, "0.3"), (4006381333931, "4006381333931"),
        (1e21, "1e+21"), (True, "true"), (date(2025, 10, 1), "2025-10-01"), ("007", "007"), ("nan", "nan"),
        (datetime(2025, 10, 1, 13, 5), "2025-10-01 13:05:00"), ("one\ntwo", "one two"), (" x ", "x"),
        ("one_x000D_\ntwo", "one two"), ("_x0041_", "A"), ("NA", "NA"), (None, ""),
    ],
)  # fmt: skip
def test_values(value: Any, text: str) -> None:
    """Numbers, dates, truth values and texts are what a person sees in the cell."""
    assert read(workbook(("a", "a.png", value))).records[0].title == text


def test_zeros_that_the_format_shows() -> None:
    """A number that is shown as 007 is the id 007, as the program's own CSV has it."""
    book = workbook((7, "a.png", "x"), (8, "a.png", "y"))
    sheet(book)["A2"].number_format = "000"
    assert [g.garment_id for g in read(book).records] == ["007", "8"]


@pytest.mark.parametrize(
    ("code", "text"), [('"A-"000', "A-007"), ("000-000", "000-007"), ("#,##0", "7"), ("0.00", "7")]
)
def test_signs_that_the_format_shows(code: str, text: str) -> None:
    """A number that is shown as A-007 is the id A-007; thousands and decimals are no part of an id."""
    book = workbook((7, "a.png", "x"))
    sheet(book)["A2"].number_format = code
    assert [g.garment_id for g in read(book).records] == [text]


@pytest.mark.parametrize("value", ["1" * 5_000, "1e", "0x10", "1_0"])
def test_numbers_that_are_none(value: str) -> None:
    """A cell that is no number, though the file says so, rejects its row alone."""
    data = edited(
        packed(workbook(("a", "a.png", 12321), ("b", "a.png", "y"))), "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"12321", value.encode()),
    )  # fmt: skip
    reading = read_garments(store(data))
    assert [g.garment_id for g in reading.records] == ["b"]
    assert "holds a number that is none; type it anew" in reading.problems[0].what


def test_a_date_beyond_all_dates() -> None:
    """A number that is formatted as a date and is none rejects its row alone."""
    book = workbook(("a", "a.png", 10**9), ("b", "a.png", "y"))
    sheet(book)["C2"].number_format = "yyyy-mm-dd"
    reading = read(book)
    assert [g.garment_id for g in reading.records] == ["b"]
    assert "formatted as one; mend the cell or its format" in reading.problems[0].what


def test_how_a_text_is_spoken() -> None:
    """What Japanese programs store beside a text to say how it is spoken is no part of it."""
    part = b'<si><r><t>\xe8\xa1\xa8</t></r><rPh sb="0" eb="1"><t>spoken</t></rPh></si>'
    data = edited(
        shared(("a", "a.png", "placeholder")), "xl/sharedStrings.xml",
        lambda xml: xml.replace(b"<si><t>placeholder</t></si>", part),
    )  # fmt: skip
    assert [g.title for g in read_garments(store(data)).records] == ["表"]


def test_titles_blank_rows_and_notes() -> None:
    """Merged titles above, blank rows and notes beside the table leave rows with their own numbers."""
    book = Workbook()
    for row in (
        ("Autumn 2025",),
        (),
        NAMES,
        ("a", "a.png", "x", None, "ask Ann"),
        (),
        ("b", "gone.png", "y"),
    ):
        sheet(book).append(row)
    sheet(book).merge_cells("A1:C1")
    reading = read(book)
    assert [(g.row, g.garment_id, g.further) for g in reading.records] == [(4, "a", ())]
    assert [p.row for p in reading.problems] == [6]
    above, beside = reading.remarks
    assert "column names in row 3; what stands above them is passed over" in above
    assert "cells under no column's name, the first in row 4" in beside


def test_merged_cells() -> None:
    """A cell merged over rows holds for each of them; rows that are blank but for it stay blank."""
    book = workbook(("a", "a.png", "both"), ("b", "a.png", None), (), ("c", "a.png", "own"))
    sheet(book).merge_cells("C2:C4")
    assert [(g.row, g.title) for g in read(book).records] == [(2, "both"), (3, "both"), (5, "own")]


def test_sheets() -> None:
    """The first sheet with the columns is read, whatever stands before it; the others are named."""
    book = Workbook()
    sheet(book).append(("Read me",))
    for title, names, name in (
        ("Old", NAMES, "old"),
        ("Styles", ("style_id", "style_set", "image"), "s"),
        (" Garments ", NAMES, "new"),
    ):
        page = book.create_sheet(title)
        page.append(names)
        page.append((name, "a.png" if "style_set" not in names else "set", "a.png"))
    found = store(packed(book))
    garments, styles = read_garments(found), read_styles(found)
    assert [g.garment_id for g in garments.records] == ["new"]
    assert [s.style_id for s in styles.records] == ["s"]
    assert "sheet ' Garments '; not read: " in garments.remarks[0]
    assert "'Old'" in garments.remarks[0]


def test_hidden() -> None:
    """A hidden sheet is not read; hidden rows are, as in the program's own CSV."""
    book = Workbook()
    sheet(book).sheet_state = "hidden"
    sheet(book).append(NAMES)
    sheet(book).append(("old", "a.png"))
    page = book.create_sheet("new")
    for row in (NAMES, ("a", "a.png"), ("b", "a.png")):
        page.append(row)
    page.row_dimensions[2].hidden = True
    reading = read(book)
    assert [g.garment_id for g in reading.records] == ["a", "b"]
    assert reading.remarks == ()


class TestFormulas:
    """A formula is its value, as saved; one without a usable value rejects its row."""

    def test_saved_value(self) -> None:
        """The value that the program saved is the cell's, an empty text too."""
        data = edited(
            packed(workbook(("a", "a.png", "=1+1"), ("b", "a.png", "=T(1)"))),
            "xl/worksheets/sheet1.xml",
            lambda xml: xml.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>").replace(
                b'<c r="C3"><f>T(1)</f><v />', b'<c r="C3" t="str"><f>T(1)</f><v></v>'
            ),
        )
        assert [g.title for g in read_garments(store(data)).records] == ["2", ""]

    @pytest.mark.parametrize(("value", "text"), [("tee", "tee"), (12.5, "12.5"), (True, "true"), (3, "3")])
    def test_values_as_another_program_writes_them(self, value: object, text: str) -> None:
        """Text, numbers and truth values are read as XlsxWriter notes what a formula amounts to."""
        buffer = io.BytesIO()
        with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
            page = book.add_worksheet()
            page.write_row(0, 0, NAMES)
            page.write_row(1, 0, ("a", "a.png"))
            page.write_formula(1, 2, "=B2", None, value)
        assert [g.title for g in read_garments(store(buffer.getvalue())).records] == [text]

    @pytest.mark.parametrize(
        ("formula", "kind", "words"),
        [("=A1&B1", None, "value was never saved"), ("#N/A", "e", "the error #N/A")],
    )
    def test_no_value(self, formula: str, kind: str | None, words: str) -> None:
        """Errors and formulas that no program has computed are told by row and column."""
        book = workbook(("a", "a.png", "x"), ("b", "a.png", formula), ("c", "a.png", "z"))
        if kind:
            sheet(book)["C3"].data_type = kind
        reading = read(book)
        assert [g.garment_id for g in reading.records] == ["a", "c"]
        (problem,) = reading.problems
        assert (problem.row, problem.column) == (3, "title")
        assert words in problem.what

    def test_beside_the_table(self) -> None:
        """A formula under no column's name is nobody's, computed or not, beside a record or below the last."""
        book = workbook(("a", "a.png", "x", "=A2"))
        sheet(book)["D9"] = "=COUNTA(A:A)"
        reading = read(book)
        assert [g.garment_id for g in reading.records] == ["a"]
        assert reading.problems == ()


class TestRefused:
    """What is no workbook, or too large a one, is refused with the remedy, before anything is unpacked."""

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"garment_id,image\n", "if it is text, name it catalog.csv"),
            (b"", "is no Excel workbook"),
            (bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 512, "Excel 97 .*save it as an Excel workbook named"),
            (
                bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"),
                "under a password: save it .* without one",
            ),
            (packed(workbook())[:900], "cannot be read as an Excel workbook: .*Save it again"),
        ],
    )
    def test_other_files(self, data: bytes, words: str) -> None:
        """Text, old and protected workbooks and halves are told apart."""
        with pytest.raises(CatalogError, match=words):
            read_garments(store(data))

    @pytest.mark.parametrize(
        ("member", "words"),
        [
            ("xl/workbook.bin", "xlsb"),
            ("content.xml", "OpenDocument"),
            ("Index/Document.iwa", "Numbers"),
            ("a.txt", "is a ZIP: unpack it"),
        ],
    )
    def test_other_archives(self, member: str, words: str) -> None:
        """Tables of other programs, which are ZIP files too, are called by their names."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(member, "x")
        with pytest.raises(CatalogError, match=words):
            read_garments(store(buffer.getvalue()))

    def test_strict_open_xml(self) -> None:
        """The kind that the library does not read is named, with the one to choose."""
        old, new = b"schemas.openxmlformats.org/spreadsheetml/2006", b"purl.oclc.org/ooxml/spreadsheetml"
        data = edited(packed(workbook()), "xl/workbook.xml", lambda xml: xml.replace(old, new))
        with pytest.raises(CatalogError, match="'Strict Open XML': save it as 'Excel Workbook"):
            read_garments(store(data))

    def test_bombs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A few bytes that stand for too many are refused by the archive's own index."""
        data = edited(packed(workbook()), "xl/worksheets/sheet1.xml", lambda xml: xml + b"\n" * 2_000_000)
        assert len(data) < 20_000
        monkeypatch.setattr(xlsx_lines, "MAX_BYTES", 1_000_000)
        monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda *_: pytest.fail("unpacked"))
        with pytest.raises(CatalogError, match="copy the table alone into a new workbook"):
            xlsx_lines.xlsx_sheets("x", data)

    @pytest.mark.parametrize(
        "name", ["xl/media/picture.png", "docProps/more.xml", "x", "xl/worksheets/sheet2.bin"]
    )
    def test_bombs_under_any_name(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every part counts, as any of them may be said to be a sheet."""
        buffer = io.BytesIO(packed(workbook()))
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, b"\n" * 2_000_000)
        monkeypatch.setattr(xlsx_lines, "MAX_BYTES", 1_000_000)
        monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda *_: pytest.fail("unpacked"))
        with pytest.raises(CatalogError, match="copy the table alone into a new workbook"):
            xlsx_lines.xlsx_sheets("x", buffer.getvalue())

    @pytest.mark.parametrize(
        ("part", "limit", "noun"),
        [
            ("xl/workbook.xml", "MAX_SHEETS", "sheets"), ("xl/styles.xml", "MAX_STYLES", "styles"),
            ("xl/worksheets/sheet1.xml", "MAX_MERGED", "merged cells"),
        ],
    )  # fmt: skip
    def test_parts_of_very_many(
        self, part: str, limit: str, noun: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Sheets, styles, texts and merged cells are counted while they are read, and too many refused."""
        book = workbook(("a", "a.png", "x"), ("b", "a.png", "y"))
        book.create_sheet("second")
        sheet(book)["A2"].number_format = "000"
        sheet(book).merge_cells("C2:C3")
        sheet(book).merge_cells("D2:D3")
        assert packed(book).count(part.encode())
        monkeypatch.setattr(xlsx_rows if limit == "MAX_MERGED" else xlsx_book, limit, 1)
        with pytest.raises(CatalogError, match=f"has over 1 {noun}: delete empty ones"):
            read(book)

    def test_very_many_shared_texts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So are the texts that cells share, by their number and by their letters."""
        data = shared(("a", "a.png", "x" * 1_000))
        for limit, noun in (("MAX_STRINGS", "texts"), ("MAX_TEXT", "bytes of text")):
            with monkeypatch.context() as patch:
                patch.setattr(
                    xlsx_book if noun == "texts" else xlsx_lines, limit, 5 if noun == "texts" else 500
                )
                patch.setattr(xlsx_lines, "_check_archive", lambda *_: None)
                with pytest.raises(CatalogError, match=f"has over 5(00)? {noun}"):
                    read_garments(store(data))

    def test_one_part_as_many_sheets(self) -> None:
        """A part that a workbook says is a thousand of its sheets is read as one."""
        one = b'<sheet name="S%d" sheetId="%d" r:id="rId1" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"/>'
        data = edited(
            packed(workbook(("a", "a.png", "x"))), "xl/workbook.xml",
            lambda xml: xml.replace(b"</sheets>", b"".join(one % (n, n) for n in range(9, 900)) + b"</sheets>"),
        )  # fmt: skip
        assert len(xlsx_lines.xlsx_sheets("x", data)) == 1

    def test_entities(self) -> None:
        """Entities of XML that stand for each other are refused where they are declared, in whatever part."""
        nested = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 30}">' for n in range(6))
        dtd = f'<!DOCTYPE x [<!ENTITY a "{"A" * 1000}">{nested}]>'.encode()
        row = b'<row r="9"><c r="A9" t="inlineStr"><is><t>&g;</t></is></c></row></sheetData>'
        data = edited(
            packed(workbook(("a", "a.png"))),
            "xl/worksheets/sheet1.xml",
            lambda xml: dtd + xml.replace(b"</sheetData>", row),
        )
        with pytest.raises(CatalogError, match="has a DOCTYPE in its part"):
            read_garments(store(data))

    def test_cells_that_are_far_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A sheet of few cells far from each other is bounded by what lies between them."""
        book = workbook(*[("a", "a.png")] * 20)
        for row in range(2, 22):
            sheet(book).cell(row, 16_384, "x")
        monkeypatch.setattr(xlsx_lines, "MAX_CELLS", 100_000)
        with pytest.raises(CatalogError, match="100,000 cells: delete empty ones"):
            read(book)

    def test_a_merge_of_the_whole_sheet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A merged cell over all rows and columns gives rows that are there its text, and makes none."""
        given: list[int] = []
        fill = xlsx_lines._fill_down
        monkeypatch.setattr(xlsx_lines, "_fill_down", lambda *x: given.append(steps := fill(*x)) or steps)
        data = edited(
            packed(workbook(("a", "a.png", "x"), ("b", "a.png", "y"))), "xl/worksheets/sheet1.xml",
            lambda xml: xml.replace(
                b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
            ),
        )  # fmt: skip
        reading = read_garments(store(data))
        assert [g.garment_id for g in reading.records] == ["garment_id"]
        assert [p.what.split(";")[0] for p in reading.problems] == ["is taken by row 2"]
        assert sum(given) <= 6

    def test_merges_of_every_column(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What merged cells show in further rows counts as cells do."""
        book = Workbook()
        sheet(book).append([*NAMES, *(f"n{n}" for n in range(900))])
        sheet(book).append(["a", "a.png", *(["x"] * 901)])
        for row in range(3, 60):
            sheet(book).cell(row, 1, "b")
        merges = b"".join(
            b'<mergeCell ref="%s2:%s1048576"/>' % (c, c)
            for c in (get_column_letter(n).encode() for n in range(3, 900))
        )
        data = edited(
            packed(book), "xl/worksheets/sheet1.xml",
            lambda xml: xml.replace(b"</sheetData>", b"</sheetData><mergeCells>" + merges + b"</mergeCells>"),
        )  # fmt: skip
        monkeypatch.setattr(xlsx_lines, "MAX_CELLS", 30_000)
        with pytest.raises(CatalogError, match="has over 30,000 cells"):
            read_garments(store(data))

    def test_very_many_formulas_in_a_row(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each formula that was never computed is looked at once, and is a fault of its own cell."""
        looked: list[int] = []
        text = xlsx_lines._text
        monkeypatch.setattr(xlsx_lines, "_text", lambda *x: looked.append(1) or text(*x))
        book = Workbook()
        sheet(book).append([*NAMES, *(f"n{n}" for n in range(900))])
        sheet(book).append(["a", "a.png", *(["=A1"] * 901)])
        (page,) = xlsx_lines.xlsx_sheets("x", packed(book))
        *_, line = page.read(no_row)
        assert len(line.faults) == 901
        assert len(looked) == 2 * 903

    @pytest.mark.parametrize(
        "rubbish", [b"<c " * 100_000, b"<c>" * 100_000, b'<c r="A1"><f>' * 50_000, b"<!DOCTYPE" * 10_000]
    )
    def test_tags_that_are_never_closed(self, rubbish: bytes) -> None:
        """Elements within each other without end, and tags without theirs, are damage."""
        data = edited(
            packed(workbook(("a", "a.png"))), "xl/worksheets/sheet1.xml", lambda xml: xml[:-30] + rubbish
        )
        with pytest.raises(CatalogError, match="cannot be read as an Excel workbook"):
            read_garments(store(data))

    @pytest.mark.parametrize("reference", ["XFE2", "ZZZ2", "A", "2", "A12345678", "Ä2", "A-2"])
    def test_cells_that_no_sheet_has(self, reference: str) -> None:
        """A cell beyond the last column, or of no place, is said."""
        data = edited(
            packed(workbook(("a", "a.png", "x"))), "xl/worksheets/sheet1.xml",
            lambda xml: xml.replace(b'"C2"', f'"{reference}"'.encode()),
        )  # fmt: skip
        with pytest.raises(CatalogError, match="has over 16,384 columns|has a cell '"):
            read_garments(store(data))

    def test_one_cell_in_the_last_row(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows between two that are there are not walked through."""
        read_lines: list[int] = []
        lines = xlsx_lines._line
        monkeypatch.setattr(xlsx_lines, "_line", lambda *x: read_lines.append(1) or lines(*x))
        book = workbook(("a", "a.png", "x"))
        sheet(book).cell(1_048_576, 1, "last")
        (problem,) = read(book).problems
        assert (problem.row, problem.record) == (1_048_576, "last")
        assert len(read_lines) <= 6

    def test_a_long_text_that_all_rows_share(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A text that is stored once counts as often as it stands in a row."""
        buffer = io.BytesIO()
        with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
            page = book.add_worksheet()
            for row in range(50):
                page.write_row(row, 0, NAMES if row == 0 else ("a", "a.png", "x" * 30_000))
        monkeypatch.setattr(xlsx_lines, "MAX_TEXT", 1_000_000)
        with pytest.raises(CatalogError, match="1,000,000 bytes of text: leave out its longest column"):
            read_garments(store(buffer.getvalue()))

    @pytest.mark.parametrize("rows", [1, 9])
    @pytest.mark.parametrize("blank", ["", " "])
    @pytest.mark.parametrize("text", ["\U0001f600" * 130_000, "x" * 130_000 + "\U0001f600"], ids=len)
    def test_a_text_of_four_bytes_a_letter(self, text: str, blank: str, rows: int) -> None:
        """A text that is stored once takes its bytes once, in however many cells it stands, blanks around it or not."""
        cells = ["placeholder"] * (600 // rows)
        data = edited(
            shared(*[(f"a{row}", "a.png", *cells) for row in range(rows)]), "xl/sharedStrings.xml",
            lambda xml: xml.replace(b"placeholder", (blank + text + blank).encode()),
        )  # fmt: skip
        tracemalloc.start()
        try:
            with pytest.raises(CatalogError, match="268,435,456 bytes of text: leave out its longest column"):
                read_garments(store(data))
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("where", ["shared", "in the row"])
    def test_bytes_of_texts_and_not_letters(self, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """One emoji makes every letter of a text four bytes, and that is how they are counted, before they are kept."""
        monkeypatch.setattr(xlsx_lines, "MAX_TEXT", 1_000_000)
        monkeypatch.setattr(xlsx_lines, "_line", lambda *_: pytest.fail("kept"))
        texts = ["x" * 10_000 + f"{n}\U0001f600" for n in range(50)]
        data = shared(("a", "a.png", *texts))
        if where == "in the row":
            inline = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)
            data = edited(
                packed(workbook()), "xl/worksheets/sheet1.xml",
                lambda xml: xml.replace(b"<sheetData>", b"<sheetData><row>" + inline.encode() + b"</row>"),
            )  # fmt: skip
        with pytest.raises(CatalogError, match="has over 1,000,000 bytes of text"):
            read_garments(store(data))

    def test_a_giant_text_is_not_kept_whole(self) -> None:
        """Of a text no more is kept than shows that it is too long."""
        data = edited(
            shared(("a", "a.png", "placeholder"), ("b", "a.png", "y")), "xl/sharedStrings.xml",
            lambda xml: xml.replace(b"placeholder", b"x" * 20_000_000),
        )  # fmt: skip
        tracemalloc.start()
        reading = read_garments(store(data))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [g.garment_id for g in reading.records] == ["b"]
        assert "has over 131,072 letters" in reading.problems[0].what
        assert peak < 10_000_000

    def test_signs_that_are_written_by_their_numbers(self) -> None:
        """A text counts by the signs that it has, and not by how these are written."""
        data = edited(
            shared(("a", "a.png", "x", "placeholder")), "xl/sharedStrings.xml",
            lambda xml: xml.replace(b"placeholder", b"_x5E03_" * 131_072),
        )  # fmt: skip
        (page,) = xlsx_lines.xlsx_sheets("x", data)
        *_, line = page.read(no_row)
        assert line.cells[3] == "\u5e03" * 131_072

    @pytest.mark.parametrize("numbers", [(2, 2), (3, 2), (0, 1), (-1, 1), (2, 1_048_576, 5)])
    def test_rows_that_do_not_rise(self, numbers: tuple[int, ...]) -> None:
        """A row after one of a number as high is the file's fault: merged cells would be looked at for each anew."""
        rows = "".join(
            f'<row r="{n}"><c r="A{max(n, 1)}" t="inlineStr"><is><t>a</t></is></c></row>' for n in numbers
        )
        data = edited(
            packed(workbook()), "xl/worksheets/sheet1.xml",
            lambda xml: re.sub(b"<sheetData>.*</sheetData>", f"<sheetData>{rows}</sheetData>".encode(), xml),
        )  # fmt: skip
        with pytest.raises(CatalogError, match=r"has row -?\d+ after row [\d,]+: copy the table alone"):
            read_garments(store(data))

    @pytest.mark.parametrize("row", [1_048_577, 10**12])
    def test_rows_beyond_a_sheets_last(self, row: int) -> None:
        """A row number that no sheet has ends the reading there."""
        data = edited(
            packed(workbook(("a", "a.png"))),
            "xl/worksheets/sheet1.xml",
            lambda xml: xml.replace(b'<row r="2"', f'<row r="{row}"'.encode()),
        )
        with pytest.raises(CatalogError, match="1,048,576 rows"):
            read_garments(store(data))

    def test_every_damage_is_one_error(self) -> None:
        """A byte changed anywhere in a workbook gives rows or a CatalogError, never another exception."""
        data = packed(workbook(("a", "a.png", date(2025, 10, 1)), ("b", "a.png", "=A1")))
        for place in range(4, len(data), 41):
            broken = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
            with suppress(CatalogError):
                read_garments(store(broken))

    @pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
    def test_parts_that_are_cut_short(self, part: str) -> None:
        """A part of which the end is missing gives rows or a CatalogError."""
        data = packed(workbook(("a", "a.png", date(2025, 10, 1))))
        for keep in range(0, 2000, 67):
            with suppress(CatalogError):
                read_garments(store(edited(data, part, lambda xml, keep=keep: xml[:keep])))


def test_a_size_that_is_told_wrong() -> None:
    """Some programs write that the sheet is A1:A1; every cell is read all the same."""
    data = edited(
        packed(workbook(("a", "a.png", "x"))),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b'ref="A1:C2"', b'ref="A1:A1"'),
    )
    assert [g.title for g in read_garments(store(data)).records] == ["x"]


@pytest.mark.parametrize("row", [b"<row><c/></row>", b"<a/>", b"<row/>"])
def test_elements_of_all_parts_are_counted(row: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements are counted over all parts and all times that these are read; empty ones cost as much as others."""
    monkeypatch.setattr(xlsx_xml, "MOST_ELEMENTS", 2_000)
    data = packed(workbook(("a", "a.png")))
    assert read_garments(store(data)).records
    more = edited(
        data,
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", b"</sheetData>" + row * 2_000),
    )
    with pytest.raises(CatalogError, match=r"has over 2,000 elements: .*copy the table alone"):
        read_garments(store(more))


def test_an_element_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An element's head of many megabytes is refused: the parser would look at all of it again and again."""
    monkeypatch.setattr(xlsx_xml, "LONGEST_TOKEN", 200_000)
    long = b'<a b="' + b"x" * 1_000_000 + b'"/></sheetData>'
    data = edited(
        packed(workbook(("a", "a.png"))),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", long),
    )
    with pytest.raises(CatalogError, match="has an element of over 200,000 bytes"):
        read_garments(store(data))


def test_long_texts_are_no_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text between elements may be longer than an element's head."""
    monkeypatch.setattr(xlsx_xml, "LONGEST_TOKEN", 10_000)
    assert read(workbook(("a", "a.png", "x" * 100_000), names=("garment_id", "image", "note"))).records


def test_codes_and_names_are_kept_in_part() -> None:
    """Of a number's format, a sheet's name and a link the beginning is kept, however long they are."""
    data = packed(workbook(("a", "a.png")))
    formats = (
        b'<numFmts count="1"><numFmt numFmtId="170" formatCode="'
        + "🌸".encode() * 50_000
        + b'"/></numFmts><fonts'
    )
    data = edited(
        data,
        "xl/styles.xml",
        lambda xml: re.sub(b"<numFmts.*?/>|<numFmts.*?</numFmts>", b"", xml).replace(b"<fonts", formats, 1),
    )
    book = xlsx_book.read_book(xlsx_xml.WorkbookArchive(data), 2**20)
    assert max(map(len, book.codes.values())) == xlsx_book.LONGEST_CODE


@pytest.mark.parametrize("prefix", [b":p", b""])
def test_long_namespaces(prefix: bytes) -> None:
    """A namespace of any length would be copied for every element in it: it is refused where it is declared."""
    inner = b"<%sa0/>" % (b"p:" if prefix else b"")
    head = b"<q xmlns" + prefix + b'="' + b"u" * 1_000 + b'">' + inner + b"</q></sheetData>"
    data = edited(
        packed(workbook(("a", "a.png"))),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</sheetData>", head),
    )
    with pytest.raises(CatalogError, match="has over 255 letters in a namespace"):
        read_garments(store(data))


def with_more(more: bytes, part: str = "xl/worksheets/sheet1.xml", before: bytes = b"</sheetData>") -> bytes:
    """A workbook of one garment with more XML in a part."""
    return edited(packed(workbook(("a", "a.png"))), part, lambda xml: xml.replace(before, more + before, 1))


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (b"<a>" * 300 + b"</a>" * 300, "elements within each other"),
        (b"".join(b"<a%d/>" % number for number in range(11_000)), "names of elements"),
        (b"<a " + b"".join(b'b%d="" ' % number for number in range(11_000)) + b"/>", "names of elements"),
        (b"".join(b"<%s%d/>" % (b"a" * 100_000, n) for n in range(12)), "letters in names of elements"),
        (b"<row>" + b"<c/>" * 16_385 + b"</row>", "over 16,384 columns"),
        (b"<row>" + b'<c r="A1"><f/></c>' * 16_385 + b"</row>", "over 16,384 cells in row"),
        (b'<row r="' + b"0" * 4_000 + b'9"/>', "over 20 digits in a number"),
        (b'<row><c s="' + b"1" * 4_000 + b'"/></row>', "over 20 digits in a number"),
    ],
    ids=[
        "depth", "elements", "attributes", "long names", "columns", "cells", "row", "style",
    ],
)  # fmt: skip
def test_what_the_parser_keeps_has_a_measure(more: bytes, fault: str) -> None:
    """Depth, names, cells of a row and numbers are refused by name where they have no measure."""
    with pytest.raises(CatalogError, match=fault):
        read_garments(store(with_more(more)))


def test_many_attributes_count_as_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements with hundreds of attributes are counted as several."""
    monkeypatch.setattr(xlsx_xml, "MOST_ELEMENTS", 2_000)
    many = b"<a " + b"".join(b'b%d="" ' % number for number in range(320)) + b"/>"
    assert read_garments(store(with_more(many * 10))).records
    with pytest.raises(CatalogError, match="has over 2,000 elements"):
        read_garments(store(with_more(many * 200)))


def test_a_million_rows_of_twelve_cells_are_within_measure() -> None:
    """A catalog as a program writes it has room for a million rows of twelve columns."""
    names = ("garment_id", "image", *(f"c{number}" for number in range(10)))
    book = workbook(*([(f"g{row}", "a.png", *["x"] * 10) for row in range(100)]), names=names)
    archive = xlsx_xml.WorkbookArchive(packed(book))
    parsed = xlsx_book.read_book(archive, 2**20)
    start = archive.elements_left
    rows = list(xlsx_rows.read_sheet_rows(archive, parsed.sheets[0].part, 2**20, 10_000))
    assert (start - archive.elements_left) / len(rows) * 1_000_000 < xlsx_xml.MOST_ELEMENTS


def test_ids_of_links_are_kept_in_part() -> None:
    """Links with very long ids and kinds take little memory, however many there are."""
    links = b"".join(
        b'<Relationship Id="%d%s" Type="x" Target="y"/>' % (number, b"r" * 100_000) for number in range(200)
    )
    archive = xlsx_xml.WorkbookArchive(with_more(links, "xl/_rels/workbook.xml.rels", b"</Relationships>"))
    tracemalloc.start()
    xlsx_book.read_book(archive, 2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
