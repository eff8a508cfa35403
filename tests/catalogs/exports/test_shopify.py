"""Shopify's CSV: a draft product a design, its text escaped, nothing in it a formula."""

import html
import io
import re
import zipfile

import pandas as pd
import pytest

from catalogs.exports import shopify
from catalogs.exports.items import Item
from catalogs.exports.shopify import COLUMNS, write_shopify
from tests.catalogs.exports.designs import record


def opened(*items: Item, url: str = "", vendor: str = "") -> pd.DataFrame:
    file = io.BytesIO()
    write_shopify(items, file, (lambda _item: url) if url else None, vendor)
    return pd.read_csv(io.BytesIO(file.getvalue()), dtype=str, keep_default_na=False)


def test_one_draft_a_design() -> None:
    """Every design is an unpublished draft with a handle of its own and no variants."""
    table = opened(Item(record(0)), Item(record(1)), vendor="House")
    assert tuple(table.columns) == COLUMNS
    assert table["URL handle"].is_unique and len(table) == 2
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", handle) for handle in table["URL handle"])
    assert set(table["Status"]) == {"Draft"} and set(table["Published on online store"]) == {"FALSE"}
    assert table.loc[0, "Title"] == "Crew-neck tee – Paisley 0"
    assert table.loc[0, "Tags"] == "summer, tee, floral, heritage, AI-generated"
    assert table.loc[0, "Vendor"] == "House"


def test_pictures_without_an_address() -> None:
    """Where no public address is known, or it is none that Shopify can fetch, picture cells are empty."""
    for table in (opened(Item(record())), opened(Item(record()), url="file:///etc/passwd")):
        assert table.loc[0, ["Product image URL", "Image position", "Image alt text"]].tolist() == [
            "",
            "",
            "",
        ]


def test_pictures_with_an_address() -> None:
    """A public address comes with position and a text that says AI."""
    table = opened(Item(record()), url="https://cdn.example/a.png")
    assert table.loc[0, "Product image URL"] == "https://cdn.example/a.png"
    assert table.loc[0, "Image position"] == "1"
    assert "AI" in table.loc[0, "Image alt text"]


def test_hostile_text() -> None:
    """Titles are escaped in HTML, tags keep no comma, and no cell is a formula."""
    row = record(style_title="<script>alert(1)</script>", garment_title="=cmd", style_tags=["=1", "a,b"])
    table = opened(Item(row), vendor="@x")
    assert "<script" not in table.loc[0, "Description"] and "&lt;script&gt;" in table.loc[0, "Description"]
    assert table.loc[0, "Title"].startswith("'=") and table.loc[0, "Vendor"] == "'@x"
    assert "a b" in table.loc[0, "Tags"].split(", ")
    assert not any(str(value).startswith(tuple("=+-@")) for value in table.loc[0])


@pytest.mark.parametrize(
    "title",
    [
        'The "Boxy" - tee',
        "Kids' - tee",
        "Black & - white",
        "Blue; = green",
        "a&amp;b",
        "<b>-</b>",
        '12" +1',
        "T恤 - 夏",
        "-20 %",
    ],
)
def test_text_arrives_as_typed(title: str) -> None:
    """Quotation marks, apostrophes, ampersands and semicolons are in the shop what they were in the catalog."""
    row = opened(Item(record(garment_title=title))).loc[0]
    shown = html.unescape(row["Description"].split("</p>")[0].removeprefix("<p>"))
    assert shown == f"{title} – Paisley 0"
    assert row["Title"].removeprefix("'") == f"{title} – Paisley 0"


def parts(count: int, size: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, bytes]:
    """How many files that many designs need where one may have so many bytes, and what was written."""
    monkeypatch.setattr(shopify, "LARGEST", size)
    file = io.BytesIO()
    number = write_shopify(
        (Item(record(number, garment_title='12" "tee",\nblue')) for number in range(count)), file
    )
    return number, file.getvalue()


def test_large_exports_are_several_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files stay below Shopify's limit; each has the columns' names, and together every product once, in order."""
    number, data = parts(200, 20_000, monkeypatch)
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.namelist() == [f"products-{one}.csv" for one in range(1, number + 1)] and number > 3
    contents = [archive.read(name) for name in archive.namelist()]
    assert all(15_000 < len(one) <= 20_000 for one in contents[:-1]) and len(contents[-1]) <= 20_000
    tables = [pd.read_csv(io.BytesIO(one), dtype=str, keep_default_na=False) for one in contents]
    assert all(tuple(table.columns) == COLUMNS for table in tables)
    skus = [sku for table in tables for sku in table["SKU"]]
    assert skus == [f"SM-{Item(record(one)).short_id}" for one in range(200)]


def test_small_exports_are_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits, to the last byte, is a CSV; a byte less of room makes two."""
    _, data = parts(20, 15_000_000, monkeypatch)
    assert data.startswith(b"Title,")
    assert parts(20, len(data), monkeypatch)[0] == 1
    assert parts(20, len(data) - 1, monkeypatch)[0] == 2
    assert len(data) - 1 == shopify.LARGEST


def test_description_discloses() -> None:
    """The product's text says that AI made the picture, and credits the style."""
    text = opened(Item(record())).loc[0, "Description"]
    assert "AI" in text and "Ann Archer" in text


def test_long_titles() -> None:
    """A title is no longer than Shopify takes."""
    assert len(opened(Item(record(garment_title="x" * 900))).loc[0, "Title"]) == 255
