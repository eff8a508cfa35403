"""Digests of the contents behind records, and a check whether the contents can be used."""

import hashlib
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from catalogs.errors import (
    CatalogsError,
    ChangedError,
    ImageError,
    InvalidKeyError,
    MaskError,
    NotFoundError,
    PartMapError,
    RepeatError,
)
from catalogs.images.codec import decode
from catalogs.inputs.digest_cache import DigestCache
from catalogs.inputs.repeats import (
    Cloth,
    check_proportion,
    cloth_size,
    is_odd_width,
    odd_width_note,
    repeat_remarks,
)
from catalogs.records import Garment, Problem, Style
from catalogs.storage.store_contract import ObjectInfo, Store
from catalogs.tables.catalog_files import CSV
from catalogs.templates.flat_levels import BLACK
from catalogs.templates.picture_remarks import border_note, flat_borders, has_own_print, own_print_note
from catalogs.templates.template import decode_template

READERS = 8

RECORD_FAULTS = (ImageError, MaskError, RepeatError, NotFoundError, InvalidKeyError, ChangedError)
"""Errors that are a record's own fault; any other error is the store's, and passes."""
Record = TypeVar("Record", Garment, Style)


def with_digests(
    store: Store, records: Sequence[Record], cache: DigestCache | None = None
) -> tuple[list[Record], list[Problem]]:
    """Records with the digest of their contents; records whose objects cannot be read become problems.

    Objects that the cache knows are not read. A picture that differs from its set's manifest (ChangedError) is a problem
    of its record. A store that refuses or does not answer is no fault of a record: its error passes.
    """
    objects = {info.key: info for info in store.list()} if cache and records else {}
    read: dict[str, str] = {}

    def sha256(key: str) -> str:
        """The digest of an object, from the cache or from its bytes."""
        info = objects.get(key)
        if cache and info and (known := cache.get(store, info)):
            return known
        read[key] = hashlib.sha256(store.read(key)).hexdigest()
        return read[key]

    def digest(record: Record) -> Record:
        """A record with its digest; ChangedError where the picture is not the manifest's."""
        sums = [sha256(key) if key else "" for key in record.object_keys]
        wanted = "" if isinstance(record, Garment) else record.sha256
        if wanted and sums[0] != wanted:
            raise ChangedError(
                "the picture is not the one of its set's manifest; copy it again, or seal the set"
            )
        return replace(record, digest=_digest(sums))

    sorted_out = _sorted_out(store, records, digest)
    if cache and records:
        cache.listed(store, objects)
        _keep(cache, store, objects, read)
    return sorted_out


def _keep(
    cache: DigestCache, store: Store, before: Mapping[str, ObjectInfo], read: Mapping[str, str]
) -> None:
    """Put new digests into the cache, unless the object was replaced between the listing and the reading."""
    after = {info.key: info for info in store.list()} if read else {}
    for key, digest in read.items():
        if key in after and before.get(key) == after[key]:
            cache.put(store, after[key], digest)


def read_contents(store: Store, record: Garment | Style) -> list[bytes]:
    """The bytes behind a record: picture, then a garment's mask and part map (empty where it has none).

    Raises ChangedError where they do not have the record's digest: its designs would be filed under a key of other
    contents.
    """
    contents = [store.read(key) if key else b"" for key in record.object_keys]
    pairs = zip(record.object_keys, contents, strict=True)
    sums = [hashlib.sha256(data).hexdigest() if key else "" for key, data in pairs]
    if record.digest and _digest(sums) != record.digest:
        raise ChangedError(
            "the picture or mask was replaced while the run was on; run again to use the new one"
        )
    return contents


def _digest(sums: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def usable_records(
    store: Store,
    records: Sequence[Record],
    max_pixels: int,
    cloths: MutableMapping[str, Cloth] | None = None,
) -> tuple[list[Record], list[Problem], list[Problem]]:
    """Decode every picture, mask and part map: usable records, problems of the others, and notes on the usable.

    A note says what a person should look at, as a mask that may be the wrong way round. How large the cloth of
    garments is goes into `cloths`, where that is given; the repeats of styles are held against what is in it.
    """
    notes: dict[str, list[Problem]] = {}
    printed: set[str] = set()

    def look(record: Record) -> Record:
        contents = read_contents(store, record)
        if isinstance(record, Garment):
            template = decode_template(*contents, max_pixels=max_pixels)
            column = "mask" if record.mask else "image"
            notes[record.record_id] = [_about(store, record, column, note) for note in template.notes]
            if cloths is not None and has_own_print(template):
                printed.add(record.record_id)
            if cloths is not None and record.print_width_cm and is_odd_width(record):
                what = odd_width_note(record.print_width_cm)
                notes[record.record_id].append(_about(store, record, "print_width_cm", what))
            if cloths is not None and (cloth := cloth_size(record, template)):
                cloths[record.record_id] = cloth
        else:
            picture = decode(*contents, max_pixels=max_pixels)
            check_proportion(record, picture.size)
            if picture.alpha is not None and not (picture.alpha >= BLACK).any():
                raise ImageError("the picture is transparent everywhere; export it with what it shows")
            if borders := flat_borders(picture.rgb):
                notes[record.record_id] = [_about(store, record, "image", border_note(borders))]
        return record

    good, problems = _sorted_out(store, records, look)
    said = [note for record in good for note in notes.get(record.record_id, ())]
    if printed_ids := [record.record_id for record in good if record.record_id in printed]:
        catalog = next(record.catalog for record in good if record.record_id in printed) or CSV
        said.append(Problem(f"{store.uri}/{catalog}", 0, "", "", "", own_print_note(printed_ids)))
    styles = [record for record in good if isinstance(record, Style)]
    said += [_about(store, *remark) for remark in repeat_remarks(styles, cloths or {})]
    return good, problems, said


def _sorted_out(
    store: Store, records: Sequence[Record], work: Callable[[Record], Record]
) -> tuple[list[Record], list[Problem]]:
    def attempt(record: Record) -> Record | Problem:
        try:
            return work(record)
        except RECORD_FAULTS as error:
            return record_problem(store, record, error)

    with ThreadPoolExecutor(READERS) as pool:
        results = list(pool.map(attempt, records))
    return [r for r in results if not isinstance(r, Problem)], [r for r in results if isinstance(r, Problem)]


def record_problem(store: Store, record: Garment | Style, error: CatalogsError) -> Problem:
    """The problem of a record with unusable contents."""
    columns: dict[type[CatalogsError], str] = {
        PartMapError: "parts",
        MaskError: "mask",
        RepeatError: "repeat_height_cm",
    }
    return _about(store, record, columns.get(type(error), "image"), str(error))


def _about(store: Store, record: Garment | Style, column: str, what: str) -> Problem:
    value = getattr(record, column) or ""
    value = value if isinstance(value, str) else f"{value:g}"
    return Problem(f"{store.uri}/{record.catalog or CSV}", record.row, record.record_id, column, value, what)
