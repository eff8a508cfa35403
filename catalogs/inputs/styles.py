"""The style catalog: pattern pictures beside a table, and style sets as folders."""

import difflib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import cast, get_args

from catalogs.errors import CatalogError, NotFoundError
from catalogs.inputs.catalog_rows import read_catalog
from catalogs.inputs.rows import RowReader, read_rows
from catalogs.inputs.style_sets import READERS, StyleSet, find_sets
from catalogs.records import Problem, Reading, Repeat, Style
from catalogs.storage.store_contract import ObjectInfo, Store
from catalogs.tables.catalog_files import catalog_key, copies_beside

REQUIRED = ("style_id", "style_set", "image")
REQUIRED_IN_SET = ("style_id", "image")
"""A set's own catalog need not repeat the set's name."""
OURS = ("further", "stated", "row", "catalog", "digest", "sha256")
"""Fields that are no columns."""
COLUMNS = tuple(f.name for f in fields(Style) if f.name not in OURS)
REPEATS: dict[str, Repeat] = {name: name for name in get_args(Repeat)} | {
    "": "none",
    "square": "full-drop",
    "straight": "full-drop",
    "block": "full-drop",
    "brick": "half-brick",
}
"""Spellings of a repeat that are understood; the trade has several words for a full drop."""


def read_styles(store: Store) -> Reading[Style]:
    """Every usable style, and for each unusable row all its problems.

    Styles of the catalog come first, then those of each complete style set (catalogs/inputs/style_sets.py). A set
    that is not complete is left out, with a remark.
    """
    objects = {entry.key: entry for entry in store.list()}
    sets = list(find_sets(store, objects))
    with ThreadPoolExecutor(READERS) as pool:
        readings = list(pool.map(lambda style_set: _read_set(store, style_set, objects), sets))
    if not sets or catalog_key(store, existing=objects):
        readings.insert(0, _read_catalog(store, objects))
    records: dict[str, Style] = {}
    problems = [problem for reading in readings for problem in reading.problems]
    styles = [style for reading in readings for style in reading.records]
    problems += [_taken(store, s) for s in styles if records.setdefault(s.style_id, s) is not s]
    remarks = tuple(remark for reading in readings for remark in reading.remarks)
    return Reading(tuple(records.values()), tuple(problems), remarks)


def has_set(store: Store, name: str) -> bool:
    """Whether a style catalog has anything of a set: a file in its folder, or a row of the catalog's own table."""
    if next(iter(store.list(f"{name}/")), None) is not None:
        return True
    if not catalog_key(store):
        return False
    return any(row.get("style_set") == name for row in read_catalog(store, REQUIRED, COLUMNS).rows)


def _read_catalog(store: Store, existing: Collection[str]) -> Reading[Style]:
    table = read_catalog(store, REQUIRED, COLUMNS)
    records, problems = read_rows(table, "style_id", existing, _style)
    catalog = table.name.removeprefix(f"{store.uri}/")
    styles = tuple(replace(style, catalog=catalog) for style in cast(list[Style], records))
    return Reading(styles, tuple(problems), (*table.remarks, *copies_beside(store, catalog, existing)))


def _read_set(store: Store, style_set: StyleSet, objects: Mapping[str, ObjectInfo]) -> Reading[Style]:
    """A complete set's styles; a catalog that cannot be read at all is one problem of the set."""
    if style_set.fault:
        return Reading((), remarks=(f"style set '{style_set.name}' is left out: {style_set.fault}",))
    try:
        table = read_catalog(store, REQUIRED_IN_SET, COLUMNS, f"{style_set.name}/", objects)
    except (CatalogError, NotFoundError) as error:
        return Reading((), (Problem(f"{store.uri}/{style_set.name}", 0, style_set.name, "", "", str(error)),))
    records, problems = read_rows(
        table, "style_id", style_set.sha256 or {}, lambda reader: _style(reader, style_set.name)
    )
    catalog = table.name.removeprefix(f"{store.uri}/")
    styles = tuple(_in_set(style, style_set, catalog) for style in cast(list[Style], records))
    return Reading(styles, tuple(problems), table.remarks)


def read_set(store: Store) -> Reading[Style]:
    """The styles of a set whose own folder or prefix is the store, sealed or not."""
    table = read_catalog(store, REQUIRED_IN_SET, COLUMNS)
    existing, name = {entry.key for entry in store.list()}, store.uri.rpartition("/")[2]
    records, problems = read_rows(table, "style_id", existing, lambda reader: _style(reader, name))
    catalog = table.name.removeprefix(f"{store.uri}/")
    styles = tuple(replace(style, catalog=catalog) for style in cast(list[Style], records))
    return Reading(styles, tuple(problems), (*table.remarks, *copies_beside(store, catalog, existing)))


def _in_set(style: Style, style_set: StyleSet, catalog: str) -> Style:
    """A style as the whole catalog sees it."""
    sha256 = (style_set.sha256 or {}).get(style.image, "")
    return replace(style, image=f"{style_set.name}/{style.image}", catalog=catalog, sha256=sha256)


def _taken(store: Store, style: Style) -> Problem:
    what = "is taken by another catalog's style; give every style an id of its own"
    return Problem(
        f"{store.uri}/{style.catalog}", style.row, style.style_id, "style_id", style.style_id, what
    )


def _style(reader: RowReader, style_set: str = "") -> Style:
    """A row as a style; in a set's own catalog the set's name may be left out, and must not be another."""
    named = reader.text("style_set")
    if style_set and named and named != style_set:
        reader.problem("style_set", f"is not the folder's name '{style_set}'; write that, or leave it empty")
    return Style(
        style_id=reader.identifier("style_id"),
        style_set=style_set or reader.identifier("style_set"),
        image=reader.object("image", required=True) or "",
        title=reader.text("title"),
        repeat=_repeat(reader),
        repeat_width_cm=reader.positive("repeat_width_cm"),
        repeat_height_cm=reader.positive("repeat_height_cm"),
        licence=reader.text("licence"),
        rights_holder=reader.text("rights_holder"),
        tags=reader.tags(),
        further=reader.further(COLUMNS),
        stated=reader.columns,
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
