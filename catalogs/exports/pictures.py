"""Full-size pictures in a ZIP: every one marked, and listed with its digest."""

import hashlib
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import BinaryIO

from catalogs.designs import marked_pictures
from catalogs.errors import CatalogsError
from catalogs.exports.archives import ExportArchive
from catalogs.exports.items import Item, picture_name
from catalogs.exports.reading_ahead import read_picture, work_ahead
from catalogs.exports.spreadsheet import CsvTable, DesignRows
from catalogs.storage.store_contract import Store

MANIFEST = ("name", "design_id", "sha256", "catalog_sha256", "title", "credit", "width", "height", "bytes")


def write_zip(items: Iterable[Item], store: Store, file: BinaryIO) -> list[str]:
    """Write the designs' full-size PNGs, `manifest.csv` and `catalog.csv` as a ZIP.

    Every picture is checked against its record and carries its XMP mark. What cannot be read or is not what was
    filed is left out, and named with its reason in `problems.csv` and in the list that is returned;
    `catalog.csv` has every design. Memory holds a few pictures, however many there are. `file` need not be
    seekable, and stays open.

    Raises StoreError where the store itself fails, picture after picture.
    """
    with TemporaryFile() as rows, TemporaryFile() as lines, ExportArchive(file) as archive:
        catalog, manifest = DesignRows(rows), CsvTable(lines, MANIFEST)
        for item, png in work_ahead(_listed(items, catalog), lambda item: marked_picture(item, store)):
            name = picture_name(item)
            if isinstance(png, CatalogsError):
                archive.problem(name, item, png)
            elif archive.takes(name, item):
                archive.picture(name, item, png)
                manifest.add(_line(name, item, png))
        manifest.close()
        catalog.close()
        archive.pour("manifest.csv", lines)
        archive.pour("catalog.csv", rows)
        archive.list_problems()
    return archive.problems


def marked_picture(item: Item, store: Store) -> bytes:
    """A design's picture as it was filed, with its XMP mark; raises as `read_picture` does, or ImageError."""
    return marked_pictures.with_mark(read_picture(item, store), item.packet)


def _listed(items: Iterable[Item], catalog: DesignRows) -> Iterator[Item]:
    for item in items:
        catalog.add(item)
        yield item


def _line(name: str, item: Item, png: bytes) -> tuple[object, ...]:
    size = item.record.get("width"), item.record.get("height"), len(png)
    digests = hashlib.sha256(png).hexdigest(), item.text("image_sha256")
    return (name, item.design_id, *digests, item.title, item.credit, *size)
