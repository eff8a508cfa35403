"""Digests of the contents behind records, and a look at whether they can be used."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from catalogs.errors import CatalogsError, ImageError, InvalidKeyError, MaskError, NotFoundError
from catalogs.images import decode, decode_mask
from catalogs.records import Garment, Problem, Style
from catalogs.store_contract import Store

READERS = 8

RECORD_FAULTS = (ImageError, MaskError, NotFoundError, InvalidKeyError)
"""What is wrong with a record itself; any other error is the store's, and goes through."""
Record = TypeVar("Record", Garment, Style)


def with_digests(store: Store, records: Sequence[Record]) -> tuple[list[Record], list[Problem]]:
    """Records with the digest of their contents; those whose objects cannot be read become problems.

    A store that refuses or does not answer is no fault of a record: its error goes through.
    """

    def digest(record: Record) -> Record:
        keys = (record.image, record.mask) if isinstance(record, Garment) else (record.image,)
        sums = [hashlib.sha256(store.read(key)).hexdigest() if key else "" for key in keys]
        return replace(record, digest=hashlib.sha256("\n".join(sums).encode()).hexdigest())

    return _sorted_out(store, records, digest)


def usable(store: Store, records: Iterable[Record], max_pixels: int) -> tuple[list[Record], list[Problem]]:
    """Decode every picture and mask; records that cannot be used become problems."""

    def look(record: Record) -> Record:
        picture = decode(store.read(record.image), max_pixels=max_pixels)
        if isinstance(record, Garment) and record.mask:
            decode_mask(store.read(record.mask), picture.size, max_pixels=max_pixels)
        elif isinstance(record, Garment) and picture.alpha is not None and not picture.alpha.any():
            raise ImageError("the picture is transparent everywhere and has no mask; give one of them")
        return record

    return _sorted_out(store, list(records), look)


def _sorted_out(
    store: Store, records: Sequence[Record], work: Callable[[Record], Record]
) -> tuple[list[Record], list[Problem]]:
    def attempt(record: Record) -> Record | Problem:
        try:
            return work(record)
        except RECORD_FAULTS as error:
            return problem(store, record, error)

    with ThreadPoolExecutor(READERS) as pool:
        results = list(pool.map(attempt, records))
    return [r for r in results if not isinstance(r, Problem)], [r for r in results if isinstance(r, Problem)]


def problem(store: Store, record: Garment | Style, error: CatalogsError) -> Problem:
    """What is wrong with a record's contents, as a row's problem."""
    name = record.garment_id if isinstance(record, Garment) else record.style_id
    column = "mask" if isinstance(record, Garment) and isinstance(error, MaskError) else "image"
    value = (record.mask if isinstance(record, Garment) and column == "mask" else record.image) or ""
    return Problem(f"{store.uri}/catalog.csv", record.row, name, column, value, str(error))
