"""Designs as CSV for spreadsheets: one row a design, nothing in it a formula."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from numbers import Number
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from catalogs.designs import provenance
from catalogs.designs.design_columns import SCHEMA
from catalogs.exports.items import Item, picture_name

IDS = ("design_id", "garment_id", "style_id", "style_set")
SAID: dict[str, Callable[[Item], object]] = {
    "verdict": lambda item: item.verdict,
    "stars": lambda item: item.stars or None,
    "note": lambda item: item.note,
    "credit": lambda item: item.credit,
}
"""Columns that the catalog does not have: verdict, stars and note, and the credit line that must go along."""
READABLE: dict[str, Callable[[Item], object]] = {
    "File": picture_name,
    "Garment": lambda item: item.text("garment_title") or item.text("garment_id"),
    "Garment ID": lambda item: item.text("garment_id"),
    "Style": lambda item: item.text("style_title") or item.text("style_id"),
    "Style ID": lambda item: item.text("style_id"),
    "Style set": lambda item: item.text("style_set"),
    "Category": lambda item: item.text("garment_category"),
    "Season": lambda item: item.text("garment_season"),
    "Recipe": lambda item: item.text("recipe"),
    "Verdict": lambda item: item.verdict,
    "Stars": lambda item: item.stars or None,
    "Note": lambda item: provenance.one_line(item.note),
    "Credit": lambda item: item.credit,
    "Design": lambda item: item.short_id,
}
"""Columns that people read, with their value for a design; `File` is the picture's name in other exports."""
KNOWN = tuple(SCHEMA.names)
SIGNS = "=+\\-@|%＝＋－＠｜％﹢﹣﹦﹫﹪−"
"""Signs with which a formula begins, wide and small forms too."""
UNSEEN = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202f"
)
UNSEEN += r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
"""Blanks, controls and signs without a width: a spreadsheet may pass over them to the formula behind."""
BEGINNING = re.compile(f"^(?=[{UNSEEN}]*[{SIGNS}])|^(?=[\t\r])")
INSIDE = re.compile(f'(?<=[;\t\r\n])(?=[{UNSEEN}"]*[{SIGNS}])')
"""Where a spreadsheet of another language's settings, or of another separator, begins a new cell."""


def write_readable_csv(items: Iterable[Item], file: BinaryIO) -> None:
    """Write the columns of `READABLE`, one row a design, in UTF-8 with the mark by which Excel knows it.

    Text that a spreadsheet would compute gets an apostrophe in front. Memory does not grow with the items.
    """
    table = CsvTable(file, tuple(READABLE))
    for item in items:
        table.add(tell(item) for tell in READABLE.values())
    table.close()


def write_csv(items: Iterable[Item], file: BinaryIO) -> None:
    """Write the catalog's columns, one row a design, in UTF-8 with the mark by which Excel knows it.

    Ids come first, then verdict, stars, note and credit. Tags are joined by '|', times are ISO 8601, null is an
    empty cell. Text that a spreadsheet would compute gets an apostrophe in front; numbers stay numbers.
    Items are taken one by one: memory does not grow with them.
    """
    rows = DesignRows(file)
    for item in items:
        rows.add(item)
    rows.close()


class DesignRows:
    """A CSV that grows by one design at a time. Its columns are those of the first design, or the catalog's."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` stays open."""
        self._text = text_of(file, "utf-8-sig")
        self._writer = csv.writer(self._text)
        self._columns: tuple[str, ...] = ()

    def add(self, item: Item) -> None:
        """Write the row of a design, and before the first one the names of the columns."""
        if not self._columns:
            self._begin(item.record)
        get, columns = item.record.get, self._columns
        ids = [cell(get(name)) for name in IDS]
        said = [cell(value(item)) for value in SAID.values()]
        self._writer.writerow([*ids, *said, *[cell(get(name)) for name in columns]])

    def close(self) -> None:
        """Write what is left in the buffer, and the names of the columns if there was no design."""
        if not self._columns:
            self._begin({})
        self._text.detach()

    def _begin(self, record: Mapping[str, Any]) -> None:
        names = dict.fromkeys([*KNOWN, *record])
        self._columns = tuple(name for name in names if name not in IDS and name not in SAID)
        self._writer.writerow([cell(name) for name in (*IDS, *SAID, *self._columns)])


class CsvTable:
    """A CSV of named columns that grows row by row; nothing in it is a formula."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        """`file` stays open."""
        self._text = text_of(file, "utf-8-sig")
        self._writer = csv.writer(self._text)
        self.add(columns)

    def add(self, row: Iterable[object]) -> None:
        """Write a row of cells, made harmless."""
        self._writer.writerow([cell(value) for value in row])

    def close(self) -> None:
        """Write the cells that are still in the buffer; the file stays open."""
        self._text.detach()


def table_bytes(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A small CSV of named columns, in UTF-8 with the mark by which Excel knows it; nothing in it is a formula."""
    file = io.BytesIO()
    table = CsvTable(file, columns)
    for row in rows:
        table.add(row)
    table.close()
    return file.getvalue()


def text_of(file: BinaryIO, encoding: str = "utf-8") -> io.TextIOWrapper:
    """A binary file as a text file for `csv`. Halves of characters, which no encoding has, become question marks."""
    return io.TextIOWrapper(file, encoding, errors="replace", newline="")


def cell(value: object) -> object:
    """A value as a cell: text that no spreadsheet takes for a formula, or a number. Arrays become lists."""
    if isinstance(value, str):
        return harmless(value)
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, np.ndarray):
        return cell(value.tolist())
    if isinstance(value, Number):
        return value
    return harmless(_spelled(value))


def harmless(text: str) -> str:
    """The text, changed so that a spreadsheet computes nothing in it.

    Beginnings get an apostrophe, as OWASP advises; so do places behind a semicolon, a tab or a line break, where
    a spreadsheet of another language's settings begins a new cell. NULs are taken out.
    """
    return INSIDE.sub("'", harmless_beginning(text))


def harmless_beginning(text: str) -> str:
    """The text, changed so that a spreadsheet which knows where cells end computes nothing in it; NULs are taken out."""
    return BEGINNING.sub("'", text.replace("\0", ""))


def _spelled(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return "|".join(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
