"""What `stylemill check` finds: every row and picture of both catalogs, and of style sets that are not sealed yet."""

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
from flows.wording import counted


@dataclass(frozen=True)
class Checked:
    """A catalog, or a style set, that was looked at: what can be used of it, and what is wrong or to be noted.

    `unusable` counts rows, of which each may have several problems.
    """

    usable: Sequence[Garment | Style]
    unusable: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def check_garments(store: Store, max_pixels: int, cloths: MutableMapping[str, Cloth]) -> Checked:
    """Look at a garment catalog; `cloths` takes how large the garments' cloth is."""
    reading = read_garments(store)
    good, bad, notes = usable_records(store, reading.records, max_pixels, cloths)
    bare = sum(not garment.mask for garment in good)
    remarks = list(map(str, (*reading.remarks, *notes)))
    if bare:
        remarks.insert(
            0,
            f"{counted(bare, 'garment')} without a mask: all of the picture is painted, but where it is transparent.",
        )
    return _checked(good, reading.problems, bad, remarks)


def check_styles(store: Store, max_pixels: int, cloths: MutableMapping[str, Cloth]) -> Checked:
    """Look at a style catalog with its sealed sets; their repeats are held against the `cloths` of garments."""
    reading = read_styles(store)
    good, bad, notes = usable_records(store, reading.records, max_pixels, cloths)
    return _checked(good, reading.problems, bad, list(map(str, (*reading.remarks, *notes))))


def check_unsealed(store: Store, s3: S3Options, max_pixels: int) -> Iterator[str]:
    """What to know of each style set that is not sealed yet: how much of it can be used, and what seals it.

    A set that is still being copied has rows without pictures: its problems are no fault of the catalog.
    """
    for name in unsealed_sets(store):
        folder = open_store(f"{store.uri}/{name}", s3)
        try:
            reading = read_set(folder)
            good, bad, notes = usable_records(folder, reading.records, max_pixels)
        except CatalogsError as error:
            yield f"style set '{name}' is not sealed, and cannot be read: {error}"
            continue
        found = _checked(good, reading.problems, bad, list(map(str, (*reading.remarks, *notes))))
        yield (
            f"style set '{name}' is not sealed: {counted(len(good), 'style')} can be used, {found.unusable} cannot. It"
            f" counts when 'stylemill seal {folder.uri}' has written its manifest"
        )
        yield from map(str, found.problems)
        yield from found.notes


def check_together(garments: Checked, styles: Checked) -> Iterator[str]:
    """What is to be noted of both catalogs together: widths that only one of them has."""
    yield from missing_widths(
        [one for one in garments.usable if isinstance(one, Garment)],
        [one for one in styles.usable if isinstance(one, Style)],
    )


def _checked(
    good: Sequence[Garment | Style], rows: Sequence[Problem], bad: Sequence[Problem], notes: Sequence[str]
) -> Checked:
    return Checked(good, len({one.row for one in rows}) + len(bad), (*rows, *bad), tuple(notes))
