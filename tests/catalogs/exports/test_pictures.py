"""The ZIP of pictures: checked by digest, marked, and honest about what is missing."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from catalogs.designs import provenance
from catalogs.errors import UnreachableError
from catalogs.exports.items import Item, picture_name
from catalogs.exports.pictures import write_zip
from catalogs.exports.reading_ahead import AHEAD, MOST_FAULTS
from catalogs.images.codec import decode
from catalogs.storage.memory_store import MemoryStore
from tests.catalogs.exports.designs import filed, record, shop


def zipped(items: list[Item], store: MemoryStore) -> tuple[zipfile.ZipFile, list[str]]:
    file = io.BytesIO()
    problems = write_zip(items, store, file)
    return zipfile.ZipFile(io.BytesIO(file.getvalue())), problems


def table(archive: zipfile.ZipFile, name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(archive.read(name)), keep_default_na=False)


def test_manifest_by_digest() -> None:
    """Every picture in the ZIP has the digest that the manifest gives, and the pixels of the catalog's."""
    store, items = shop(8)
    archive, problems = zipped(items, store)
    manifest = table(archive, "manifest.csv")
    assert not problems and "problems.csv" not in archive.namelist()
    assert manifest["name"].tolist() == [picture_name(item) for item in items]
    for row, item in zip(manifest.to_dict("records"), items, strict=True):
        png, original = archive.read(row["name"]), store.read(item.record["image"])
        assert hashlib.sha256(png).hexdigest() == row["sha256"]
        assert hashlib.sha256(original).hexdigest() == row["catalog_sha256"]
        assert len(png) == row["bytes"]
        assert (decode(png).rgb == decode(original).rgb).all()


def test_pictures_are_marked() -> None:
    """Pillow reads the design's own XMP out of a zipped PNG, beside the sRGB chunk."""
    store, items = shop(1)
    archive, _ = zipped(items, store)
    opened = Image.open(io.BytesIO(archive.read(picture_name(items[0]))))
    assert opened.info["XML:com.adobe.xmp"].encode() == provenance.xmp(items[0].record)
    assert "srgb" in opened.info


def test_catalog_has_every_design() -> None:
    """`catalog.csv` is the spreadsheet of all designs, those without a picture included."""
    store, items = shop(3)
    archive, _ = zipped([*items, Item(record(9), "pick")], store)
    catalog = table(archive, "catalog.csv")
    assert catalog["design_id"].tolist() == [item.design_id for item in items] + [record(9)["design_id"]]
    assert catalog["verdict"].tolist() == ["", "", "", "pick"]


def test_bad_pictures_are_left_out() -> None:
    """A missing, a changed, a spoiled and an unnamed picture are left out, each named with its reason."""
    store, items = shop(2)
    spoiled = b"no picture"
    store.write("images/x.png", spoiled)
    missing = filed(store, 5) | {"image": "images/gone.png"}
    changed = filed(store, 6) | {"image_sha256": "0" * 64}
    no_png = record(7) | {"image": "images/x.png", "image_sha256": hashlib.sha256(spoiled).hexdigest()}
    outside = record(8) | {"image": "../secret.png"}
    archive, problems = zipped([items[0], *map(Item, (missing, changed, no_png, outside)), items[1]], store)
    assert table(archive, "manifest.csv")["name"].tolist() == [picture_name(item) for item in items]
    reasons = table(archive, "problems.csv")["reason"].tolist()
    for reason, words in zip(
        reasons, ("does not exist", "SHA-256", "no PNG", "leaves the catalog"), strict=True
    ):
        assert words in reason
    assert [problem.split(": ", 1)[1] for problem in problems] == reasons


def test_no_name_leaves_the_folder() -> None:
    """Hostile ids become names in the folder itself."""
    store = MemoryStore()
    archive, _ = zipped(
        [Item(filed(store, 1, garment_id="../../etc", style_id="/root", recipe="..\\x"))], store
    )
    assert not any("/" in name or "\\" in name or name.startswith(".") for name in archive.namelist())


def test_formula_in_a_list() -> None:
    """Titles in the manifest and the list of problems are no formulas."""
    store = MemoryStore()
    row = filed(store, 1, garment_title="=1+1")
    archive, _ = zipped([Item(row), Item(record(2, design_id="=2+2"))], store)
    assert table(archive, "manifest.csv").loc[0, "title"].startswith("'=")
    assert table(archive, "problems.csv").loc[0, "design_id"] == "'=2+2"


def test_chosen_twice() -> None:
    """A design that was chosen twice is in the ZIP once, and named."""
    store, items = shop(1)
    archive, problems = zipped(items * 2, store)
    assert archive.namelist().count(picture_name(items[0])) == 1
    assert "twice" in problems[0]


def test_pictures_are_stored_as_they_are() -> None:
    """PNGs are not compressed again, and are dated when the design was made."""
    store, items = shop(1)
    entry = zipped(items, store)[0].getinfo(picture_name(items[0]))
    assert entry.compress_type == zipfile.ZIP_STORED
    assert entry.date_time == (2026, 11, 21, 15, 18, 36)


class Pipe(io.RawIOBase):
    """What a browser's connection is: it can only be written to."""

    def __init__(self) -> None:
        """Nothing has been sent."""
        self.data = bytearray()

    def writable(self) -> bool:
        """It can be."""
        return True

    def write(self, data: Any) -> int:
        """Send."""
        self.data += data
        return len(data)


def test_streams() -> None:
    """The ZIP can be written to what cannot be sought, as a connection."""
    store, items = shop(2)
    pipe = Pipe()
    write_zip(items, store, pipe)  # type: ignore[arg-type]
    assert zipfile.ZipFile(io.BytesIO(bytes(pipe.data))).testzip() is None


class Counting(MemoryStore):
    """A store that fails on demand and counts what is asked of it."""

    fails = False

    def __init__(self) -> None:
        """An empty store that answers."""
        super().__init__()
        self.reads = 0
        self._counting = threading.Lock()

    def read(self, key: str) -> bytes:
        """Contents of an object, counted."""
        with self._counting:
            self.reads += 1
        if self.fails:
            raise UnreachableError("no answer")
        return super().read(key)


def test_memory_is_bounded() -> None:
    """Items are taken as they are needed: a few pictures are ahead of the one that is written."""
    store, taken, lead = Counting(), 0, []

    def items() -> Iterator[Item]:
        nonlocal taken
        for number in range(40):
            taken += 1
            lead.append(taken - pipe.data.count(b"XML:com.adobe.xmp"))
            yield Item(filed(store, number))

    pipe = Pipe()
    write_zip(items(), store, pipe)  # type: ignore[arg-type]
    assert max(lead) <= AHEAD + 1


def test_store_that_is_gone() -> None:
    """A store that fails picture after picture is raised, and not asked for all of them."""
    store = Counting()
    items = [Item(filed(store, number)) for number in range(60)]
    store.fails = True
    with pytest.raises(UnreachableError):
        write_zip(items, store, io.BytesIO())
    assert MOST_FAULTS <= store.reads < MOST_FAULTS + 2 * AHEAD
