"""Columns of the design table: the fields of a design, with a column for each term of its loss."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import pyarrow as pa

from catalogs.records import LOSS_TERMS, Design

TEXT_LIST = pa.list_(pa.string())
SPECIAL = {
    "width": pa.int32(),
    "height": pa.int32(),
    "steps": pa.int32(),
    "changed_outside": pa.int32(),
    "created_at": pa.timestamp("us", tz="UTC"),
    "garment_tags": TEXT_LIST,
    "style_tags": TEXT_LIST,
    "colors": TEXT_LIST,
    "color_shares": pa.list_(pa.float64()),
}
"""Types of columns that are neither text nor float."""

NUMBERS = tuple(field.name for field in fields(Design) if field.type == "float" or field.type is float)
FURTHER = ("garment_further", "style_further")
LOSS = "loss_"
"""How the names of loss columns begin."""


def _columns() -> Iterator[pa.Field]:
    for field in fields(Design):
        if field.name == "term_losses":
            yield from (pa.field(LOSS + term, pa.float64()) for term in LOSS_TERMS)
        else:
            usual = pa.float64() if field.name in NUMBERS else pa.string()
            yield pa.field(field.name, SPECIAL.get(field.name, usual))


SCHEMA = pa.schema(list(_columns()))
"""Columns that this version files for every design, in their order."""


def known_columns(filed: pa.Schema) -> pa.Schema:
    """`SCHEMA`, plus the columns of a filed table that are losses of further terms: numbers, named `loss_...`."""
    return schema_with_losses(field.name for field in filed if field.type == pa.float64())


def schema_with_losses(names: Iterable[str]) -> pa.Schema:
    """`SCHEMA`, plus a column for each name that begins with `loss_` and is not in `SCHEMA`."""
    further = [name for name in dict.fromkeys(names) if name.startswith(LOSS) and name not in SCHEMA.names]
    return pa.schema([*SCHEMA, *(pa.field(name, pa.float64()) for name in further)])


def rows_of(designs: Sequence[Design]) -> pa.Table:
    """Designs as rows of the table; a term that only some of them have is null for the others."""
    rows = [_row(design) for design in designs]
    return pa.Table.from_pylist(rows, schema_with_losses(name for row in rows for name in row))


def _row(design: Design) -> dict[str, object]:
    row = {name: as_cell(name, value) for name, value in vars(design).items() if name != "term_losses"}
    return row | {LOSS + term: loss for term, loss in design.term_losses.items()}


def as_cell(column: str, value: Any) -> Any:
    """A field of a design as the table has it: further columns become JSON, sorted by name, without empty cells."""
    if column not in FURTHER:
        return value
    return json.dumps({name: cell for name, cell in sorted(value) if cell}, ensure_ascii=False)
