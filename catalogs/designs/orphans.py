"""Objects of a design catalog that nobody needs: found with a grace time, and removed one by one."""

import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import pyarrow as pa

from catalogs import keys
from catalogs.designs import provenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.maintenance import READERS, examine, read_records, repair
from catalogs.errors import CatalogError, NotAllowedError
from catalogs.storage.claims import LEASE, Claims
from catalogs.storage.store_contract import ObjectInfo


def find_removable(catalog: DesignCatalog, grace: timedelta) -> list[ObjectInfo]:
    """Objects that nobody needs and that are older than `grace`: leftovers of killed runs, and outdated thumbnails.

    A thumbnail is outdated where no record names its picture, or the record's words differ from the thumbnail's XMP.

    Killed runs leave pictures without a record, halves of files, claims and probes. Objects of designs that a living
    run is making are never among the result, whatever their age: clocks jump, and are set wrong. Ages are by the
    store's clock.

    The grace time must be longer than a run keeps a picture without its record: `commit_seconds`, and the time of a
    shard. A day is ample.

    Raises CatalogError where a table has lost records, or there are pictures and no table of designs.
    """
    claims = Claims(catalog.store, f"upkeep-{uuid.uuid4().hex[:12]}")
    try:
        with claims.held():
            now, others = claims.now(), claims.others()
            # Halves and probes bear no name of a run; those of a living run are seconds old.
            grace = max(grace, LEASE) if others else grace
            # S3 gives whole seconds.
            candidates = [
                candidate for candidate in _unneeded_objects(catalog) if candidate.modified <= now - grace
            ]
            mine = keys.claim_holder(claims.holder)
            in_work = claims.at_work({_about(candidate.key) for candidate in candidates})
    except NotAllowedError:
        # Credentials that may only read may list: the same credentials cannot remove anything.
        return [
            candidate
            for candidate in _unneeded_objects(catalog)
            if candidate.modified < datetime.now(UTC) - grace
        ]
    signs = {keys.claim_holder(holder) for holder in others} | {mine}
    return [
        candidate
        for candidate in candidates
        if _about(candidate.key) not in in_work and candidate.key not in signs
    ]


def _about(key: str) -> str:
    """The design_id that a picture or a claim is about; empty where the key is of another kind."""
    if key.startswith(keys.CLAIM_DESIGNS):
        return keys.claimed_by(key)
    return keys.design_of(key) if keys.is_design_image(key) else ""


def _unneeded_objects(catalog: DesignCatalog) -> Iterator[ObjectInfo]:
    small = list(catalog.store.list(keys.THUMBNAILS))
    pictures = examine(catalog, contents=False).orphans
    if pictures and catalog.version() is None:
        raise CatalogError(
            f"{catalog.store.uri} has {len(pictures)} pictures in '{keys.IMAGES}' and no table of designs: is"
            f" '{keys.TABLE}' lost? Bring it back from a copy of the catalog. If no run has ever filed a design here,"
            " a run makes the table."
        )
    # Records are read after the listing: a thumbnail of a record that is corrected meanwhile is not outdated.
    shown = _thumbnails(catalog) if small else set()
    thumbnails = (thumbnail for thumbnail in small if thumbnail.key.rpartition("/")[2] not in shown)
    left = (catalog.store.list(prefix) for prefix in (keys.CLAIMS, keys.PROBE))
    return chain(pictures, thumbnails, catalog.store.leftovers(), *left)


def _thumbnails(catalog: DesignCatalog) -> set[str]:
    """Names of the thumbnails that browsers ask for, by the records as they are now."""

    def names(batches: Iterable[pa.Table]) -> set[str]:
        """The names for the records of some batches."""
        records = chain.from_iterable(rows.to_pylist() for rows in batches)
        return {keys.thumbnail_name(record["design_id"], provenance.version(record)) for record in records}

    return catalog.over(["image_sha256", *provenance.COLUMNS], names)


def discard(catalog: DesignCatalog, objects: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    """Remove objects that nobody needs; returns the objects that were removed.

    A run may be writing one of these very pictures again (one design, one device, one key). So each object is
    looked at once more just before it is removed. A record that was filed for a removed picture all the same is taken
    out again: its design is made anew. `examine` finds what is left of the race.
    """

    def remove(candidate: ObjectInfo) -> bool:
        """Remove an object unless it has changed; returns whether it was removed."""
        present = catalog.store.stat(candidate.key)
        same = present is not None and _comparable(present) == _comparable(candidate)
        if same:
            catalog.store.delete(candidate.key)
        return same

    with ThreadPoolExecutor(READERS) as pool:
        objects = list(objects)
        gone = [
            candidate
            for candidate, removed in zip(objects, pool.map(remove, objects), strict=True)
            if removed
        ]
    removed = {candidate.key for candidate in gone}
    repair(catalog, (record for record in read_records(catalog) if record.image in removed))
    return gone


def _comparable(info: ObjectInfo) -> ObjectInfo:
    """An object so that two answers about it are equal: some S3 stores give fractions of a second in listings only."""
    return replace(info, modified=info.modified.replace(microsecond=0))
