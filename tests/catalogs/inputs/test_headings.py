"""The names of columns are found below titles and understood as people write them."""

import unicodedata
from typing import Literal

import pytest

from catalogs.errors import CatalogError
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.records import Garment, Reading
from catalogs.storage.memory_store import MemoryStore


def read(text: str) -> Reading[Garment]:
    """What comes of a garment catalog with this CSV; a.png is beside it."""
    store = MemoryStore("g")
    store.write("catalog.csv", text.encode())
    store.write("a.png", b"x")
    return read_garments(store)


@pytest.mark.parametrize(
    "name",
    [
        "garment_id", "Garment ID", "GARMENT-ID", "garment id", "GarmentId", " garment_id ", "garment\u00a0id",
        "\ufeffgarment_id", "garment_id*", "Garment ID:", "ｇａｒｍｅｎｔ_id", "garment  id", '"Garment\nID"',
    ],
)  # fmt: skip
def test_spellings_of_a_name(name: str) -> None:
    """Case, blanks of every width, hyphens and signs do not matter in a name that we know."""
    reading = read(f"{name},Image,Print width (cm)\na,a.png,52\n")
    assert [(g.garment_id, g.image, g.print_width_cm) for g in reading.records] == [("a", "a.png", 52)]
    assert reading.remarks == ()


@pytest.mark.parametrize("name", ["Buyer", "Käufer", "Ka\u0308ufer", "Preis €", "#", "尺码", "Buyer  name"])
def test_names_that_we_do_not_know(name: str) -> None:
    """A further column keeps its name, accents composed and blanks single."""
    shown = " ".join(name.replace("a\u0308", "ä").split())
    assert read(f"garment_id,image,{name}\na,a.png,x\n").records[0].further == ((shown, "x"),)


@pytest.mark.parametrize("name", ["\x00=HYPERLINK(1)", "Buy\x07er", "\u200bBuyer\ufeff", "B" * 140_000])
def test_names_with_what_no_eye_sees(name: str) -> None:
    """Control characters and marks in a name do not reach the designs, nor does a name of any length."""
    ((shown, cell),) = read(f"garment_id,image,{name}\na,a.png,x\n").records[0].further
    assert cell == "x"
    assert shown.isprintable()
    assert 5 <= len(shown) <= 200


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("garment_id,image,image", "the column 'image' twice: keep one"),
        (
            "garment_id,Image,IMAGE",
            "the columns 'Image' and 'IMAGE', which both mean image: keep one, or name",
        ),
        ("garment_id,image,Image,image", "the column 'image' twice: keep one"),
        ("garment_id,image,Image,Image", "the column 'Image' twice: keep one"),
        ("Garment-ID,image,garment id", "'Garment-ID' and 'garment id', which both mean garment_id"),
        ("garment_id,image,Note,Note", "the column 'Note' twice"),
    ],
)
def test_two_columns_of_one_name(names: str, words: str) -> None:
    """Nobody can say which of two columns is meant."""
    with pytest.raises(CatalogError, match=words):
        read(f"{names}\na,a.png,b.png,c.png\n")


@pytest.mark.parametrize(
    ("names", "other"),
    [
        ("garment_id,image,season,Season", "Season"),
        ("garment_id,image,Season,season", "Season"),
        ("garment_id,image,Season,season,SEASON", "Season"),
        ("Garment ID,garment_id,image,season", "Garment ID"),
        ("garment_id,Garment-ID,image,season", "Garment-ID"),
        ("garment_id,IMAGE,image,season", "IMAGE"),
    ],
)
def test_two_spellings_of_one_name(names: str, other: str) -> None:
    """Of two spellings the exact one is read, wherever it stands; the other goes along, and is remarked."""
    cells = {"garment_id": "a", "image": "a.png", "season": "AW26"}
    reading = read(f"{names}\n{','.join(cells.get(name, 'else') for name in names.split(','))}\n")
    (garment,) = reading.records
    assert (garment.garment_id, garment.image, garment.season) == ("a", "a.png", "AW26")
    assert (other, "else") in garment.further
    assert f"'{other}': '" in reading.remarks[0] and "is carried along unread" in reading.remarks[0]


