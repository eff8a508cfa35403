"""The garment catalog: a table beside garment templates."""

from dataclasses import fields
from typing import cast

from catalogs.errors import NotFoundError
from catalogs.records import Garment, Reading
from catalogs.rows import RowReader, read_rows
from catalogs.store_contract import Store
from catalogs.tables import read_catalog, read_table

REQUIRED = ("garment_id", "image")
COLUMNS = tuple(f.name for f in fields(Garment) if f.name not in ("further", "stated", "row", "digest"))
PART_LABELS = "part_labels.csv"


def read_garments(store: Store) -> Reading[Garment]:
    """Every usable garment, and for each unusable row all that is wrong with it."""
    table = read_catalog(store, REQUIRED, COLUMNS)
    existing = {entry.key for entry in store.list()}
    schemes = set(part_labels(store)) if PART_LABELS in existing else set()
    records, problems = read_rows(table, "garment_id", existing, lambda reader: _garment(reader, schemes))
    return Reading(tuple(cast(list[Garment], records)), tuple(problems), table.remarks)


def part_labels(store: Store) -> dict[str, dict[int, str]]:
    """Names of part indices by scheme, from `part_labels.csv` (`scheme,index,name`)."""
    try:
        table = read_table(store, PART_LABELS, known=("scheme", "index", "name"))
    except NotFoundError:
        return {}
    schemes: dict[str, dict[int, str]] = {}
    for row in table.rows:
        if row.get("index", "").isdigit():
            schemes.setdefault(row.get("scheme", ""), {})[int(row["index"])] = row.get("name", "")
    return schemes


def _garment(reader: RowReader, schemes: set[str]) -> Garment:
    parts, scheme = reader.object("parts"), reader.text("part_scheme") or None
    if parts and not scheme:
        reader.problem("part_scheme", f"parts are given but no scheme; name one of {PART_LABELS}")
    elif parts and scheme not in schemes:
        listed = ", ".join(sorted(schemes)) or "none"
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
