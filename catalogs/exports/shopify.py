"""Designs as Shopify's product CSV: drafts, a product a design or a garment; several files where one is too large.

Column names and order are those of Shopify's template of 2025 ("URL handle", "Description", "Product image URL");
its importer still knows the ones before ("Handle", "Body (HTML)", "Image Src").
Source: https://help.shopify.com/en/manual/products/import-export/using-csv
"""

import csv
import hashlib
import io
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from html import escape
from tempfile import TemporaryFile
from typing import BinaryIO

from catalogs.designs import provenance
from catalogs.errors import ActError
from catalogs.exports.archives import ExportArchive
from catalogs.exports.items import Item, picture_name
from catalogs.exports.spreadsheet import harmless_beginning

COLUMNS = (
    "Title",
    "URL handle",
    "Description",
    "Vendor",
    "Type",
    "Tags",
    "Published on online store",
    "Status",
    "SKU",
    "Option1 name",
    "Option1 value",
    "Price",
    "Product image URL",
    "Image position",
    "Image alt text",
    "Variant image URL",
)
LONGEST = {"Title": 255, "Type": 255, "Option1 value": 255, "Image alt text": 512}
"""Characters that Shopify takes."""

LONGEST_STYLE, LONGEST_RECIPE, LONGEST_HANDLE = 160, 60, 200
"""Characters that are kept of a style, a recipe and a handle, so that a suffix fits behind them."""

LARGEST = 15_000_000
"""Bytes of a product file that Shopify takes."""

MOST_VARIANTS = 2048
"""Variants of a product that Shopify takes."""
ONCE = (
    "Title",
    "Description",
    "Vendor",
    "Type",
    "Tags",
    "Published on online store",
    "Status",
    "Option1 name",
)
"""Columns of a product, which stand in its first row only."""
PRICE = re.compile(r"[0-9]{1,9}([.,][0-9]{1,2})?")


@dataclass(frozen=True)
class Shop:
    """The facts about a shop that the catalog does not have; all of them may be empty.

    `pictures` is the public address of a folder that has the pictures under their names of the picture export;
    `price` is in the shop's currency, as "19.90". A `product` is a "design", or a "garment" with styles as variants.
    """

    pictures: str = ""
    vendor: str = ""
    price: str = ""
    product: str = "design"

    def __post_init__(self) -> None:
        """Raise ActError for an address, price or product that Shopify would not take."""
        if self.pictures and not self.pictures.startswith(("https://", "http://")):
            raise ActError(
                f"'{self.pictures[:80]}' is no address that Shopify can fetch pictures from: it begins with https://."
            )
        if self.price and not PRICE.fullmatch(self.price):
            raise ActError(f"'{self.price[:20]}' is no price: write it as 19.90, without a currency.")
        if self.product not in ("design", "garment"):
            raise ActError(f"A product is a 'design' or a 'garment', not '{self.product[:20]}'.")

    def picture_url(self, item: Item) -> str:
        """The address from which Shopify fetches a design's picture; "" where the shop gave no address."""
        return f"{self.pictures.rstrip('/')}/{picture_name(item)}" if self.pictures else ""


NO_SHOP = Shop()
NOTICE = "Picture generated with AI."


def write_shopify(items: Iterable[Item], file: BinaryIO, shop: Shop = NO_SHOP) -> int:
    """Write drafts in UTF-8, not published; returns how many files.

    A product is a design, or a garment whose variants are its styles, each with its own picture; a garment of more
    than 2,048 designs becomes several products, as Shopify takes no more variants. Garments are gathered first, so
    that memory holds their rows.

    One file is written as it is. Shopify takes files of 15 MB: more than that is written as a ZIP of
    `products-1.csv`, `products-2.csv`, ..., each with the names of the columns and whole products.

    Shopify fetches pictures by itself, from the shop's public address; without one the picture's cells are empty, and
    pictures are added in Shopify by hand. Without a vendor Shopify takes the shop's name. A cell that a spreadsheet
    would compute gets an apostrophe in front; otherwise text arrives as it is.
    """
    products = (
        _garments(items, shop) if shop.product == "garment" else ([_product(item, shop)] for item in items)
    )
    rows = (b"".join(map(_row, product)) for product in products)
    with ExitStack() as stack:
        parts = [stack.enter_context(TemporaryFile())]
        size = parts[0].write(_csv_line(COLUMNS))
        for row in rows:
            if size + len(row) > LARGEST:
                parts.append(stack.enter_context(TemporaryFile()))
                size = parts[-1].write(_csv_line(COLUMNS))
            size += parts[-1].write(row)
        _put_together(parts, file)
    return len(parts)


def _put_together(parts: Sequence[BinaryIO], file: BinaryIO) -> None:
    if len(parts) == 1:
        parts[0].seek(0)
        shutil.copyfileobj(parts[0], file)
        return
    with ExportArchive(file) as archive:
        for number, part in enumerate(parts, 1):
            archive.pour(f"products-{number}.csv", part)


