"""A style set that is dropped as a folder counts when all of it is there, and not before."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from catalogs.errors import NotFoundError
from catalogs.inputs.content_digests import with_digests
from catalogs.inputs.style_sets import MANIFEST, find_sets, seal, unlike_manifest
from catalogs.inputs.styles import has_set, read_set, read_styles
from catalogs.storage.memory_store import MemoryStore
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store

AUTUMN = {
    "catalog.csv": b"style_id,image,title\nleaves,leaves.png,Leaves\nrain,wet/rain.png,Rain\n",
    "leaves.png": b"leaves",
    "wet/rain.png": b"rain",
}


def sealed() -> dict[str, bytes]:
    """The set's files with its manifest, as a designer has them."""
    own = MemoryStore("autumn")
    for key, data in AUTUMN.items():
        own.write(key, data)
    own.write(".DS_Store", b"?")
    assert seal(own) == len(AUTUMN)
    return {key: own.read(key) for key in (*AUTUMN, MANIFEST)}


def catalog(files: dict[str, bytes], folder: str = "autumn") -> MemoryStore:
    """A style catalog with these files in a folder."""
    store = MemoryStore("styles")
    for key, data in files.items():
        store.write(f"{folder}/{key}", data)
    return store


def left_out(store: Store) -> str:
    """The one remark; nothing is read."""
    reading = read_styles(store)
    assert reading.records == ()
    (remark,) = reading.remarks
    return remark


def test_a_whole_set() -> None:
    """Its styles are read under the folder's name, with keys and digests as the whole catalog sees them."""
    leaves, rain = read_styles(catalog(sealed())).records
    assert (leaves.style_id, leaves.style_set, leaves.image) == ("leaves", "autumn", "autumn/leaves.png")
    assert (rain.image, rain.catalog) == ("autumn/wet/rain.png", "autumn/catalog.csv")
    assert len(rain.sha256) == 64


@pytest.mark.parametrize("missing", [*AUTUMN, MANIFEST])
def test_half_copied_in_any_order(missing: str) -> None:
    """Whatever file is not there yet, nothing of the set is read, and the remark says why."""
    files = sealed()
    absent = files.pop(missing)
    store = catalog(files)
    if missing == "catalog.csv":
        # Without its catalog it is not even a set yet.
        assert list(find_sets(store, {o.key: o for o in store.list()})) == []
    else:
        assert "style set 'autumn' is left out" in left_out(store)
    store.write(f"autumn/{missing}", absent)
    assert len(read_styles(store).records) == 2


def test_a_file_that_is_still_growing() -> None:
    """A file that is there with fewer bytes than the manifest says is not there whole."""
    store = catalog({**sealed(), "leaves.png": b"lea"})
    assert "1 of its 3 files are not there whole, as leaves.png" in left_out(store)


def test_other_contents_of_the_same_size() -> None:
    """A picture that is not the one that was sealed is a problem of its row, and the others go on."""
    store = catalog({**sealed(), "leaves.png": b"LEAVES"})
    good, bad = with_digests(store, read_styles(store).records)
    assert [style.style_id for style in good] == ["rain"]
    (problem,) = bad
    assert (problem.record, problem.row) == ("leaves", 2)
    assert problem.file == "memory://styles/autumn/catalog.csv"
    assert "not the one of its set's manifest" in problem.what


def test_an_old_table_of_the_same_size() -> None:
    """A table that is not the one that was sealed leaves its set out, though it has as many bytes."""
    old = AUTUMN["catalog.csv"].replace(b"Leaves", b"LEAVES")
    assert "catalog.csv is not the one that was sealed" in left_out(catalog({**sealed(), "catalog.csv": old}))


def test_every_file_is_held_against_the_manifest() -> None:
    """Before a set has its run every file is compared; one that differs, or is gone, is named."""
    store = catalog(sealed())
    assert unlike_manifest(store, "autumn") == ""
    assert unlike_manifest(store, "never-sealed") == ""
    store.write("autumn/wet/rain.png", b"RAIN")
    assert "wet/rain.png is not the one that was sealed" in unlike_manifest(store, "autumn")
    store.delete("autumn/wet/rain.png")
    assert "wet/rain.png" in unlike_manifest(store, "autumn")