def test_two_spellings_of_a_style() -> None:
    """So it is in the catalog of styles."""
    store = MemoryStore("s")
    store.write("catalog.csv", b"style_id,style_set,image,Title,title\ns,set,a.png,shown,read\n")
    store.write("a.png", b"x")
    (style,) = read_styles(store).records
    assert (style.title, style.further) == ("read", (("Title", "shown"),))


@pytest.mark.parametrize(
    ("names", "row"),
    [
        ("garment_id,,image", "a,,a.png"),
        ("garment_id,,,,image", "a,,,,a.png"),
        ("garment_id,,image,,", "a,,a.png,,"),
        (",garment_id,image", ",a,a.png"),
        ('garment_id," ",\u00a0,image', "a,,,a.png"),
    ],
)
def test_columns_without_a_name(names: str, row: str) -> None:
    """Columns without a name are nothing, wherever they stand; what stands in them is remarked."""
    reading = read(f"{names}\n{row}\n")
    assert [(g.garment_id, g.image, g.further) for g in reading.records] == [("a", "a.png", ())]
    assert reading.remarks == ()


def test_cells_without_a_name() -> None:
    """Cells in a column without a name are left out with a remark that says where."""
    reading = read("garment_id,,image\na,,a.png\nb,note,a.png\n")
    assert len(reading.records) == 2
    assert "cells under no column's name, the first in row 3 (1 in all)" in reading.remarks[0]


@pytest.mark.parametrize("above", [1, 2, 19])
def test_rows_above_the_names(above: int) -> None:
    """Titles above the names are passed over and told of, up to nineteen."""
    reading = read("Garments autumn,,\n" * above + "garment_id,image\na,a.png\nb,gone.png\n")
    assert [g.row for g in reading.records] == [above + 2]
    assert [p.row for p in reading.problems] == [above + 3]
    assert reading.remarks == (
        f"memory://g/catalog.csv has its column names in row {above + 1}; what stands above them is passed over",
    )


def test_names_further_down_are_not_looked_for() -> None:
    """After twenty rows the names are said to be missing, with what stands in their place."""
    with pytest.raises(CatalogError, match="lacks the column 'garment_id', 'image': its columns are Autumn;"):
        read("Autumn\n" * 20 + "garment_id,image\na,a.png\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Autumn\ngarment_id,imgae,title\na,a.png,x\n",
            r"'image' \(is 'imgae' meant\?\): its columns \(row 2\)",
        ),
        ("id;image;title\na;a.png;x\n", r"'garment_id'.*: its columns are id, image, title"),
        ("a,a.png\nb,b.png\n", "its columns are a, a.png"),
    ],
)
def test_missing_names(text: str, words: str) -> None:
    """Where no row has all required names, the row that has most of ours is shown, by its own separator."""
    with pytest.raises(CatalogError, match=words):
        read(text)


@pytest.mark.parametrize("required", ["image", "no_image"])
def test_very_many_columns(required: str) -> None:
    """A thousand columns are read; more are refused with their number and the remedy, whatever else is wrong."""
    names = ",".join(f"column{n}" for n in range(998))
    assert len(read(f"garment_id,image,{names}\na,a.png{',x' * 998}\n").records[0].further) == 998
    names = ",".join(f"column{n}" for n in range(20_000))
    with pytest.raises(CatalogError, match="has 20,002 columns with a name, over 1,000: leave out") as caught:
        read(f"garment_id,{required},{names}\na,a.png\n")
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    ("name", "cell", "cm"),
    [
        ("Repeat width (mm)", "520", 52.0), ("repeat width mm", "520 mm", 52.0), ("REPEAT_WIDTH_MM", '"52,5"', 5.25),
        ("Repeat width [in]", "20", 50.8), ("Repeat width in", '"20"""', 50.8), ("Repeat width (inches)", "20 in", 50.8),
        ("Repeat width (m)", "0.5", 50.0), ("Repeat width (cm)", "52", 52.0),
        ("repeat width/Repeat width (mm)", "520", 52.0),
    ],
)  # fmt: skip
def test_units_in_a_name(name: str, cell: str, cm: float) -> None:
    """A length is converted from the unit that its column states, with a note; cm needs none."""
    store = MemoryStore("s")
    store.write("catalog.csv", f"style_id,style_set,image,{name}\ns,set,a.png,{cell}\n".encode())
    store.write("a.png", b"x")
    reading = read_styles(store)
    assert [(s.repeat_width_cm, s.further) for s in reading.records] == [(pytest.approx(cm), ())]
    assert [("converted to centimetres" in remark) for remark in reading.remarks] == [True] * (
        "(cm)" not in name
    )


