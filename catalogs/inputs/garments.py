"""The garment catalog: a table beside garment templates."""

import re
from collections.abc import Container
from dataclasses import dataclass, field, fields, replace
from typing import cast

from catalogs.errors import CatalogError
from catalogs.inputs.catalog_rows import read_catalog, read_table
from catalogs.inputs.file_names import FileNames
from catalogs.inputs.rows import RowReader, read_rows
from catalogs.records import Garment, Problem, Reading
from catalogs.storage.store_contract import Store
from catalogs.tables.catalog_files import copies_beside

REQUIRED = ("garment_id", "image")
COLUMNS = tuple(
    f.name for f in fields(Garment) if f.name not in ("further", "stated", "row", "digest", "catalog")
)
PART_LABELS = "part_labels.csv"
OF_LABELS = ("scheme", "index")
"""Columns without which a label says nothing; `name` is for people."""
INDEX = re.compile("[0-9]{1,3}")
LARGEST_INDEX = 255
"""A part map has 8 bits a pixel."""


@dataclass(frozen=True)
class PartLabels:
    """Names of part indices by scheme, and the problems of the table of names."""

    schemes: dict[str, dict[int, str]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()


def read_garments(store: Store) -> Reading[Garment]:
    """Every usable garment, and for each unusable row all its problems."""
    table = read_catalog(store, REQUIRED, COLUMNS)
    existing = {entry.key for entry in store.list()}
    labels = part_labels(store, existing)
    records, problems = read_rows(table, "garment_id", existing, lambda reader: _garment(reader, labels))
    catalog = table.name.removeprefix(f"{store.uri}/")
    garments = tuple(replace(garment, catalog=catalog) for garment in cast(list[Garment], records))
    remarks = (*table.remarks, *copies_beside(store, catalog, existing), *labels.remarks)
    return Reading(garments, (*labels.problems, *problems), remarks)


def part_labels(store: Store, existing: Container[str]) -> PartLabels:
    """The names in `part_labels.csv` (`scheme,index,name`); `existing` holds all keys of the store.

    A scheme is known by any row that names it. A row that cannot be used is a problem, and so is a table
    without these columns.
    """
    if PART_LABELS not in existing:
        return PartLabels()
    try:
        table = read_table(store, PART_LABELS, OF_LABELS, (*OF_LABELS, "name"))
    except CatalogError as error:
        place = f"{store.uri}/{PART_LABELS}"
        what = str(error).removeprefix(place).lstrip(":, ")
        return PartLabels(problems=(Problem(place, 0, "", "", "", what),))
    schemes: dict[str, dict[int, str]] = {}
    problems: list[Problem] = []
    for index in range(len(table.rows)):
        reader = RowReader(table, index, "", FileNames(()))
        if not reader.unreadable:
            _label(reader, schemes)
        problems += reader.problems
    return PartLabels(schemes, tuple(problems), table.remarks)


def _label(reader: RowReader, schemes: dict[str, dict[int, str]]) -> None:
    """Add a row's name of an index, or note why it cannot be used."""
    scheme, index, name = (reader.text(column) for column in (*OF_LABELS, "name"))
    if not scheme:
        reader.problem("scheme", "is empty; write the scheme's name in every row")
        return
    names = schemes.setdefault(scheme, {})
    if not INDEX.fullmatch(index) or int(index) > LARGEST_INDEX:
        what = f"is no index of a part; write a whole number from 0 to {LARGEST_INDEX}, as 1"
        reader.problem("index", what)
    elif names.setdefault(int(index), name) != name:
        reader.problem("index", f"is named '{names[int(index)]}' by a row above; keep one")


def _garment(reader: RowReader, labels: PartLabels) -> Garment:
    parts, scheme = reader.object("parts"), reader.text("part_scheme") or None
    if parts and not scheme:
        reader.problem("part_scheme", f"parts are given but no scheme; name one of {PART_LABELS}")
    elif parts and scheme not in labels.schemes:
        listed = ", ".join(sorted(labels.schemes)) or "none"
        reader.problem("part_scheme", f"is not in {PART_LABELS} (schemes there: {listed})")
    return Garment(
        garment_id=reader.identifier("garment_id"),
        image=reader.object("image", required=True) or "",
        mask=reader.object("mask"),
        parts=parts,
        part_scheme=scheme,
        category=reader.text("category"),
        title=reader.text("title"),
        season=reader.text("season"),
        print_width_cm=reader.positive("print_width_cm"),
        licence=reader.text("licence"),
        tags=reader.tags(),
        further=reader.further(COLUMNS),
        stated=reader.columns,
        row=reader.row,
    )
