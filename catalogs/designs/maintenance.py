"""Maintenance of a design catalog: examination of records and pictures, repair, and tidying of tables.

Findings are reported; repair needs an explicit call. Objects that nobody needs are in `orphans`.
"""

import hashlib
import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

import pyarrow as pa

from catalogs import keys
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.design_columns import SCHEMA
from catalogs.designs.facts import CORRECTIONS, correction_table, note_again
from catalogs.designs.lost_records import YOUNG, LostRecords, files_behind_the_log, find_lost_records
from catalogs.designs.reviews.review_log import LOG, ReviewLog
from catalogs.errors import CatalogError, NotFoundError
from catalogs.storage.claims import LEASE, Claims
from catalogs.storage.delta.delta_tables import TableInStore
from catalogs.storage.store_contract import ObjectInfo, Store

log = logging.getLogger(__name__)

READERS = 16


def _columns(schema: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([pa.field(name, schema.field(name).type) for name in names])


IDENTITIES = {
    keys.TABLE: (
        ("design_id",),
        _columns(SCHEMA, "created_at", "design_id", "style_id", "image", "image_sha256"),
    ),
    keys.REVIEWS: (("act_id",), _columns(LOG, "at", "act_id", "seq", "position", "what", "design_id")),
    keys.CORRECTIONS: (
        ("record", "column", "corrected_at"),
        _columns(CORRECTIONS, "corrected_at", "record", "column", "before", "after"),
    ),
}
"""The identifying columns of a table's records, and columns that its files have; reviews make the other tables."""
TABLES = (keys.TABLE, keys.REVIEWS, keys.VERDICTS, keys.SHORTLISTS, keys.CORRECTIONS)


@dataclass(frozen=True)
class FiledPicture:
    """What a record says of its picture: its key and SHA-256; `what_of` names garment, style and recipe for people."""

    design_id: str
    image: str
    sha256: str
    what_of: str = ""


@dataclass(frozen=True)
class Fault(FiledPicture):
    """A record whose picture is missing or is not the one that was filed, and what is wrong with it."""

    what: str = ""


@dataclass(frozen=True)
class Findings:
    """The result of an examination: records looked at, faults, and pictures of designs that no record names."""

    designs: int
    faults: tuple[Fault, ...]
    orphans: tuple[ObjectInfo, ...]


def examine(catalog: DesignCatalog, *, contents: bool = True) -> Findings:
    """Compare every record with its picture.

    With `contents` every picture is read and its SHA-256 compared; without, only its existence is checked.
    Pictures are listed before records are read: a picture whose record is filed meanwhile does not count as an orphan.

    Raises CatalogError where a table has lost records: pictures of these are not orphans either.
    """
    for name in TABLES:
        TableInStore(catalog.store, name).require_all_whole()
    _require_nothing_lost(catalog)
    pictures = {picture.key: picture for picture in catalog.store.list(keys.IMAGES)}
    records = read_records(catalog)

    def look(record: FiledPicture) -> str | None:
        # A picture that was not listed may have been written since.
        """What is wrong with the picture of a record; None where nothing is."""
        return None if record.image in pictures and not contents else _what_is_wrong(catalog.store, record)

    with ThreadPoolExecutor(READERS) as pool:
        whats = pool.map(look, records)
        faults = tuple(_fault(record, what) for record, what in zip(records, whats, strict=True) if what)
    faults += _doubled(records)
    # A commit may be missing, or about to come: pictures that only a data file names are not orphans.
    named = {record.image for record in records} | _about_to_be_named(catalog)
    orphans = (p for key, p in pictures.items() if key not in named and keys.is_design_image(key))
    return Findings(len(records), faults, tuple(orphans))


def repair(catalog: DesignCatalog, faults: Iterable[FiledPicture]) -> int:
    """Take out records that are still faulty, so that a run makes those designs again; returns how many.

    A record that was mended or filed anew since the examination stays.
    """
    faults = list(faults)
    doubled = {fault.design_id for fault in _doubled(read_records(catalog))} if faults else set()
    still = [fault for fault in faults if fault.design_id in doubled or _what_is_wrong(catalog.store, fault)]
    return catalog.remove([(fault.design_id, fault.sha256) for fault in still])


def give_up_files(catalog: DesignCatalog) -> dict[str, str]:
    """Take data files that are gone or cut out of all tables, with the records in them.

    A run makes the designs of these records again; acts about designs in these files are lost to the tables. So the
    rest of a file is moved and kept. Returns its new key by the old one, empty where the file is gone.
    """
    given_up: dict[str, str] = {}
    for table in (TableInStore(catalog.store, name) for name in TABLES):
        given_up |= table.give_up(table.broken_files())
    return given_up


def file_again(catalog: DesignCatalog) -> int:
    """File records in tables' data files that no commit names; returns how many.

    Acts of reviews are filed behind all others, because other acts may have their numbers by now.
    """
    reviews = ReviewLog(catalog.store)
    lost = {name: _lost(catalog, name) for name in IDENTITIES}
    filed = [catalog.file_rows(records.rows) for records in lost[keys.TABLE]]
    filed += [reviews.file_rows(records.rows) for records in lost[keys.REVIEWS]]
    filed += [note_again(catalog, records.rows) for records in lost[keys.CORRECTIONS]]
    return sum(filed)


def _lost(catalog: DesignCatalog, name: str, older: timedelta = YOUNG) -> list[LostRecords]:
    return find_lost_records(TableInStore(catalog.store, name), *IDENTITIES[name], older)


def behind_the_log(catalog: DesignCatalog) -> list[str]:
    """Data files of designs that are newer than the newest commit, and that no commit names."""
    return files_behind_the_log(TableInStore(catalog.store, keys.TABLE))


def _about_to_be_named(catalog: DesignCatalog) -> set[str]:
    """Pictures that records in data files name which no commit has named yet, or whose commit is gone."""
    images = (records.rows["image"].to_pylist() for records in _lost(catalog, keys.TABLE, timedelta(0)))
    return set(chain.from_iterable(images))


def _require_nothing_lost(catalog: DesignCatalog) -> None:
    """Raise CatalogError where a data file of a table holds records that no commit has ever named."""
    lost = [records for name in IDENTITIES for records in _lost(catalog, name)]
    if lost:
        count = sum(records.rows.num_rows for records in lost)
        raise CatalogError(
            f"{catalog.store.uri}/{lost[0].file}{' and others' if lost[1:] else ''}: no commit of the table names the"
            f" {count} records in it. A run was killed as it filed them, or a copy of the catalog missed the newest"
            " commit. 'stylemill doctor --repair' files them again; nothing is removed until then."
            + (ALL_GONE if catalog.version() is None else "")
        )


ALL_GONE = (
    " As the whole log of the table is gone, bring that back from a copy if you can: without it records that were taken"
    " out of the table before (their rights were withdrawn, say) come back with the others."
)


def tidy(catalog: DesignCatalog, retention: timedelta) -> tuple[int, int]:
    """Merge small files of all tables, and remove files that no version of `retention` needs; how many of each.

    One process does so at a time, to save work: another one that comes meanwhile does nothing. Ages are by the store's
    clock.
    """
    claims = Claims(catalog.store, f"upkeep-{uuid.uuid4().hex[:12]}")
    with claims.held(), claims.taken(["upkeep"]) as ours:
        if not ours:
            log.warning("%s is being tidied by another: nothing is merged here.", catalog.store.uri)
            return 0, 0
        # The Delta library goes by this machine's clock: if it is ahead, the library would remove new files of others.
        ahead = datetime.now(UTC) - claims.now()
        retention += ahead if ahead > LEASE else timedelta(0)
        tables = (catalog, ReviewLog(catalog.store), correction_table(catalog))
        done = [table.tidy(retention) for table in tables]
    return sum(merged for merged, _ in done), sum(removed for _, removed in done)


def _fault(record: FiledPicture, what: str) -> Fault:
    return Fault(**vars(record), what=what)


def read_records(catalog: DesignCatalog) -> list[FiledPicture]:
    """The picture of every record of a catalog."""
    columns = ["design_id", "image", "image_sha256", "garment_id", "style_id", "recipe"]
    table = catalog.read(columns)
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
    return [
        FiledPicture(design_id, image, sha256, f"{garment} in {style} by {recipe}:")
        for design_id, image, sha256, garment, style, recipe in rows
    ]


def _doubled(records: Sequence[FiledPicture]) -> tuple[Fault, ...]:
    """A fault for each design that has several records."""
    counts = Counter(record.design_id for record in records)
    several = {record.design_id: record for record in records if counts[record.design_id] > 1}
    return tuple(_fault(record, f"{counts[key]} records of one design") for key, record in several.items())


def _what_is_wrong(store: Store, record: FiledPicture) -> str | None:
    try:
        data = store.read(record.image)
    except NotFoundError:
        return "there is no such picture"
    if hashlib.sha256(data).hexdigest() != record.sha256:
        return f"the picture ({len(data)} bytes) is not the one that was filed"
    return None
