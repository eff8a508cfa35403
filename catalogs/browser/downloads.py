"""Exports as downloads: each is made in a file of its own on disk, then sent from there."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from starlette.responses import StreamingResponse

from catalogs.errors import ActError, QueryError
from catalogs.exports.file_names import content_disposition, readable_name
from catalogs.exports.items import Item
from catalogs.exports.line_sheets.line_sheet import write_pdf
from catalogs.exports.pack import write_pack
from catalogs.exports.pictures import write_zip
from catalogs.exports.shopify import NO_SHOP, Shop, write_shopify
from catalogs.exports.spreadsheet import write_csv, write_readable_csv
from catalogs.exports.workbook import write_xlsx
from catalogs.storage.store_contract import Store

IN_MEMORY = 16 * 2**20
PIECE = 2**18
ZIP_BEGINS = b"PK\x03\x04"
NAMELESS = "designs"
MOST_PICTURES = 5000
"""Designs of an export with pictures, at most: 5,000 are some 10 GB."""


@dataclass(frozen=True)
class Export:
    """What a person chose for an export: its title, who makes it, and the shop that it is for."""

    title: str
    who: str
    shop: Shop = NO_SHOP


@dataclass(frozen=True)
class Format:
    """A kind of export: what people call it, the file's ending and type, and the function that writes it."""

    title: str
    about: str
    """What it is for, in a sentence."""
    ending: str
    media_type: str
    write: Callable[[Iterable[Item], Store, BinaryIO, "Export"], Any]
    most: int = MOST_PICTURES
    packs: bool = False
    """Whether it comes as a ZIP of several files where one would be too large for who takes it."""


CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS: Mapping[str, Format] = {
    "xlsx": Format(
        "Excel workbook", "A row a design with its picture, to sort, filter and comment in.", "xlsx", XLSX,
        lambda items, store, file, export: write_xlsx(items, store, file, export.title),
    ),
    "pdf": Format(
        "Line sheet (PDF)", "Eight designs a page with a cover, to hand to a buyer or to print.", "pdf",
        "application/pdf", lambda items, store, file, export: write_pdf(items, store, file, export.title, export.who),
    ),
    "zip": Format(
        "Pictures (ZIP)", "Every picture in full size, with a list of them and of their credits.", "zip",
        "application/zip", lambda items, store, file, _export: write_zip(items, store, file),
    ),
    "pack": Format(
        "Pages that open offline (ZIP)", "For people without this page: unpack it and open index.html.", "pack.zip",
        "application/zip", lambda items, store, file, export: write_pack(items, store, file, export.title),
    ),
    "csv": Format(
        "Spreadsheet (CSV)", "The dozen columns that people read, without pictures.", "csv", CSV,
        lambda items, _store, file, _export: write_readable_csv(items, file), 1_000_000,
    ),
    "csv-all": Format(
        "All columns (CSV)", "Everything that the catalog knows, for programs.", "all.csv", CSV,
        lambda items, _store, file, _export: write_csv(items, file), 1_000_000,
    ),
    "shopify": Format(
        "Shopify products (CSV)", "Drafts to import at Products, Import; over 15 MB, Shopify's limit, a ZIP of several.",
        "shopify.csv", CSV, lambda items, _store, file, export: write_shopify(items, file, export.shop), 100_000, True,
    ),
}  # fmt: skip
"""In the order in which they are offered."""


def require_exportable(kind: str, count: int) -> None:
    """Raise ActError where there is nothing, or too much, to export; QueryError for a format that is not known."""
    if kind not in FORMATS:
        raise QueryError(f"'{kind[:40]}' is no format: give one of {', '.join(FORMATS)}.")
    chosen = FORMATS[kind]
    if not count:
        raise ActError("There is nothing to export: choose designs first.")
    if count > chosen.most:
        raise ActError(f"{count} designs are too many for '{chosen.title}': choose {chosen.most} at most.")


def download(kind: str, items: Iterable[Item], store: Store, export: Export) -> StreamingResponse:
    """The answer that carries an export in the format `kind`, as a file with the title and the day in its name."""
    chosen = FORMATS[kind]
    # The answer, which outlives this function, closes it.
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115
    try:
        chosen.write(items, store, file, export)
        size = file.seek(0, 2)
        ending, media_type = _kind(chosen, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = {
        "content-disposition": content_disposition(_file_name(export.title), ending, NAMELESS),
        "content-length": str(size),
    }
    return StreamingResponse(_pieces(file), media_type=media_type, headers=headers)


def _kind(chosen: Format, file: BinaryIO) -> tuple[str, str]:
    """Ending and type of what was written."""
    file.seek(0)
    if chosen.packs and file.read(len(ZIP_BEGINS)) == ZIP_BEGINS:
        return chosen.ending.removesuffix("csv") + "zip", "application/zip"
    return chosen.ending, chosen.media_type


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _file_name(title: str) -> str:
    """A name that people can read and every system takes, with the day."""
    return f"{readable_name(title, NAMELESS)}-{datetime.now(UTC):%Y%m%d}"
