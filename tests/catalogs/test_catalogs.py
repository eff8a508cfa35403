"""Garment and style catalogs are read by row, and every problem of a row is told at once."""

import io
from pathlib import Path

import pandas as pd
import pytest

from catalogs.errors import CatalogError, CatalogsError, NotFoundError
from catalogs.inputs.garments import part_labels, read_garments
from catalogs.inputs.styles import read_styles
from catalogs.storage.local_store import LocalStore
from catalogs.storage.memory_store import MemoryStore

GARMENTS = "garment_id,image,mask,category,print_width_cm,tags,buyer\n"
STYLES = "style_id,style_set,image,repeat,repeat_width_cm,licence\n"


def store(csv: str | bytes, *objects: str, name: str = "catalog.csv") -> MemoryStore:
    """A store with a catalog and empty objects beside it."""
    found = MemoryStore()
    found.write(name, csv.encode() if isinstance(csv, str) else csv)
    for key in objects:
        found.write(key, b"x")
    return found


class TestReading:
    """Rows become records."""

    def test_garment_with_everything(self) -> None:
        """Every column lands in its field, further columns are carried along, and the row is remembered."""
        garments = read_garments(
            store(GARMENTS + 'tee,a.png,m.png,top,"52,5",summer|linen,Ann\n', "a.png", "m.png")
        )
        (tee,) = garments.records
        assert (tee.garment_id, tee.image, tee.mask, tee.category) == ("tee", "a.png", "m.png", "top")
        assert tee.print_width_cm == 52.5
        assert tee.tags == ("summer", "linen")
        assert tee.further == (("buyer", "Ann"),)
        assert tee.row == 2
        assert garments.problems == ()

    @pytest.mark.parametrize(
        ("word", "repeat"), [("square", "full-drop"), ("Half drop", "half-drop"), ("", "none")]
    )
    def test_repeats_have_several_spellings(self, word: str, repeat: str) -> None:
        """The trade's spellings of a repeat are understood."""
        styles = read_styles(store(STYLES + f"s,set,a.png,{word},,CC0\n", "a.png"))
        assert styles.records[0].repeat == repeat

    @pytest.mark.parametrize(
        "encode",
        [
            lambda text: b"\xef\xbb\xbf" + text.encode(),
            lambda text: text.replace(",", ";").encode(),
            lambda text: text.replace(",", "\t").encode(),
            lambda text: text.encode("utf-16"),
            lambda text: text.replace(",", ";").replace("\n", "\r\n").encode("utf-16"),
        ],
        ids=["mark", "semicolon", "tab", "utf-16", "utf-16 semicolon crlf"],
    )
    def test_what_spreadsheets_write(self, encode: object) -> None:
        """Byte-order marks, semicolons, tabs, UTF-16 and Windows line ends are all read."""
        data = encode("style_id,style_set,image,title\ns1,set,a.png,Blüten\n")  # type: ignore[operator]
        assert read_styles(store(data, "a.png")).records[0].title == "Blüten"

    def test_parquet(self) -> None:
        """A Parquet catalog gives the same records; lists and numbers become text where text is meant."""
        frame = pd.DataFrame(
            {
                "garment_id": ["tee"],
                "image": ["a.png"],
                "print_width_cm": [52.5],
                "tags": [["x", "y"]],
                "note": [None],
            }
        )
        buffer = io.BytesIO()
        frame.to_parquet(buffer)
        garments = read_garments(store(buffer.getvalue(), "a.png", name="catalog.parquet"))
        (tee,) = garments.records
        assert (tee.print_width_cm, tee.tags, tee.further) == (52.5, ("x", "y"), ())

    def test_parquet_integers_stay_integers(self) -> None:
        """An integer id keeps its digits even where another cell of the column is empty."""
        frame = pd.DataFrame(
            {"garment_id": pd.array([12345678901234567, None], "Int64"), "image": ["a.png", "a.png"]}
        )
        buffer = io.BytesIO()
        frame.to_parquet(buffer)
        garments = read_garments(store(buffer.getvalue(), "a.png", name="catalog.parquet"))
        assert [g.garment_id for g in garments.records] == ["12345678901234567"]
        assert [p.what for p in garments.problems] == ["the id is empty; give every row an id of its own"]

    def test_trailing_columns_of_a_spreadsheet(self) -> None:
        """Empty columns at the end are nothing."""
        garments = read_garments(store("garment_id,image,,\na,a.png,,\n", "a.png"))
        assert garments.records[0].further == ()

    def test_old_mac_line_ends(self) -> None:
        """Lines that end with a carriage return alone are lines."""
        assert len(read_garments(store("garment_id,image\ra,a.png\rb,a.png\r", "a.png")).records) == 2

    def test_ids_stay_text(self) -> None:
        """An id that looks like a number keeps its zeros."""
        assert read_garments(store("garment_id,image\n007,a.png\n", "a.png")).records[0].garment_id == "007"

    def test_blank_rows_are_skipped(self) -> None:
        """Empty lines are nothing, and rows after them keep a spreadsheet's number."""
        garments = read_garments(store("garment_id,image\na,a.png\n,\nb,missing.png\n", "a.png"))
        assert [p.row for p in garments.problems] == [4]

    def test_part_labels(self) -> None:
        """Part names are read by scheme and index."""
        found = store("garment_id,image\n")
        found.write("part_labels.csv", b"scheme,index,name\nflat,0,none\nflat,1,body\nccp,7,bag\n")
        labels = part_labels(found, {"part_labels.csv"})
        assert labels.schemes == {"flat": {0: "none", 1: "body"}, "ccp": {7: "bag"}}
        assert labels.problems == ()
        assert part_labels(found, ()).schemes == {}


