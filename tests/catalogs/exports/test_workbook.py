"""Excel workbooks: a row a design with its picture, text as text; openpyxl is the witness."""

import io

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image

from catalogs.designs import provenance
from catalogs.exports.items import Item
from catalogs.exports.spreadsheet import READABLE
from catalogs.exports.workbook import PICTURE, write_xlsx
from catalogs.storage.memory_store import MemoryStore
from tests.catalogs.exports.designs import record, shop


def opened(items: list[Item], store: MemoryStore, title: str = "Spring") -> tuple[Worksheet, list[str]]:
    """The sheet that is written, as another program reads it, and what could not be shown."""
    file = io.BytesIO()
    problems = write_xlsx(items, store, file, title)
    sheet = openpyxl.load_workbook(io.BytesIO(file.getvalue()))["Designs"]
    return sheet, problems


def test_rows_and_columns() -> None:
    """Names stand in the first row, which stays in sight; each design has its row, what was said of it among it."""
    store, items = shop(3)
    items[1] = Item(items[1].record, "pick", 4, "for the window")
    sheet, problems = opened(items, store)
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == ("Picture", *READABLE) and len(rows) == 4 and not problems
    told = dict(zip(rows[0], rows[2], strict=True))
    assert (told["Verdict"], told["Stars"], told["Note"]) == ("pick", 4, "for the window")
    assert told["Credit"] == items[1].credit and told["Design"] == items[1].short_id
    assert (
        sheet.freeze_panes == "B2"
        and sheet.auto_filter.ref == f"A1:{sheet.cell(4, 1 + len(READABLE)).coordinate}"
    )


def test_pictures() -> None:
    """Each row has its picture, inside its cell, moving with it, marked as made with AI."""
    store, items = shop(3)
    sheet, _ = opened(items, store)
    images = sheet._images  # type: ignore[attr-defined]
    assert [image.anchor._from.row for image in images] == [1, 2, 3]
    assert {image.anchor._from.col for image in images} == {0}
    for image, item in zip(images, items, strict=True):
        data = image._data()
        assert (
            max(side / room for side, room in zip(Image.open(io.BytesIO(data)).size, PICTURE, strict=True))
            <= 2.02
        )
        assert item.packet.strip() in data or provenance.SourceType.COMPOSITE.value.encode() in data
        assert (image.anchor.to.row, image.anchor.to.col) == (image.anchor._from.row, 0), "inside its cell"
    assert sheet.row_dimensions[2].height * 96 / 72 > PICTURE[1]


def test_a_picture_that_is_missing() -> None:
    """A design whose picture cannot be read has its row, says so there, and is named with the reason."""
    store, items = shop(2)
    sheet, problems = opened([items[0], Item(record(7, image="images/gone.png")), items[1]], store)
    assert sheet["A3"].value == "picture not available" and sheet.max_row == 4
    assert len(problems) == 1 and "does not exist" in problems[0]
    assert len(sheet._images) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 30",
        "-5",
        "@SUM(A1)",
        "https://evil.example",
        "{=1}",
        "mailto:a@b.c",
        "00123",
        "1E5",
        "a" * 40_000,
        "T恤 🌸",
    ],
)
def test_text_stays_text(text: str) -> None:
    """Nothing that a catalog holds is computed, becomes a link or a number; what is too long for Excel is cut."""
    store, items = shop(1)
    sheet, _ = opened([Item(items[0].record | {"garment_title": text})], store, title=text[:100])
    cell = sheet.cell(2, 2 + list(READABLE).index("Garment"))
    assert cell.data_type == "s" and cell.hyperlink is None
    assert cell.value == text[:32_000]


def test_no_designs() -> None:
    """A workbook of nothing has the names of the columns."""
    sheet, problems = opened([], MemoryStore())
    assert sheet.max_row == 1 and not problems
