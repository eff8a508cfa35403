"""The file that holds a catalog is found by its name, and what lies there in its place is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalogs.errors import CatalogError
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_set, read_styles
from catalogs.records import Reading
from catalogs.storage.local_store import LocalStore
from catalogs.storage.memory_store import MemoryStore
from catalogs.tables.catalog_files import CATALOG_FILES, catalog_key, copies_beside, no_catalog


def store(*keys: str) -> MemoryStore:
    """A store with these objects."""
    found = MemoryStore("shop/garments")
    for key in keys:
        found.write(key, b"x")
    return found


@pytest.mark.parametrize("name", CATALOG_FILES)
@pytest.mark.parametrize("folder", ["", "autumn/"])
def test_where_it_is(name: str, folder: str) -> None:
    """Each of the three names is found, asked of the store or of its listing."""
    found = store(folder + name, "a.png")
    assert catalog_key(found, folder) == folder + name
    assert catalog_key(found, folder, {entry.key for entry in found.list()}) == folder + name
    assert catalog_key(found, "other/") is None


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_two_of_them(pair: tuple[int, int]) -> None:
    """Two at once are refused by name."""
    first, second = (CATALOG_FILES[place] for place in pair)
    with pytest.raises(CatalogError, match=f"holds both {first} and {second}: keep the one that is meant"):
        catalog_key(store(first, second))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Catalog.csv", "there is 'Catalog.csv': name it catalog.csv"),
        ("catalog.CSV", "there is 'catalog.CSV': name it catalog.csv"),
        ("garments.xlsx", "there is 'garments.xlsx': name it catalog.xlsx"),
        ("catalog.csv.txt", "name it catalog.csv"),
        ("catalog.tsv", "name it catalog.csv"),
        ("catalog (1).csv", "there is 'catalog (1).csv': name it catalog.csv"),
        ("data.parquet", "name it catalog.parquet"),
        ("catalog.xls", "save it as an Excel workbook named catalog.xlsx"),
        ("Tabelle.ods", "save it as an Excel workbook named catalog.xlsx"),
        ("catalog.numbers", "export it as an Excel workbook named catalog.xlsx"),
        ("catalog.xlsm", "save it as an Excel workbook named catalog.xlsx"),
        ("tees/catalog.csv", "there is 'tees/catalog.csv': give that folder, memory://shop/garments/tees"),
        ("a.png", "put one beside the images"),
        ("~$catalog.xlsx", "put one beside the images"),
        (".catalog.csv", "put one beside the images"),
        ("sub/garments.xlsx", "put one beside the images"),
    ],
)
def test_what_lies_there_instead(name: str, words: str) -> None:
    """A table by another name, or elsewhere, is named with what it should be called."""
    said = str(no_catalog(store(name, "z.png")))
    assert "memory://shop/garments holds no catalog.csv, catalog.xlsx or catalog.parquet" in said
    assert words in said


def test_in_a_folder(tmp_path: Path) -> None:
    """The same is said of a folder on a disk, of which only the first level is looked at."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "catalog.csv").touch()
    assert "put one beside the images" in str(no_catalog(LocalStore(tmp_path)))
    (tmp_path / "a" / "catalog.csv").touch()
    assert f"there is 'a/catalog.csv': give that folder, {tmp_path}/a" in str(
        no_catalog(LocalStore(tmp_path))
    )
    (tmp_path / "Garments.XLSX").write_bytes(b"x")
    assert "there is 'Garments.XLSX': name it catalog.xlsx" in str(no_catalog(LocalStore(tmp_path)))


@pytest.mark.parametrize(
    "name",
    [
        "catalog (1).csv", "Copy of catalog.csv", "catalog - Copy.csv", "Kopie von catalog.xlsx", "catalog 2.csv",
        "Catalog.csv", "catalog_old.csv", "catalog.csv.txt", "catalog-final.ods", "catalog.xls",
    ],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["", "autumn/"])
def test_copies_beside(name: str, folder: str) -> None:
    """What looks like a copy of the table that is read is remarked."""
    found = store()
    keys = {folder + "catalog.csv", folder + name, "catalog.png", "other/catalog (3).csv", folder + "a.png"}
    (remark,) = copies_beside(found, folder + "catalog.csv", keys)
    assert f"{folder}catalog.csv is read; '{name}' beside it is not" in remark


@pytest.mark.parametrize(
    "name",
    [
        "catalog.png",
        "garments.csv",
        "~$catalog.xlsx",
        ".catalog.csv",
        "old/catalog.csv",
        "catalog.csv.bak",
        "catalog",
    ],
)
def test_what_is_no_copy(name: str) -> None:
    """Pictures, other tables, programs' own files and other folders' are none."""
    assert copies_beside(store(), "catalog.csv", {"catalog.csv", name}) == ()


def test_very_many_copies() -> None:
    """A remark names a few of them."""
    (remark,) = copies_beside(store(), "catalog.csv", {f"catalog ({n}).csv" for n in range(5_000)})
    assert len(remark) < 300


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (read_garments, "garment_id,image"),
        (read_styles, "style_id,style_set,image"),
        (read_set, "style_id,image"),
    ],
)
def test_copies_are_remarked_by_every_catalog(
    read: Callable[[MemoryStore], Reading[Any]], names: str
) -> None:
    """Garments, styles and a set's own styles tell of them alike."""
    found = store("catalog (1).csv", "a.png")
    found.write(
        "catalog.csv",
        f"{names}\n{','.join('a.png' if n == 'image' else 'a' for n in names.split(','))}\n".encode(),
    )
    reading = read(found)
    assert len(reading.records) == 1
    assert any("'catalog (1).csv' beside it is not" in remark for remark in reading.remarks)