@pytest.mark.parametrize(
    ("name", "cell"), [("mm", "52 cm"), ("mm", "20 in"), ("in", "520 mm"), ("cm", "520 mm")]
)
def test_a_cell_of_another_unit_than_its_column(name: str, cell: str) -> None:
    """Where column and cell state two units, the row is rejected, and the column's is named."""
    (problem,) = read(f"garment_id,image,Print width ({name})\na,a.png,{cell}\n").problems
    assert problem.column == "print_width_cm"
    assert f"write a length in {'inches' if name == 'in' else name}" in problem.what


@pytest.mark.parametrize("name", ["Repeat width", "Repeat width (px)", "Repeat width %", "repeat-width (yd)"])
def test_lengths_without_a_unit_that_we_know(name: str) -> None:
    """A length of no or of another unit is not read as centimetres; the column that may be meant is named."""
    store = MemoryStore("s")
    store.write("catalog.csv", f"style_id,style_set,image,{name}\ns,set,a.png,20\n".encode())
    store.write("a.png", b"x")
    reading = read_styles(store)
    assert [s.repeat_width_cm for s in reading.records] == [None]
    assert f"'{name}' that is carried along unread; is 'repeat_width_cm' meant?" in reading.remarks[0]


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("Licence / License", True), ("License", True), ("LICENSE", True), ("License|Licence", True),
        ("Licence or License", True), ("Lizenz / Licence", True), ('"Licence\nLizenz"', True),
        ("Licence / Title", False), ("Category / Season", False), ("Lizenz / Licencia", False),
    ],
)  # fmt: skip
def test_two_names_of_one_column(name: str, is_ours: bool) -> None:
    """Of names side by side those of ours count, if all of them mean the same column."""
    (garment,) = read(f"garment_id,image,{name}\na,a.png,CC0\n").records
    assert (garment.licence == "CC0", garment.further == ()) == (is_ours, is_ours)


@pytest.mark.parametrize("name", ["Categry", "CATEGRY", "cate gory x", "Catégory"])
def test_a_misspelt_name_is_remarked_whatever_its_case(name: str) -> None:
    """Names are compared without case and signs, so capitals do not hide the one that is meant."""
    assert any(
        "is 'category' meant?" in remark for remark in read(f"garment_id,image,{name}\na,a.png,x\n").remarks
    )


@pytest.mark.parametrize("letter", ["\u0301", "\u0323\u0301", "x", "\ufdfa"])
def test_a_long_name_is_not_looked_at_to_its_end(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many letters or combining marks a name has, those that are put in order are a few hundred."""
    given: list[int] = []
    normalize = unicodedata.normalize

    def counted(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
        given.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr("unicodedata.normalize", counted)
    (garment,) = read(f"garment_id,image,e{letter * 60_000}\na,a.png,x\n").records
    assert max(given) <= 200
    assert len(garment.further[0][0]) <= 200


def test_a_set_of_styles() -> None:
    """Names of the style catalog are understood in the same way."""
    store = MemoryStore("s")
    store.write("catalog.csv", b"Style ID;Style set;IMAGE;Rights holder\ns;set;a.png;Anna\n")
    store.write("a.png", b"x")
    assert [(s.style_id, s.rights_holder) for s in read_styles(store).records] == [("s", "Anna")]
