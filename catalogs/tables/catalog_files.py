"""The files that hold a catalog's table: their names, and hints where another file lies in their place."""

import io
import zipfile
from collections.abc import Container, Iterable, Iterator
from itertools import islice
from pathlib import Path

from catalogs.errors import CatalogError, CatalogsError, NotFoundError
from catalogs.storage.local_store import LocalStore
from catalogs.storage.store_contract import Store

CSV, XLSX, PARQUET = "catalog.csv", "catalog.xlsx", "catalog.parquet"
CATALOG_FILES = (CSV, XLSX, PARQUET)
NAMES = f"{CSV}, {XLSX} or {PARQUET}"
REMEDIES = {
    ".csv": f"name it {CSV}",
    ".tsv": f"name it {CSV}",
    ".tab": f"name it {CSV}",
    ".txt": f"name it {CSV}, if it holds a table",
    ".parquet": f"name it {PARQUET}",
    ".xlsx": f"name it {XLSX}",
    ".xlsm": f"save it as an Excel workbook named {XLSX}",
    ".xlsb": f"save it as an Excel workbook named {XLSX}",
    ".xls": f"save it as an Excel workbook named {XLSX}",
    ".ods": f"save it as an Excel workbook named {XLSX}",
    ".numbers": f"export it as an Excel workbook named {XLSX}",
}
"""Suffixes of files that hold tables, and how one of them becomes a catalog's."""
SHOWN = 5
"""Names in a remark."""
LOOKED_AT = 10_000
"""Objects among which a table of another name is looked for."""


def catalog_key(store: Store, folder: str = "", existing: Container[str] | None = None) -> str | None:
    """Key of a catalog's table, or of the table of a folder (`autumn/`) in it; None where there is none.

    `existing` holds all keys of the store, where they are known; else the store is asked. Raises
    CatalogError where there are two: nobody can say which is meant.
    """
    places = [folder + name for name in CATALOG_FILES]
    present = [key for key in places if (store.exists(key) if existing is None else key in existing)]
    if len(present) > 1:
        names = " and ".join(key.removeprefix(folder) for key in present)
        place = f"{store.uri}/{folder}".removesuffix("/")
        raise CatalogError(f"{place} holds both {names}: keep the one that is meant.")
    return present[0] if present else None


def copies_beside(store: Store, key: str, existing: Iterable[str]) -> tuple[str, ...]:
    """A remark on tables that look like copies of a catalog's, as 'catalog (1).csv': they are not read.

    `key` is the table's own key, and `existing` are the keys of the store.
    """
    folder, _, own_name = key.rpartition("/")
    copies = sorted(
        name
        for existing_key in existing
        if "catalog" in existing_key.casefold()
        and existing_key.rpartition("/")[0] == folder
        and (name := existing_key.rpartition("/")[2]) != own_name
        and not name.startswith((".", "~"))
        and "catalog" in name.casefold()
        and _remedy(name)
    )
    if not copies:
        return ()
    listed = ", ".join(f"'{name}'" for name in copies[:SHOWN]) + (", ..." if len(copies) > SHOWN else "")
    return (
        f"{store.uri}/{key} is read; {listed} beside it {'is' if len(copies) == 1 else 'are'} not: keep the newest",
    )


def no_catalog(store: Store, folder: str = "") -> NotFoundError:
    """The error for a store, or a folder in it, without a table; it names a file that was probably meant."""
    if folder:
        return NotFoundError(f"{store.uri}/{folder} holds no {NAMES} any more.")
    parent, _, name = store.uri.rpartition("/")
    if name in CATALOG_FILES:
        return NotFoundError(f"{store.uri} is the catalog's file: give its folder: {parent}")
    if isinstance(store, LocalStore) and store.fault:
        return NotFoundError(f"{store.uri} {store.fault}: give the folder that holds {NAMES} and the images.")
    return NotFoundError(f"{store.uri} holds no {NAMES}: {_hint(store) or 'put one beside the images'}.")


def _hint(store: Store) -> str:
    """A file in a store that looks like the missing table, and what to do with it; empty where there is none."""
    try:
        keys = list(_some_keys(store))
    except (CatalogsError, OSError):
        return ""
    for key in keys:
        if "/" not in key and not key.startswith((".", "~")) and (remedy := _remedy(key)):
            return f"there is '{key}': {remedy}"
    for key in keys:
        folder, _, name = key.rpartition("/")
        if name in CATALOG_FILES:
            return f"there is '{key}': give that folder, {store.uri}/{folder}"
    return ""


def _some_keys(store: Store) -> Iterator[str]:
    """Keys of a store; of a folder only those one level down, because somebody may have given a whole disk."""
    if isinstance(store, LocalStore):
        folder = Path(store.uri)
        paths = (path for pattern in ("*", "*/catalog.*") for path in folder.glob(pattern) if path.is_file())
        yield from sorted(path.relative_to(folder).as_posix() for path in islice(paths, LOOKED_AT))
    else:
        yield from (entry.key for entry in islice(store.list(), LOOKED_AT))


def _remedy(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return REMEDIES.get((dot + suffix).casefold(), "") if stem else ""


BEGINNINGS = {
    b"PAR1": f"is Parquet: name it {PARQUET}",
    b"PARE": "is Parquet under encryption: write it without",
    b"\x1f\x8b": "is compressed by gzip: unpack it",
    b"%PDF": f"is a PDF: export the table as {CSV}",
}
MARKUP = (b"<html", b"<?xml", b"<!doc", b"<tabl")
ZIP, OLE = b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1")


def other_kind(data: bytes) -> str:
    """The kind of bytes that are no text, with what to do; empty where they may be text.

    People rename files: a workbook under the name of a CSV is described as a workbook.
    """
    if data.startswith(ZIP):
        return _of_archive(data)
    if data.startswith(OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            return f"is a workbook under a password: save it as {XLSX} without one"
        return f"is a workbook of Excel 97 (.xls): save it as an Excel workbook named {XLSX}"
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:5].lower() in MARKUP:
        return f"is HTML or XML: open it in a spreadsheet program and save it as {XLSX}"
    return next((what for begin, what in BEGINNINGS.items() if data.startswith(begin)), "")


MEMBERS = {
    "xl/workbook.bin": f"is a binary workbook (.xlsb): save it as an Excel workbook named {XLSX}",
    "xl/workbook.xml": f"is an Excel workbook: name it {XLSX}",
    "content.xml": f"is an OpenDocument table (.ods): save it as an Excel workbook named {XLSX}",
    "Index/Document.iwa": f"is of Apple Numbers: export it as an Excel workbook named {XLSX}",
}


def _of_archive(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "is a ZIP that was cut short or damaged: copy it again"
    return next((what for name, what in MEMBERS.items() if name in names), "is a ZIP: unpack it")
