"""Designs as Shopify's product CSV: a draft product each, ready to be priced; several files where one is too large.

Column names and order are those of Shopify's template of 2025 ("URL handle", "Description", "Product image URL");
its importer still knows the ones before ("Handle", "Body (HTML)", "Image Src").
Source: https://help.shopify.com/en/manual/products/import-export/using-csv
"""

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from html import escape
from tempfile import TemporaryFile
from typing import BinaryIO

from catalogs import provenance
from catalogs.exports.archives import Archive
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
    "Product image URL",
    "Image position",
    "Image alt text",
)
LONGEST = {"Title": 255, "Type": 255, "Image alt text": 512}
"""Characters that Shopify takes."""

LARGEST = 15_000_000
"""Bytes of a product file that Shopify takes."""

Url = Callable[[Item], str]


def write_shopify(
    items: Iterable[Item], file: BinaryIO, picture_url: Url | None = None, vendor: str = ""
) -> int:
    """Write a product a design, in UTF-8: status draft, not published, without a price; returns how many files.

    One file is written as it is. Shopify takes files of 15 MB: more than that is written as a ZIP of
    `products-1.csv`, `products-2.csv`, ..., each with the names of the columns and whole products.

    Shopify fetches pictures by itself, from a public address: `picture_url` gives a design's, http or https, or ""
    where there is none. Without one the picture's cells are empty, and pictures are added in Shopify by hand.
    `vendor` is the shop's own name for it; empty, Shopify takes the shop's. A cell that a spreadsheet would compute
    gets an apostrophe in front; otherwise text arrives as it is. Memory does not grow with the items.
    """
    rows = (_row(_product(item) | _picture(item, picture_url) | {"Vendor": vendor}) for item in items)
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
    with Archive(file) as archive:
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
    return re.sub(r"[^a-z0-9]+", "-", picture_name(item).removesuffix(".png").lower())


def description(item: Item) -> str:
    """The product's text as HTML; says that the picture was made with AI, and whose style it wears."""
    paragraphs = (item.title, item.credit, "Picture generated with AI.")
    return "".join(f"<p>{escape(one)}</p>" for one in paragraphs)


def tags(item: Item) -> list[str]:
    """The garment's and the style's tags, each once; a comma in one would make it two."""
    own = (item.text("style_set"), item.text("garment_season"), "AI-generated")
    cleaned = (" ".join(tag.replace(",", " ").split()) for tag in (*provenance.keywords(item.record), *own))
    return [tag for tag in dict.fromkeys(cleaned) if tag]


def _product(item: Item) -> dict[str, str]:
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
        # What Shopify itself writes for a product that comes in one kind only.
        "Option1 name": "Title",
        "Option1 value": "Default Title",
    }


def _picture(item: Item, picture_url: Url | None) -> dict[str, str]:
    url = picture_url(item) if picture_url else ""
    if not url.startswith(("https://", "http://")):
        return {}
    alternative = f"{item.title}, picture generated with AI"
    return {"Product image URL": url, "Image position": "1", "Image alt text": alternative}
