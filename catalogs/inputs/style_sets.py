"""Style sets that are dropped as folders into the style catalog, each with a manifest of its files.

A folder is copied file by file, in any order, and takes its time. Its `manifest.json` names every file with
size and digest; the set counts when all of its files are there, and not before.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from catalogs import keys
from catalogs.errors import CatalogError, InvalidKeyError, NotFoundError
from catalogs.storage.store_contract import ObjectInfo, Store
from catalogs.tables.catalog_files import CATALOG_FILES, NAMES

MANIFEST = "manifest.json"
VERSION = 1
READERS = 16
EVERY = "all"
"""The word for all sets where a command takes the name of one."""


@dataclass(frozen=True)
class StyleSet:
    """A folder of the style catalog that is a style set of that name.

    `digest` is the manifest's: a set that is sealed anew with other contents is another set. `sha256` has
    the digests of its files by name. `fault` is the reason why the set does not count yet; empty where it counts.
    """

    name: str
    digest: str = ""
    sha256: Mapping[str, str] | None = None
    fault: str = ""


def find_sets(store: Store, objects: Mapping[str, ObjectInfo]) -> Iterator[StyleSet]:
    """The style sets in a style catalog, by name; `objects` is what the store lists.

    A folder with a catalog of its own is a set; one without is just a folder of pictures.
    """
    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(lambda name: _look(store, name, objects), _folders(objects))


def unsealed_sets(store: Store) -> list[str]:
    """Names of the folders that would be style sets if they had a manifest; nothing of them is read."""
    objects = {entry.key for entry in store.list()}
    names = (name for name in _folders(objects) if f"{name}/{MANIFEST}" not in objects)
    return [name for name in names if keys.ID_PATTERN.fullmatch(name)]


def _folders(objects: Iterable[str]) -> list[str]:
    """Folders with a catalog of their own."""
    return sorted({key.split("/")[0] for key in objects if key.partition("/")[2] in CATALOG_FILES})


def _look(store: Store, name: str, objects: Mapping[str, ObjectInfo]) -> StyleSet:
    try:
        keys.check_id(name)
        if f"{name}/{MANIFEST}" not in objects:
            return StyleSet(name, fault=f"it has no {MANIFEST} yet ('stylemill seal' writes it)")
        if name == EVERY:
            return StyleSet(name, fault="'all' means every set; give it another name")
        data = store.read(f"{name}/{MANIFEST}")
        files = _files(data)
    except (InvalidKeyError, CatalogError, NotFoundError) as error:
        return StyleSet(name, fault=str(error))
    missing = [
        file
        for file, (size, _) in files.items()
        if (info := objects.get(f"{name}/{file}")) is None or info.size != size
    ]
    if missing:
        fault = f"{len(missing)} of its {len(files)} files are not there whole, as {missing[0]}"
    else:
        # The table says which pictures there are; pictures are compared with their digests when they are read.
        fault = _other_table(store, name, files)
    sha256 = {file: digest for file, (_, digest) in files.items()}
    return StyleSet(name, hashlib.sha256(data).hexdigest(), sha256, fault)


def _files(manifest: bytes) -> dict[str, tuple[int, str]]:
    """Size and SHA-256 of each file that a manifest names; CatalogError where the manifest cannot be read."""
    try:
        plain = json.loads(manifest)
        if plain["version"] != VERSION:
            raise CatalogError(
                f"its {MANIFEST} is of version {plain['version']}, but {VERSION} is understood"
            )
        return {str(f["name"]): (int(f["size"]), str(f["sha256"])) for f in plain["files"]}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise CatalogError(f"its {MANIFEST} cannot be read ({error!r}); seal it again") from error


def _other_table(store: Store, name: str, files: Mapping[str, tuple[int, str]]) -> str:
    """The fault of a set's catalog; empty where it is the one that was sealed."""
    tables = [file for file in CATALOG_FILES if file in files]
    if not tables:
        return f"its {MANIFEST} names no {NAMES}; seal it again"
    return _unlike(store, name, {file: files[file][1] for file in tables})


def unlike_manifest(store: Store, name: str) -> str:
    """The fault of the first file in a set that is not as it was sealed; empty where all are, or for no manifest."""
    try:
        files = _files(store.read(f"{name}/{MANIFEST}"))
    except NotFoundError:
        return ""
    return _unlike(store, name, {file: sha256 for file, (_, sha256) in files.items()})


def _unlike(store: Store, name: str, sha256: Mapping[str, str]) -> str:
    """The first of a set's files whose contents are not those of the digest, as a fault; else empty."""

    def differs(file: str) -> bool:
        """Whether a file's contents do not have its digest, or the file is gone."""
        try:
            return hashlib.sha256(store.read(f"{name}/{file}")).hexdigest() != sha256[file]
        except NotFoundError:
            return True

    with ThreadPoolExecutor(READERS) as pool:
        other = [file for file, bad in zip(sha256, pool.map(differs, sha256), strict=True) if bad]
    return f"{other[0]} is not the one that was sealed; copy it again, or seal the set again" if other else ""


def seal(store: Store) -> int:
    """Write the manifest of the set whose folder or prefix is the store, as it is now; returns how many files.

    Seal a set where it is made and copy all files, or copy the files and then seal.
    """
    objects = [info for info in store.list() if not _is_hidden(info.key) and info.key != MANIFEST]
    files = [
        {"name": info.key, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for info in objects
        for data in [store.read(info.key)]
    ]
    store.write(MANIFEST, json.dumps({"version": VERSION, "files": files}, indent=1).encode())
    return len(files)


def _is_hidden(key: str) -> bool:
    """Whether a key is no part of a set: hidden, or the lock that Excel leaves while a workbook is open."""
    return any(part.startswith((".", "~$")) for part in key.split("/"))
