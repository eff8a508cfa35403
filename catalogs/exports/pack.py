"""A pack: a folder of HTML and pictures in a ZIP that opens in any browser, with no server and no network."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import BinaryIO

from jinja2 import Environment
from PIL import Image

from catalogs.designs import marked_pictures, provenance
from catalogs.errors import CatalogsError
from catalogs.exports.archives import ExportArchive
from catalogs.exports.items import Item, picture_name
from catalogs.exports.reading_ahead import read_picture, work_ahead
from catalogs.images.codec import decode
from catalogs.storage.store_contract import Store

THUMBNAIL = 480, 600
"""Pixels that a thumbnail fits into: twice what the page shows, for dense screens."""
QUALITY = 80
STATIC = ("style.css", "script.js")


@dataclass(frozen=True)
class PackPictures:
    """A design's picture as it was filed and a WebP thumbnail of it, both marked, and the thumbnail's size, px."""

    full: bytes
    thumbnail: bytes
    size: tuple[int, int]


def write_pack(items: Iterable[Item], store: Store, file: BinaryIO, title: str) -> list[str]:
    """Write a ZIP with `index.html` (grid, filter, large view by arrow keys), thumbnails and full pictures.

    It opens from a folder, offline. All text is escaped, no script is inline, and a content security policy allows
    nothing but the pack's own files. Every picture carries its XMP mark and its colour profile. A design whose
    picture cannot be read, or is not what was filed, keeps its place without one; it is named with its reason in
    the list that is returned, and only there: packs go to strangers. Memory holds the page and a few pictures.

    Raises StoreError where the store itself fails, picture after picture.
    """
    with ExportArchive(file) as archive:
        cards = [
            card
            for item, result in work_ahead(items, lambda item: _pair(item, store))
            for card in _filed(archive, item, result)
        ]
        archive.text("index.html", _page(provenance.one_line(title) or "Designs", cards))
        for name in STATIC:
            archive.text(name, _static(name))
    return archive.problems


def _pair(item: Item, store: Store) -> PackPictures:
    png, packet = read_picture(item, store), item.packet
    picture = decode(png)
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    image.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    thumbnail = marked_pictures.save(image, "WEBP", packet, quality=QUALITY, method=4)
    return PackPictures(marked_pictures.with_mark(png, packet), thumbnail, image.size)


def _filed(
    archive: ExportArchive, item: Item, result: PackPictures | CatalogsError
) -> list[dict[str, object]]:
    """What the page shows of a design, its pictures put into the archive; nothing if it is there already."""
    name = picture_name(item)
    if isinstance(result, CatalogsError):
        archive.problem(name, item, result)
        return [_card(item)]
    if not archive.takes(name, item):
        return []
    small = f"thumbnails/{picture_name(item, 'webp')}"
    archive.picture(f"pictures/{name}", item, result.full)
    archive.picture(small, item, result.thumbnail)
    width, height = result.size
    return [
        _card(item) | {"picture": f"pictures/{name}", "thumbnail": small, "width": width, "height": height}
    ]


def _card(item: Item) -> dict[str, object]:
    return {
        "id": item.short_id,
        "title": f"{item.title}, picture generated with AI",
        "garment": item.text("garment_title") or item.text("garment_id"),
        "garment_id": item.text("garment_id") if item.text("garment_title") else "",
        "style": item.text("style_title") or item.text("style_id"),
        "style_id": item.text("style_id") if item.text("style_title") else "",
        "credit": item.credit,
        "verdict": provenance.one_line(item.verdict),
        "stars": min(5, max(0, item.stars)),
        "note": item.note,
    }


def _page(title: str, cards: list[dict[str, object]]) -> str:
    today = date.today()
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(_static("index.html.j2"))
    return page.render(title=title, cards=cards, date=f"{today.day} {today:%B %Y}")


def _static(name: str) -> str:
    return files("catalogs.exports").joinpath("static", name).read_text("utf-8")