class TestProblems:
    """Rows that cannot be used name file, row, column, value, what is wrong and what to do."""

    def test_every_problem_of_a_row_at_once(self) -> None:
        """A row with three bad cells gives three problems, and the good row beside it is read."""
        text = GARMENTS + "a b,../x.png,,top,wide,,\ngood,a.png,,,,,\n"
        garments = read_garments(store(text, "a.png"))
        assert [p.column for p in garments.problems] == ["garment_id", "image", "print_width_cm"]
        assert {p.row for p in garments.problems} == {2}
        assert [g.garment_id for g in garments.records] == ["good"]
        assert str(garments.problems[1]) == (
            "memory://memory/catalog.csv row 2 (a b), image '../x.png': '../x.png' leaves the catalog; name a file"
            " inside the catalog's own folder"
        )

    @pytest.mark.parametrize("bad", ["a/b", "a..b", "a b", "blüse", "布料", ".x"])
    def test_bad_id(self, bad: str) -> None:
        """An id with slash, '..', space or non-ASCII letters rejects its row, not the others."""
        garments = read_garments(store(f"garment_id,image\n{bad},a.png\nok,a.png\n", "a.png"))
        assert [g.garment_id for g in garments.records] == ["ok"]
        assert garments.problems[0].column == "garment_id"
        assert "use 1 to 64 letters" in garments.problems[0].what

    def test_empty_id(self) -> None:
        """An empty id rejects its row."""
        garments = read_garments(store("garment_id,image\n,a.png\nok,a.png\n", "a.png"))
        assert [g.garment_id for g in garments.records] == ["ok"]
        assert "the id is empty" in garments.problems[0].what

    def test_unquoted_comma(self) -> None:
        """A row with more cells than columns is rejected, wherever it stands; nothing is shifted or dropped."""
        text = "garment_id,image,title\na,a.png,Crew, blue\nb,a.png,Plain\n"
        garments = read_garments(store(text, "a.png"))
        assert [g.garment_id for g in garments.records] == ["b"]
        assert "more cells than there are columns; quote a cell" in garments.problems[0].what

    def test_duplicate_id(self) -> None:
        """Of two rows with one id the first is kept, and the second is told which row has it."""
        garments = read_garments(store("garment_id,image\na,a.png\na,b.png\n", "a.png", "b.png"))
        assert [g.image for g in garments.records] == ["a.png"]
        assert garments.problems[0].row == 3
        assert "is taken by row 2" in garments.problems[0].what

    def test_missing_image_with_a_near_name(self) -> None:
        """A file that is not there is named, with the file that was probably meant."""
        garments = read_garments(store("garment_id,image\na,tee.pgn\n", "tee.png"))
        assert "no such file" in garments.problems[0].what
        assert "is 'tee.png' meant?" in garments.problems[0].what

    @pytest.mark.parametrize("key", ["../secret.png", "/etc/passwd", "a/../../b.png", "..\\x.png"])
    def test_key_that_escapes(self, key: str) -> None:
        """An image key cannot leave its catalog."""
        styles = read_styles(store(f"style_id,style_set,image\ns,set,{key}\n"))
        assert styles.records == ()
        assert styles.problems[0].column == "image"

    def test_unknown_repeat(self) -> None:
        """A misspelt repeat is told the nearest one and all of them."""
        styles = read_styles(store(STYLES + "s,set,a.png,half-dorp,,\n", "a.png"))
        assert "is 'half-drop' meant?" in styles.problems[0].what
        assert "mirror" in styles.problems[0].what

    def test_parts_need_a_known_scheme(self) -> None:
        """Parts without a scheme, or with one that nobody defined, reject the row."""
        text = "garment_id,image,parts,part_scheme\na,a.png,p.png,\nb,a.png,p.png,nope\n"
        garments = read_garments(store(text, "a.png", "p.png"))
        assert [p.column for p in garments.problems] == ["part_scheme", "part_scheme"]
        assert "schemes there: none" in garments.problems[1].what

    @pytest.mark.parametrize("index", ["\u00b2", "1.0", "-1", "256", "", "one", "\u0661", "1e1", "9" * 2000])
    def test_part_labels_that_are_none(self, index: str) -> None:
        """An index that is no whole number of eight bits is a problem of its row, and no garment is blamed."""
        found = store("garment_id,image,parts,part_scheme\na,a.png,p.png,flat\n", "a.png", "p.png")
        found.write("part_labels.csv", f"scheme,index,name\nflat,{index},body\nflat,2,hem\n".encode())
        garments = read_garments(found)
        assert [g.garment_id for g in garments.records] == ["a"]
        assert [(p.file, p.row, p.column) for p in garments.problems] == [
            ("memory://memory/part_labels.csv", 2, "index")
        ]
        assert "write a whole number from 0 to 255" in garments.problems[0].what
        assert part_labels(found, {"part_labels.csv"}).schemes == {"flat": {2: "hem"}}

    @pytest.mark.parametrize(
        ("text", "column", "words"),
        [
            ("scheme,No,name\nflat,1,body\n", "", "lacks the column 'index'"),
            ("name\nbody\n", "", "lacks the column 'scheme', 'index'"),
            ("", "", "is empty"),
            ("scheme,index,name\n,1,body\n", "scheme", "is empty; write the scheme's name"),
            ("scheme,index,name\nflat,1,body\nflat,1,hem\n", "index", "is named 'body' by a row above"),
            ("scheme,index,name\nflat,1,body,x\n", "(beyond the last column)", "more cells than there are"),
        ],
    )
    def test_a_table_of_labels_that_cannot_be_used(self, text: str, column: str, words: str) -> None:
        """What is wrong with the labels is their table's problem, and garments without parts are read."""
        found = store("garment_id,image\na,a.png\n", "a.png")
        found.write("part_labels.csv", text.encode())
        garments = read_garments(found)
        assert [g.garment_id for g in garments.records] == ["a"]
        (problem,) = garments.problems
        assert (problem.file, problem.column) == ("memory://memory/part_labels.csv", column)
        assert words in problem.what
        assert str(problem).count("memory://") == 1

    @pytest.mark.parametrize(
        ("cell", "value"),
        [
            ("52.5", 52.5), ("52,5", 52.5), ("52,5 cm", 52.5), ("52.5cm", 52.5), ("52 CM", 52.0), ("52 cm.", 52.0),
            ("1.234", 1.234), ("0,525", 0.525), ("1234,567", 1234.567), ("1,23", 1.23), ("1,2345", 1.2345),
        ],
    )  # fmt: skip
    def test_lengths(self, cell: str, value: float) -> None:
        """A decimal point and comma are understood, and centimetres as the unit."""
        found = store(f'garment_id,image,print_width_cm\na,a.png,"{cell}"\n', "a.png")
        (garment,) = read_garments(found).records
        assert garment.print_width_cm == value

    @pytest.mark.parametrize(
        ("cell", "words"),
        [
            ("1,234", "may mean 1.234 or 1234 cm; write 1.234 or 1234"),
            ("12,500 cm", "may mean 12.500 or 12500 cm"),
            ("999,000", "may mean 999.000 or 999000 cm"),
            *((cell, "is not a number; write a length in cm") for cell in (
                "1_0", "1_0,5", "1,234,567", "1,234.5", "1.234,5", "52 mm", '20""', "20 in", "0.5 m", "cm", "5 cm cm",
            )),
            ("-1 cm", "is not a usable length"),
            ("nan", "is not a usable length"),
        ],
    )  # fmt: skip
    def test_lengths_that_nobody_can_tell(self, cell: str, words: str) -> None:
        """A number that may be two, or another unit, is refused with what to write, in either catalog."""
        found = store(f'garment_id,image,print_width_cm\na,a.png,"{cell}"\n', "a.png")
        (problem,) = read_garments(found).problems
        assert words in problem.what
        found = store(f'style_id,style_set,image,repeat_width_cm\ns,set,a.png,"{cell}"\n', "a.png")
        (problem,) = read_styles(found).problems
        assert words in problem.what


