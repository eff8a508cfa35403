"""Upkeep of a design catalog: is every record's picture there and whole, and what is nobody's.

Nothing here runs by itself. What is examined is told first; repairing and removing are asked for.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from catalogs import keys
from catalogs.designs import DesignCatalog
from catalogs.errors import NotFoundError
from catalogs.store_contract import ObjectInfo, Store

READERS = 16


@dataclass(frozen=True)
class Fault:
    """A record whose picture is missing or is not the one that was filed."""

    design_id: str
    image: str
    what: str


@dataclass(frozen=True)
class Findings:
    """What an examination found: records looked at, faults, and pictures that no record names."""

    designs: int
    faults: tuple[Fault, ...]
    orphans: tuple[ObjectInfo, ...]


def examine(catalog: DesignCatalog, *, contents: bool = True) -> Findings:
    """Hold every record against its picture.

    With `contents` every picture is read and its SHA-256 compared; without, only whether it is there.
    Pictures are listed before records are read: a picture whose record is filed meanwhile is no orphan.
    """
    pictures = {found.key: found for found in catalog.store.list(keys.IMAGES)}
    table = catalog.read(["design_id", "image", "image_sha256"])
    rows = [(row["design_id"], row["image"], row["image_sha256"]) for row in table.to_pylist()]
    with ThreadPoolExecutor(READERS) as pool:
        whats = pool.map(lambda row: _fault(catalog.store, row[1], row[2], pictures, contents), rows)
        faults = tuple(Fault(row[0], row[1], what) for row, what in zip(rows, whats, strict=True) if what)
    named = {image for _, image, _ in rows}
    return Findings(len(rows), faults, tuple(found for key, found in pictures.items() if key not in named))


def repair(catalog: DesignCatalog, faults: Sequence[Fault]) -> int:
    """Take out the records of faulty pictures, so that the next run makes those designs again; returns how many."""
    return catalog.remove([fault.design_id for fault in faults])


def unclaimed(catalog: DesignCatalog, grace: timedelta) -> Iterator[ObjectInfo]:
    """Pictures that no record names and halves that dead writers left, older than `grace`.

    The grace time must be longer than a run keeps a picture without its record: `commit_seconds`, and what
    a shard needs. A day is ample.
    """
    before = datetime.now(UTC) - grace
    for found in (*examine(catalog, contents=False).orphans, *catalog.store.leftovers()):
        if found.modified < before:
            yield found


def discard(catalog: DesignCatalog, found: Sequence[ObjectInfo]) -> list[ObjectInfo]:
    """Remove what nobody claims; returns what was removed.

    A run may be writing one of these very pictures again (one design, one device, one key), so those that
    changed since they were found stay.
    """
    now = {*catalog.store.list(keys.IMAGES), *catalog.store.leftovers()}
    same = [one for one in found if one in now]
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(lambda one: catalog.store.delete(one.key), same))
    return same


def _fault(
    store: Store, image: str, sha256: str, pictures: dict[str, ObjectInfo], contents: bool
) -> str | None:
    if image in pictures and not contents:
        return None
    try:
        # One that was not listed may have been written since.
        data = store.read(image)
    except NotFoundError:
        return "there is no such picture"
    if hashlib.sha256(data).hexdigest() != sha256:
        return f"the picture ({len(data)} bytes) is not the one that was filed"
    return None
