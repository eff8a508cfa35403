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
from catalogs.templates.flat_borders import flat_border
from catalogs.templates.flat_levels import BLACK
from catalogs.templates.picture_remarks import has_own_print, own_print_note
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
        if record.sha256 and sums[0] != record.sha256:
            raise ChangedError(
                "the picture is not the one of its set's manifest; copy it again, or seal the set"
            )
        return replace(record, digest=_digest(sums))

    sorted_out = _usable_and_problems(store, records, digest)
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

    A note says what a person should look at, as a mask that may be the wrong way round. The size of garments' cloth
    goes into `cloths`, where that is given; the repeats of styles are compared with the sizes in it.
    """
    check = _ContentCheck(store, max_pixels, cloths)
    good, problems = _usable_and_problems(store, records, check.require_usable)
    return good, problems, check.notes_on(good)


class _ContentCheck:
    """Decodes the contents of records, and collects notes on them. Safe to use from several threads."""

    def __init__(self, store: Store, max_pixels: int, cloths: MutableMapping[str, Cloth] | None) -> None:
        self._store, self._max_pixels, self._cloths = store, max_pixels, cloths
        self._notes: dict[str, list[Problem]] = {}
        self._printed: set[str] = set()

    def require_usable(self, record: Record) -> Record:
        """The record itself; ImageError, MaskError, RepeatError or ChangedError where it cannot be used."""
        contents = read_contents(self._store, record)
        if isinstance(record, Garment):
            self._check_garment(record, contents)
        else:
            self._check_style(record, contents)
        return record

    def _check_garment(self, garment: Garment, contents: Sequence[bytes]) -> None:
        template = decode_template(*contents, max_pixels=self._max_pixels)
        column = "mask" if garment.mask else "image"
        notes = [_problem_of(self._store, garment, column, note) for note in template.notes]
        self._notes[garment.garment_id] = notes
        if self._cloths is None:
            return
        if has_own_print(template):
            self._printed.add(garment.garment_id)
        if garment.print_width_cm and is_odd_width(garment):
            what = odd_width_note(garment.print_width_cm)
            notes.append(_problem_of(self._store, garment, "print_width_cm", what))
        if cloth := cloth_size(garment, template):
            self._cloths[garment.garment_id] = cloth

    def _check_style(self, style: Style, contents: Sequence[bytes]) -> None:
        picture = decode(*contents, max_pixels=self._max_pixels)
        check_proportion(style, picture.size)
        if picture.alpha is not None and not (picture.alpha >= BLACK).any():
            raise ImageError("the picture is transparent everywhere; export it with what it shows")
        # A declared repeat is a tile: its edges belong to the pattern.
        if style.repeat == "none" and (border := flat_border(picture)):
            self._notes[style.style_id] = [_problem_of(self._store, style, "image", border.note)]

    def notes_on(self, good: Sequence[Garment | Style]) -> list[Problem]:
        """Notes on usable records: on each record first, then on all garments, then on repeats of styles."""
        notes = [note for record in good for note in self._notes.get(record.record_id, ())]
        printed = [record for record in good if record.record_id in self._printed]
        if printed:
            place = f"{self._store.uri}/{printed[0].catalog or CSV}"
            what = own_print_note([record.record_id for record in printed])
            notes.append(Problem(place, 0, "", "", "", what))
        styles = [record for record in good if isinstance(record, Style)]
        return notes + [
            _problem_of(self._store, *remark) for remark in repeat_remarks(styles, self._cloths or {})
        ]


def _usable_and_problems(
    store: Store, records: Sequence[Record], work: Callable[[Record], Record]
) -> tuple[list[Record], list[Problem]]:
    def attempt(record: Record) -> Record | Problem:
        """The record after the work, or the problem that the work met."""
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
    return _problem_of(store, record, columns.get(type(error), "image"), str(error))


def _problem_of(store: Store, record: Garment | Style, column: str, what: str) -> Problem:
    value = getattr(record, column) or ""
    value = value if isinstance(value, str) else f"{value:g}"
    return Problem(f"{store.uri}/{record.catalog or CSV}", record.row, record.record_id, column, value, what)
