"""Designs as Shopify's product CSV: a draft product each, ready to be priced.

Column names and order are those of Shopify's template of 2025 ("URL handle", "Description", "Product image URL");
its importer still knows the ones before ("Handle", "Body (HTML)", "Image Src").
Source: https://help.shopify.com/en/manual/products/import-export/using-csv
"""

import csv
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import BinaryIO

from catalogs.exports.items import Item, picture_name
from catalogs.exports.spreadsheet import harmless, text_of

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

Url = Callable[[Item], str]


def write_shopify(
    items: Iterable[Item], file: BinaryIO, picture_url: Url | None = None, vendor: str = ""
) -> None:
    """Write a product a design, in UTF-8: status draft, not published, without a price.

    Shopify fetches pictures by itself, from a public address: `picture_url` gives a design's, http or https, or ""
    where there is none. Without one the picture's cells are empty, and pictures are added in Shopify by hand.
    `vendor` is the shop's own name for it; empty, Shopify takes the shop's. Text that a spreadsheet would compute
    gets an apostrophe in front. Memory does not grow with the items.
    """
    text = text_of(file)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for item in items:
        product = _product(item) | _picture(item, picture_url) | {"Vendor": vendor}
        writer.writerow([harmless(product.get(name, "")[: LONGEST.get(name)]) for name in COLUMNS])
    text.detach()


def handle(item: Item) -> str:
    """The last part of the product's address: small letters, digits and single hyphens, one for each design."""
    return re.sub(r"[^a-z0-9]+", "-", picture_name(item).removesuffix(".png").lower())


def description(item: Item) -> str:
    """The product's text as HTML; says that the picture was made with AI, and whose style it wears."""
    paragraphs = (item.title, item.credit, "Picture generated with AI.")
    return "".join(f"<p>{escape(one)}</p>" for one in paragraphs)


def tags(item: Item) -> list[str]:
    """The garment's and the style's tags, each once; a comma in one would make it two."""
    listed = [one for name in ("garment_tags", "style_tags") for one in item.record.get(name) or ()]
    own = (item.text("style_set"), item.text("garment_season"), "AI-generated")
    cleaned = (" ".join(str(tag).replace(",", " ").split()) for tag in (*listed, *own))
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
