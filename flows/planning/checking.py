"""Checks of whole catalogs for `stylemill check`: every row and picture, and style sets that are not sealed yet."""

from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass

from catalogs.errors import CatalogsError
from catalogs.inputs.content_digests import usable_records
from catalogs.inputs.garments import read_garments
from catalogs.inputs.repeats import Cloth, missing_widths
from catalogs.inputs.style_sets import unsealed_sets
from catalogs.inputs.styles import read_set, read_styles
from catalogs.records import Garment, Problem, Style
from catalogs.storage.store_contract import S3Options, Store
from catalogs.storage.stores import open_store
from flows.wording import format_count


@dataclass(frozen=True)
class CatalogCheck:
    """The result of checking a catalog or a style set: its usable records, its problems, and its notes.

    `unusable` counts rows, of which each may have several problems.
    """

    usable: Sequence[Garment | Style]
    unusable: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def check_garments(store: Store, max_pixels: int, cloths: MutableMapping[str, Cloth]) -> CatalogCheck:
    """Check a garment catalog; puts the size of each garment's cloth into `cloths`."""
    reading = read_garments(store)
    good, bad, notes = usable_records(store, reading.records, max_pixels, cloths)
    bare = sum(not garment.mask for garment in good)
    remarks = list(map(str, (*reading.remarks, *notes)))
    if bare:
        remarks.insert(
            0,
            f"{format_count(bare, 'garment')} without a mask: all of the picture is painted, but where it is"
            " transparent.",
        )
    return _make_check(good, reading.problems, bad, remarks)


def check_styles(store: Store, max_pixels: int, cloths: MutableMapping[str, Cloth]) -> CatalogCheck:
    """Check a style catalog with its sealed sets; compares the repeats of prints with the `cloths` of garments."""
    reading = read_styles(store)
    good, bad, notes = usable_records(store, reading.records, max_pixels, cloths)
    return _make_check(good, reading.problems, bad, list(map(str, (*reading.remarks, *notes))))


def check_unsealed(store: Store, s3: S3Options, max_pixels: int) -> Iterator[str]:
    """Yield notes on each style set that is not sealed yet: how much of it can be used, and what seals it.

    A set that is still being copied has rows without pictures: its problems are not counted against the catalog.
    """
    for name in unsealed_sets(store):
        folder = open_store(f"{store.uri}/{name}", s3)
        try:
            reading = read_set(folder)
            good, bad, notes = usable_records(folder, reading.records, max_pixels)
        except CatalogsError as error:
            yield f"style set '{name}' is not sealed, and cannot be read: {error}"
            continue
        check = _make_check(good, reading.problems, bad, list(map(str, (*reading.remarks, *notes))))
        yield (
            f"style set '{name}' is not sealed: {format_count(len(good), 'style')} can be used, {check.unusable} cannot."
            f" It counts when 'stylemill seal {folder.uri}' has written its manifest"
        )
        yield from map(str, check.problems)
        yield from check.notes


def check_widths(garments: CatalogCheck, styles: CatalogCheck) -> Iterator[str]:
    """Yield notes on widths that only one of the two catalogs has: a print's true size needs both."""
    yield from missing_widths(
        [record for record in garments.usable if isinstance(record, Garment)],
        [record for record in styles.usable if isinstance(record, Style)],
    )


def _make_check(
    good: Sequence[Garment | Style], rows: Sequence[Problem], bad: Sequence[Problem], notes: Sequence[str]
) -> CatalogCheck:
    return CatalogCheck(good, len({problem.row for problem in rows}) + len(bad), (*rows, *bad), tuple(notes))