class TestWholeCatalog:
    """What makes a whole catalog unusable is one clear error."""

    @pytest.mark.parametrize(
        ("csv", "words"),
        [
            ("garment,image\na,a.png\n", r"lacks the column 'garment_id' \(is 'garment' meant\?\)"),
            ("garment_id,imgae\na,a.png\n", r"lacks the column 'image' \(is 'imgae' meant\?\)"),
            ("garment_id,image\n", "holds column names but no rows"),
            ("", "is empty"),
            (
                b"garment_id,image\na\xff,\xfe.png\n",
                "not UTF-8, UTF-16 or UTF-32 text .*row 2; .*save it as 'CSV UTF-8'",
            ),
            ("garment_id,image,image\na,a.png,b.png\n", "has the column 'image' twice"),
        ],
    )
    def test_refused(self, csv: str | bytes, words: str) -> None:
        """Missing and misspelt columns, no rows, no text: named with the remedy."""
        with pytest.raises(CatalogsError, match=words) as caught:
            read_garments(store(csv, "a.png"))
        assert "catalog.csv" in str(caught.value)

    def test_no_catalog(self) -> None:
        """A folder without a catalog says which file is missing."""
        with pytest.raises(NotFoundError, match=r"holds no catalog.csv, catalog.xlsx or catalog.parquet"):
            read_garments(MemoryStore())

    def test_no_folder(self, tmp_path: Path) -> None:
        """A folder that does not exist, and a file in its place, are told apart from a folder without a catalog."""
        (tmp_path / "file").write_text("x")
        (tmp_path / "folder").mkdir()
        for name, words in (
            ("nosuch", "nosuch does not exist"),
            ("file", "file is a file, not a folder"),
            ("folder", "folder holds no catalog.csv, catalog.xlsx or catalog.parquet"),
        ):
            with pytest.raises(NotFoundError, match=words):
                read_garments(LocalStore(tmp_path / name))

    @pytest.mark.parametrize("name", ["catalog.csv", "catalog.xlsx", "catalog.parquet"])
    def test_the_file_instead_of_its_folder(self, name: str, tmp_path: Path) -> None:
        """Who gives the catalog's file is told its folder, on disk as in a bucket."""
        (tmp_path / name).write_text("garment_id,image\n")
        with pytest.raises(NotFoundError, match=f"give its folder: {tmp_path}$"):
            read_garments(LocalStore(tmp_path / name))
        with pytest.raises(NotFoundError, match="give its folder: memory://bucket/garments$"):
            read_garments(MemoryStore(f"bucket/garments/{name}"))

    def test_two_catalogs(self) -> None:
        """Two catalogs in one folder are ambiguous."""
        both = store("garment_id,image\na,a.png\n")
        both.write("catalog.parquet", b"")
        with pytest.raises(CatalogError, match="keep the one that is meant"):
            read_garments(both)

    def test_damaged_parquet(self) -> None:
        """A file that is no Parquet is named."""
        with pytest.raises(CatalogError, match="cannot be read as Parquet"):
            read_garments(store(b"not parquet", name="catalog.parquet"))

    def test_misspelt_optional_column_is_remarked(self) -> None:
        """A column that looks like a known one is carried along, and a remark asks."""
        garments = read_garments(store("garment_id,image,catagory\na,a.png,top\n", "a.png"))
        assert garments.records[0].further == (("catagory", "top"),)
        assert "is 'category' meant?" in garments.remarks[0]


def test_a_folder_where_a_file_is_meant(tmp_path: Path) -> None:
    """Reading a folder, or below a file, says so instead of that nothing is there."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for key, words in (("folder", "a folder, not a file"), ("file/x.png", "a file, not a folder")):
        with pytest.raises(NotFoundError, match=words):
            LocalStore(tmp_path).read(key)


def test_the_real_catalogs_are_read(assets: object) -> None:
    """The 48 garments and 50 styles of the assets are read without a problem."""
    from catalogs.storage.stores import open_store

    garments = read_garments(open_store(f"{assets}/garments"))
    styles = read_styles(open_store(f"{assets}/styles"))
    assert (len(garments.records), len(garments.problems)) == (48, 0)
    assert (len(styles.records), len(styles.problems)) == (50, 0)
    assert {style.style_set for style in styles.records} == {"painters", "batik", "prints"}