@pytest.mark.parametrize("name", ["catalog.xlsx", "catalog.parquet"])
def test_a_set_with_another_kind_of_table(name: str) -> None:
    """A set's table may be a workbook or Parquet; the lock of an open workbook is no part of the set."""
    frame = pd.DataFrame({"Style ID": ["leaves"], "image": ["leaves.png"]})
    buffer = io.BytesIO()
    frame.to_excel(buffer, index=False) if name.endswith("xlsx") else frame.to_parquet(buffer)
    own = MemoryStore("autumn")
    for key, data in {name: buffer.getvalue(), "leaves.png": b"l", f"~${name}": b"lock"}.items():
        own.write(key, data)
    assert seal(own) == 2
    store = catalog({key: own.read(key) for key in (name, "leaves.png", MANIFEST)})
    reading = read_styles(store)
    assert [(s.style_id, s.image, s.catalog) for s in reading.records] == [
        ("leaves", "autumn/leaves.png", f"autumn/{name}")
    ]
    assert has_set(store, "autumn")


def test_files_beside_the_manifest_are_not_used() -> None:
    """A row whose picture is there, but not in the manifest, is a problem: nobody sealed it."""
    files = sealed()
    manifest = json.loads(files[MANIFEST])
    manifest["files"] = [one for one in manifest["files"] if one["name"] != "leaves.png"]
    reading = read_styles(catalog({**files, MANIFEST: json.dumps(manifest).encode()}))
    assert [style.style_id for style in reading.records] == ["rain"]
    assert reading.problems[0].record == "leaves"


def test_a_manifest_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest that is removed between the listing and the reading leaves its set out, and no more."""
    store = catalog(sealed())
    objects = list(store.list())
    store.delete(f"autumn/{MANIFEST}")
    monkeypatch.setattr(store, "list", lambda _prefix="": iter(objects))
    assert "left out" in left_out(store)


def test_beside_a_catalog() -> None:
    """The catalog's own styles come first; an id that a set takes again is a problem of the set."""
    store = catalog(sealed())
    store.write("catalog.csv", b"style_id,style_set,image\nrain,classic,rain.png\n")
    store.write("rain.png", b"r")
    reading = read_styles(store)
    assert [(s.style_id, s.style_set) for s in reading.records] == [("rain", "classic"), ("leaves", "autumn")]
    (problem,) = reading.problems
    assert (problem.file, problem.row) == ("memory://styles/autumn/catalog.csv", 3)
    assert "is taken" in problem.what


def test_a_set_of_another_name() -> None:
    """A row that names another set than its folder is a problem."""
    csv = b"style_id,style_set,image\nleaves,spring,leaves.png\n"
    files = {**sealed(), "catalog.csv": csv}
    own = MemoryStore("autumn")
    for key, data in files.items():
        own.write(key, data)
    assert "folder's name 'autumn'" in read_set(own).problems[0].what


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"{", "cannot be read"),
        (b"[]", "cannot be read"),
        (json.dumps({"version": 2, "files": []}).encode(), "version 2"),
        (json.dumps({"version": 1, "files": [{"name": "a"}]}).encode(), "cannot be read"),
        (b'{"version": 1, "files": [{"name": "a", "size": 1e999, "sha256": "a"}]}', "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"version": 1, "files": []}', "names no catalog.csv, catalog.xlsx or"),
    ],
)
def test_a_manifest_that_is_none(manifest: bytes, words: str) -> None:
    """A manifest that cannot be read leaves its set out, with what to do."""
    assert words in left_out(catalog({**sealed(), MANIFEST: manifest}))


def test_a_set_whose_catalog_cannot_be_read() -> None:
    """A sealed set without a required column is one problem; other sets are read."""
    broken = MemoryStore("broken")
    broken.write("catalog.csv", b"style_id\nx\n")
    seal(broken)
    store = catalog(sealed())
    for key in ("catalog.csv", MANIFEST):
        store.write(f"broken/{key}", broken.read(key))
    reading = read_styles(store)
    assert len(reading.records) == 2
    assert "lacks the column 'image'" in reading.problems[0].what


def test_nothing_to_read() -> None:
    """A catalog without a table and without sets is refused."""
    store = MemoryStore("styles")
    store.write("pictures/a.png", b"a")
    with pytest.raises(NotFoundError, match="no catalog.csv, catalog.xlsx or"):
        read_styles(store)


def test_sealing_again(tmp_path: Path) -> None:
    """Another manifest is another digest: other contents are another set, the same are the same."""
    for key, data in AUTUMN.items():
        open_store(str(tmp_path / "autumn")).write(key, data)
    own, styles = open_store(str(tmp_path / "autumn")), open_store(str(tmp_path))

    def digest() -> str:
        seal(own)
        (found,) = find_sets(styles, {o.key: o for o in styles.list()})
        assert not found.fault
        return found.digest

    first = digest()
    assert digest() == first
    own.write("leaves.png", b"LEAVES")
    assert digest() != first
