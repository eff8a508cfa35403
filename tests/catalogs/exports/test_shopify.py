"""Shopify's CSV: a draft product a design, its text escaped, nothing in it a formula."""

import html
import io
import re
import zipfile

import pandas as pd
import pytest

from catalogs.errors import ActError
from catalogs.exports import shopify
from catalogs.exports.items import Item, picture_name
from catalogs.exports.shopify import COLUMNS, Shop, write_shopify
from tests.catalogs.exports.designs import record


def opened(
    *items: Item, url: str = "", vendor: str = "", price: str = "", product: str = "design"
) -> pd.DataFrame:
    file = io.BytesIO()
    write_shopify(items, file, Shop(url, vendor, price, product))
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
    """Where no public address is known picture cells are empty; one that Shopify cannot fetch from is refused."""
    table = opened(Item(record()))
    assert set(table.loc[0, ["Product image URL", "Image position", "Image alt text"]]) == {""}
    with pytest.raises(ActError, match="begins with https"):
        opened(Item(record()), url="file:///etc/passwd")


def test_pictures_with_an_address() -> None:
    """A public address comes with position and a text that says AI."""
    table = opened(Item(record()), url="https://cdn.example/spring/")
    assert table.loc[0, "Product image URL"] == f"https://cdn.example/spring/{picture_name(Item(record()))}"
    assert table.loc[0, "Image position"] == "1"
    assert "AI" in table.loc[0, "Image alt text"]


def require_rules(table: pd.DataFrame) -> None:
    """Shopify's published rules for product files, as far as a file can be held against them.

    https://help.shopify.com/en/manual/products/import-export/using-csv: rows of a product share its URL handle and
    stand together; its first row has the title; handles are small letters, digits and hyphens; prices are numbers;
    options of a product are named once and their values differ; pictures have positions from 1.
    """
    handles = table["URL handle"]
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", handle) for handle in handles)
    starts = [place for place, handle in enumerate(handles) if place == 0 or handle != handles[place - 1]]
    assert len(starts) == handles.nunique(), "rows of a product stand together"
    for _, rows in table.groupby("URL handle", sort=False):
        assert rows["Title"].iloc[0] and not any(rows["Title"].iloc[1:])
        assert rows["Option1 name"].iloc[0] and not any(rows["Option1 name"].iloc[1:])
        values = rows["Option1 value"].str.casefold()
        assert values.is_unique and all(0 < len(value) <= 255 for value in values)
        assert rows["SKU"].is_unique and len(rows) <= 2048
        assert all(re.fullmatch(r"(\d+(\.\d{1,2})?)?", price) for price in rows["Price"])
        positions = [int(one) for one in rows["Image position"] if one]
        assert positions in ([], list(range(1, len(rows) + 1)))
        assert set(rows["Variant image URL"]) <= set(rows["Product image URL"]) | {""}


@pytest.mark.parametrize("product", ["design", "garment"])
@pytest.mark.parametrize("url", ["", "https://cdn.example"])
def test_shopifys_rules(product: str, url: str) -> None:
    """Whatever a product is, and with pictures or without, the file keeps to Shopify's rules."""
    rows = [
        record(
            n,
            garment_id=f"g{n % 3}",
            garment_title=f"Tee {n % 3}",
            style_title=("Wild", "wild", "Ink")[n % 4 % 3],
        )
        for n in range(40)
    ]
    table = opened(*map(Item, rows), url=url, price="19,90", product=product)
    require_rules(table)
    assert len(table) == 40 and table["SKU"].is_unique
    assert table["URL handle"].nunique() == (40 if product == "design" else 3)
    assert set(table["Price"]) == {"19.90"}


def test_styles_as_variants() -> None:
    """A garment is a product with every style's credit in its text; each variant has its style and its picture."""
    rows = [
        record(n, garment_title="Boxy tee", style_title=f"Paisley {n}", rights_holder=f"Anna {n}")
        for n in range(3)
    ]
    table = opened(*map(Item, rows), url="https://cdn.example", product="garment")
    assert table["Option1 value"].tolist() == ["Paisley 0", "Paisley 1", "Paisley 2"]
    assert table.loc[0, "Title"] == "Boxy tee" and table.loc[0, "Option1 name"] == "Style"
    assert all(f"Anna {n}" in table.loc[0, "Description"] for n in range(3))
    assert "generated with AI" in table.loc[0, "Description"]
    assert table["Variant image URL"].tolist() == table["Product image URL"].tolist()
    assert table["Variant image URL"].is_unique


def test_garments_whose_ids_are_alike() -> None:
    """Garments whose ids differ in case or signs only are products of their own, under the same handles each time."""
    ids = ["Tee", "tee", "tee.1", "tee-1", "tee_1", "TEE 1", "é", "è", "x" * 300, "X" * 300]
    rows = [record(number, garment_id=ids[number % len(ids)]) for number in range(30)]
    table = opened(*map(Item, rows), product="garment")
    require_rules(table)
    assert table["URL handle"].nunique() == len(ids)
    assert {"tee", "tee-1"} < set(table["URL handle"]), "an id that is a handle stays as it is"
    alone = opened(Item(record(0, garment_id="Tee")), product="garment")
    assert alone.loc[0, "URL handle"] == table.loc[0, "URL handle"]


def test_products_of_a_large_garment_are_no_other_garment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second product of a large garment is told apart from a garment that is called so."""
    monkeypatch.setattr(shopify, "MOST_VARIANTS", 2)
    rows = [record(number, garment_id="tee" if number < 4 else "tee-2") for number in range(6)]
    table = opened(*map(Item, rows), product="garment")
    require_rules(table)
    assert table["URL handle"].nunique() == 3


@pytest.mark.parametrize(
    "titles",
    [("a" * 300 + "1", "a" * 300 + "2"), ("=1+1", "'=1+1"), ("b" * 159 + " c", "b" * 159 + " d")],
    ids=["long", "formulas", "cut at a blank"],
)
def test_variants_that_become_alike(titles: tuple[str, str]) -> None:
    """Titles that are alike as they are written, cut or made harmless, name two variants all the same."""
    rows = [record(number, style_title=title, recipe="house") for number, title in enumerate(titles)]
    require_rules(opened(*map(Item, rows), product="garment"))


def test_more_variants_than_shopify_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A garment of more designs becomes several products, with names and addresses of their own."""
    monkeypatch.setattr(shopify, "MOST_VARIANTS", 4)
    table = opened(*(Item(record(n)) for n in range(10)), product="garment")
    require_rules(table)
    assert table.groupby("URL handle", sort=False).size().tolist() == [4, 4, 2]
    assert [title for title in table["Title"] if title] == [
        "Crew-neck tee",
        "Crew-neck tee (2)",
        "Crew-neck tee (3)",
    ]


@pytest.mark.parametrize(
    "said", [{"price": "19.999"}, {"price": "€ 5"}, {"price": "-1"}, {"product": "shop"}]
)
def test_what_shopify_could_not_take(said: dict[str, str]) -> None:
    """A price with a currency or with three decimals is refused before anything is written."""
    with pytest.raises(ActError):
        Shop(**said)


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
