"""The style catalog: `catalog.csv` or `catalog.parquet` beside pattern pictures."""

import difflib
from dataclasses import fields
from typing import cast, get_args

from catalogs.records import Reading, Repeat, Style
from catalogs.store_contract import Store
from catalogs.tables import RowReader, read_catalog, read_rows

REQUIRED = ("style_id", "style_set", "image")
COLUMNS = tuple(f.name for f in fields(Style) if f.name not in ("further", "row", "digest"))
REPEATS: dict[str, Repeat] = {name: name for name in get_args(Repeat)} | {
    "": "none",
    "square": "full-drop",
    "straight": "full-drop",
    "block": "full-drop",
    "brick": "half-brick",
}
"""Spellings of a repeat that are understood; the trade has several words for a full drop."""


def read_styles(store: Store) -> Reading[Style]:
    """Every usable style, and for each unusable row all that is wrong with it."""
    table = read_catalog(store, REQUIRED, COLUMNS)
    existing = {entry.key for entry in store.list()}
    records, problems = read_rows(table, "style_id", existing, _style)
    return Reading(tuple(cast(list[Style], records)), tuple(problems), table.remarks)


def _style(reader: RowReader) -> Style:
    return Style(
        style_id=reader.identifier("style_id"),
        style_set=reader.identifier("style_set"),
        image=reader.object("image", required=True) or "",
        title=reader.text("title"),
        repeat=_repeat(reader),
        repeat_width_cm=reader.positive("repeat_width_cm"),
        repeat_height_cm=reader.positive("repeat_height_cm"),
        licence=reader.text("licence"),
        rights_holder=reader.text("rights_holder"),
        tags=reader.tags(),
        further=reader.further(COLUMNS),
        row=reader.row,
    )


def _repeat(reader: RowReader) -> Repeat:
    word = reader.text("repeat").lower().replace(" ", "-").replace("_", "-")
    if word in REPEATS:
        return REPEATS[word]
    near = difflib.get_close_matches(word, REPEATS, 1)
    hint = f"is '{near[0]}' meant? " if near else ""
    reader.problem("repeat", f"is not a repeat; {hint}use {', '.join(get_args(Repeat))}")
    return "none"