def _csv_line(cells: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _row(product: Mapping[str, str]) -> bytes:
    return _csv_line(harmless_beginning(product.get(name, ""))[: LONGEST.get(name)] for name in COLUMNS)


def handle(item: Item) -> str:
    """The last part of the product's address: small letters, digits and single hyphens, one for each design."""
    return _address(picture_name(item).removesuffix(".png"))


def _address(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def description(item: Item) -> str:
    """The product's text as HTML; it says that the picture was made with AI, and names the style's rights holder."""
    return _paragraphs([item.title, item.credit, NOTICE])


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def tags(item: Item) -> list[str]:
    """The garment's and the style's tags, each once, with blanks for commas: Shopify splits tags at commas."""
    catalog_tags = (item.text("style_set"), item.text("garment_season"), "AI-generated")
    cleaned = (
        " ".join(tag.replace(",", " ").split()) for tag in (*provenance.keywords(item.record), *catalog_tags)
    )
    return [tag for tag in dict.fromkeys(cleaned) if tag]


def _garments(items: Iterable[Item], shop: Shop) -> Iterator[list[dict[str, str]]]:
    """The rows of each product: a garment, whose variants are its designs."""
    gathered: dict[str, list[Item]] = {}
    for item in items:
        gathered.setdefault(item.text("garment_id"), []).append(item)
    for designs in gathered.values():
        for number, start in enumerate(range(0, len(designs), MOST_VARIANTS), 1):
            yield _variants(designs[start : start + MOST_VARIANTS], number, shop)


def _variants(designs: Sequence[Item], number: int, shop: Shop) -> list[dict[str, str]]:
    first = designs[0]
    title = first.text("garment_title") or first.text("garment_id")
    lines = dict.fromkeys(item.credit for item in designs)
    words = dict.fromkeys(tag for item in designs for tag in tags(item))
    name = title if number == 1 else f"{title} ({number})"
    shared = {
        "Title": name,
        "URL handle": _garment_handle(first.text("garment_id"), number),
        "Description": _paragraphs([title, *lines, NOTICE]),
        "Tags": ", ".join(words),
        "Option1 name": "Style",
    }
    values = _told_apart(designs)
    return [
        {column: cell for column, cell in row.items() if column not in ONCE or place == 1}
        for place, (item, value) in enumerate(zip(designs, values, strict=True), 1)
        for row in [_product(item, shop) | shared | _picture(item, shop, place) | {"Option1 value": value}]
    ]


def _garment_handle(garment_id: str, number: int) -> str:
    """The handle of a garment's product of that number, always the same, and different from all other garments'.

    Shopify takes rows with one handle for one product. Ids that differ in case or signs only (Tee_1, tee-1) would
    share a handle, so an id that is no handle by itself ends in a part of its digest.
    """
    plain = _address(garment_id)[:LONGEST_HANDLE].strip("-")
    if plain == garment_id and number == 1:
        return plain
    digest = hashlib.sha256(f"{garment_id}\n{number}".encode("utf-8", "replace")).hexdigest()[:8]
    return f"{plain}-{number}-{digest}" if number > 1 else f"{plain}-{digest}"


def _told_apart(designs: Sequence[Item]) -> list[str]:
    """A name for each variant of a product, no two alike: the style, with the recipe or the id where that is needed."""
    titles = (item.text("style_title") or item.text("style_id") for item in designs)
    # As they will be written: two styles may become alike when a cell is made harmless or cut.
    styles = [harmless_beginning(title)[:LONGEST_STYLE].strip() for title in titles]
    counts = Counter(style.casefold() for style in styles)
    named = [
        style if counts[style.casefold()] == 1 else f"{style} ({item.text('recipe')[:LONGEST_RECIPE]})"
        for style, item in zip(styles, designs, strict=True)
    ]
    counts = Counter(name.casefold() for name in named)
    return [
        name if counts[name.casefold()] == 1 else f"{name} {item.short_id}"
        for name, item in zip(named, designs, strict=True)
    ]


def _product(item: Item, shop: Shop) -> dict[str, str]:
    return {
        "Title": item.title,
        "URL handle": handle(item),
        "Description": description(item),
        "Type": item.text("garment_category"),
        "Tags": ", ".join(tags(item)),
        "Published on online store": "FALSE",
        "Status": "Draft",
        # With letters in front: a spreadsheet would take some ids for numbers, as 1234e5678901.
        "SKU": f"SM-{item.short_id}",
        # The words that Shopify itself writes for a product with one variant.
        "Option1 name": "Title",
        "Option1 value": "Default Title",
        "Vendor": shop.vendor,
        "Price": shop.price.replace(",", "."),
        **_picture(item, shop, 1),
    }


def _picture(item: Item, shop: Shop, place: int) -> dict[str, str]:
    """The picture's cells; a variant has it as its own, too."""
    url = shop.picture_url(item)
    if not url:
        return {}
    alternative = f"{item.title}, picture generated with AI"
    cells = {"Product image URL": url, "Image position": str(place), "Image alt text": alternative}
    return cells | ({"Variant image URL": url} if shop.product == "garment" else {})
