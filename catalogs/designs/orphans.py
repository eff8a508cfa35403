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
    """What nobody needs, older than `grace`: what killed runs left, and outdated thumbnails.

    A thumbnail is outdated where no record names its picture, or says what the thumbnail's XMP says.

    Killed runs leave pictures without a record, halves of files, claims, probes. What a run that lives has in work
    is never among it, whatever its age: clocks jump, and are set wrong. Ages are by the store's clock.

    The grace time must be longer than a run keeps a picture without its record: `commit_seconds`, and what
    a shard needs. A day is ample.
    """
    claims = Claims(catalog.store, f"upkeep-{uuid.uuid4().hex[:12]}")
    try:
        with claims.held():
            now, others = claims.now(), claims.others()
            # Halves and probes bear no name of a run; those of one that lives are seconds old.
            grace = max(grace, LEASE) if others else grace
            # S3 tells whole seconds.
            candidates = [candidate for candidate in _nobodys(catalog) if candidate.modified <= now - grace]
            mine = keys.claim_holder(claims.holder)
            in_work = claims.at_work({_about(candidate.key) for candidate in candidates})
    except NotAllowedError:
        # Who may only read may look: nothing can be removed by the same rights.
        return [
            candidate for candidate in _nobodys(catalog) if candidate.modified < datetime.now(UTC) - grace
        ]
    signs = {keys.claim_holder(holder) for holder in others} | {mine}
    return [
        candidate
        for candidate in candidates
        if _about(candidate.key) not in in_work and candidate.key not in signs
    ]


def _about(key: str) -> str:
    """Which design a picture or a claim is about; empty where it is about none."""
    if key.startswith(keys.CLAIM_DESIGNS):
        return keys.claimed_by(key)
    return keys.design_of(key) if keys.is_design_image(key) else ""


def _nobodys(catalog: DesignCatalog) -> Iterator[ObjectInfo]:
    small = list(catalog.store.list(keys.THUMBNAILS))
    pictures = examine(catalog, contents=False).orphans
    if pictures and catalog.version() is None:
        raise CatalogError(
            f"{catalog.store.uri} has {len(pictures)} pictures in '{keys.IMAGES}' and no table of designs: is"
            f" '{keys.TABLE}' lost? Bring it back from a copy of the catalog. If no run has ever filed a design here,"
            " a run makes the table."
        )
    # Records are read after the listing: a thumbnail of one that is corrected meanwhile is not taken for outdated.
    shown = _thumbnails(catalog) if small else set()
    thumbnails = (thumbnail for thumbnail in small if thumbnail.key.rpartition("/")[2] not in shown)
    left = (catalog.store.list(prefix) for prefix in (keys.CLAIMS, keys.PROBE))
    return chain(pictures, thumbnails, catalog.store.leftovers(), *left)


def _thumbnails(catalog: DesignCatalog) -> set[str]:
    """Names of the thumbnails that browsers ask for, by what records say now."""

    def names(batches: Iterable[pa.Table]) -> set[str]:
        records = chain.from_iterable(rows.to_pylist() for rows in batches)
        return {keys.thumbnail_name(record["design_id"], provenance.version(record)) for record in records}

    return catalog.over(["image_sha256", *provenance.COLUMNS], names)


def discard(catalog: DesignCatalog, objects: Iterable[ObjectInfo]) -> list[ObjectInfo]:
    """Remove what nobody claims; returns what was removed.

    A run may be writing one of these very pictures again (one design, one device, one key). So each is
    looked at once more just before it goes, and a record that was filed for one all the same is taken out
    again: its design is made anew. What is left of the race, `examine` finds.
    """

    def remove(candidate: ObjectInfo) -> bool:
        present = catalog.store.stat(candidate.key)
        same = present is not None and _seen(present) == _seen(candidate)
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


def _seen(info: ObjectInfo) -> ObjectInfo:
    """An object as two answers tell it alike: some S3 stores tell fractions of a second in listings only."""
    return replace(info, modified=info.modified.replace(microsecond=0))
