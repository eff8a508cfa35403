"""`catalog.csv` or `catalog.parquet` to rows of text, whatever a spreadsheet made of it."""

import codecs
import csv
import difflib
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from catalogs import keys
from catalogs.errors import CatalogError, InvalidKeyError, NotFoundError
from catalogs.local_store import LocalStore
from catalogs.records import Further, Problem
from catalogs.store_contract import Store

Row = Mapping[str, str]
CSV, PARQUET = "catalog.csv", "catalog.parquet"
SURPLUS = "(beyond the last column)"
FIRST_ROW = 2
"""A spreadsheet's number of the first record: row 1 holds the column names."""


@dataclass(frozen=True)
class Table:
    """Rows of text with the names of their columns; `name` is the full address for messages."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()


def read_catalog(
    store: Store,
    required: Collection[str],
    known: Collection[str],
    folder: str = "",
    existing: Collection[str] | None = None,
) -> Table:
    """Read a catalog, or that of a folder (`autumn/`) in it, and check its columns.

    `existing` holds all keys of the store, where they are known; else it is asked.

    Accepts UTF-8 (with or without mark) and UTF-16, and comma, semicolon or tab between cells.
    Raises CatalogError where nothing can be used: no catalog, two of them, no rows, a required column
    missing. A column that looks like a misspelt optional one is kept as a further column, and remarked.
    """
    places = [folder + name for name in (CSV, PARQUET)]
    found = [key for key in places if (store.exists(key) if existing is None else key in existing)]
    if not found:
        raise _no_catalog(store, folder)
    if len(found) > 1:
        raise CatalogError(
            f"{store.uri}/{folder} holds both {CSV} and {PARQUET}: keep the one that is meant."
        )
    table = read_table(store, found[0])
    _check_columns(table, required, known)
    if not table.rows:
        raise CatalogError(f"{table.name} holds column names but no rows: add a row a record.")
    return Table(table.name, table.columns, table.rows, _remarks(table, known))


def _no_catalog(store: Store, within: str) -> NotFoundError:
    if within:
        return NotFoundError(f"{store.uri}/{within} holds neither {CSV} nor {PARQUET} any more.")
    folder, _, name = store.uri.rpartition("/")
    if name in (CSV, PARQUET):
        return NotFoundError(f"{store.uri} is the catalog's file: give its folder: {folder}")
    if isinstance(store, LocalStore) and store.fault:
        return NotFoundError(
            f"{store.uri} {store.fault}: give the folder that holds {CSV} or {PARQUET} and the images."
        )
    return NotFoundError(f"{store.uri} holds neither {CSV} nor {PARQUET}: put one beside the images.")


def read_table(store: Store, key: str) -> Table:
    """Read one CSV or Parquet object as text cells, white space trimmed."""
    name = f"{store.uri}/{key}"
    data = store.read(key)
    return _parquet(name, data) if key.endswith(".parquet") else _csv(name, data)


def _csv(name: str, data: bytes) -> Table:
    """Cells as they stand: pandas would drop or shift the cells of a row that is too long."""
    text = _decode(name, data).replace("\r\n", "\n").replace("\r", "\n")
    header = text.partition("\n")[0]
    if not header.strip():
        raise CatalogError(f"{name} is empty: its first line must hold the column names.")
    separator = max(",;\t", key=header.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise CatalogError(f"{name} cannot be read as a table: {error}. Export it again as CSV.") from error
    columns = [column.strip() for column in lines[0]]
    while columns and not columns[-1]:
        columns.pop()
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise CatalogError(f"{name} has the column '{twice[0]}' twice: keep one.")
    return Table(name, tuple(columns), tuple(_row(columns, cells) for cells in lines[1:]))


def _row(columns: list[str], cells: list[str]) -> Row:
    """Cells by column; what stands beyond the last column is kept under SURPLUS."""
    trimmed = [cell.strip() for cell in cells]
    padded = trimmed + [""] * (len(columns) - len(trimmed))
    row = dict(zip(columns, padded, strict=False))
    surplus = [cell for cell in trimmed[len(columns) :] if cell]
    return {**row, SURPLUS: " | ".join(surplus)} if surplus else row


def _decode(name: str, data: bytes) -> str:
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise CatalogError(
            f"{name} is not UTF-8 or UTF-16 text (byte {error.start}): save it as 'CSV UTF-8'."
        ) from error


def _parquet(name: str, data: bytes) -> Table:
    """Cells as text. Integers stay integers beside empty cells, which pandas' own reader makes floats of."""
    try:
        frame = pd.read_parquet(io.BytesIO(data), dtype_backend="pyarrow").reset_index()
    except Exception as error:  # pyarrow raises many kinds; all mean the same to the reader
        raise CatalogError(f"{name} cannot be read as Parquet: {error}. Write it again.") from error
    columns = [str(column).strip() for column in frame.columns if column != "index"]
    rows = frame.drop(columns="index", errors="ignore").itertuples(index=False, name=None)
    return Table(name, tuple(columns), tuple(_row(columns, [_as_text(cell) for cell in row]) for row in rows))


def _as_text(cell: object) -> str:
    if isinstance(cell, list | tuple) or type(cell).__name__ == "ndarray":
        return "|".join(str(part) for part in cell)  # type: ignore[attr-defined] # checked by the line above
    return "" if cell is None or cell is pd.NA or str(cell) == "nan" else str(cell)


def _check_columns(table: Table, required: Collection[str], known: Collection[str]) -> None:
    missing = [column for column in required if column not in table.columns]
    if missing:
        strange = [column for column in table.columns if column not in known]
        hints = [
            f" (is '{near[0]}' meant?)" if (near := difflib.get_close_matches(m, strange, 1)) else ""
            for m in missing
        ]
        wanted = ", ".join(f"'{column}'{hint}" for column, hint in zip(missing, hints, strict=True))
        raise CatalogError(
            f"{table.name} lacks the column {wanted}: its columns are {', '.join(table.columns)};"
            f" required are {', '.join(required)}."
        )


def _remarks(table: Table, known: Collection[str]) -> tuple[str, ...]:
    absent = [column for column in known if column not in table.columns]
    return tuple(
        f"{table.name} has a column '{column}' that is carried along unread; is '{near[0]}' meant?"
        for column in table.columns
        if column not in known and (near := difflib.get_close_matches(column, absent, 1, cutoff=0.8))
    )


class RowReader:
    """Takes the cells of one row apart and collects every problem on the way."""

    def __init__(self, table: Table, index: int, id_column: str, existing: Collection[str]) -> None:
        """`existing` holds the keys of the objects beside the catalog."""
        self.row = index + FIRST_ROW
        self.problems: list[Problem] = []
        self._cells, self._file, self._existing = table.rows[index], table.name, existing
        self._record = self._cells.get(id_column, "")
        if SURPLUS in self._cells:
            self.problem(
                SURPLUS, "the row has more cells than there are columns; quote a cell that holds a comma"
            )

    def text(self, column: str) -> str:
        """A cell as it is; empty where the column is absent."""
        return self._cells.get(column, "")

    def problem(self, column: str, what: str) -> None:
        """Note that a cell cannot be used."""
        self.problems.append(
            Problem(self._file, self.row, self._record, column, self.text(column)[:200], what)
        )

    def identifier(self, column: str) -> str:
        """An id, spelled as ids are."""
        try:
            return keys.check_id(self.text(column))
        except InvalidKeyError as error:
            self.problem(column, str(error))
            return ""

    def object(self, column: str, *, required: bool = False) -> str | None:
        """The key of an object that lies beside the catalog."""
        key = self.text(column)
        if not key and not required:
            return None
        try:
            keys.check_key(key)
        except InvalidKeyError as error:
            self.problem(column, str(error))
            return None
        if key not in self._existing:
            near = difflib.get_close_matches(key, self._existing, 1)
            hint = f"; is '{near[0]}' meant?" if near else "; copy it there or correct the name"
            self.problem(column, f"there is no such file beside the catalog{hint}")
            return None
        return key

    def positive(self, column: str) -> float | None:
        """A length in cm, above zero; a decimal comma is understood."""
        cell = self.text(column)
        if not cell:
            return None
        try:
            value = float(cell.replace(",", "."))
        except ValueError:
            self.problem(column, "is not a number; write a length in cm, as 52.5")
            return None
        if not 0 < value < 100_000:
            self.problem(column, "is not a usable length; write centimetres above 0, as 52.5")
            return None
        return value

    def tags(self, column: str = "tags") -> tuple[str, ...]:
        """Words separated by `|`, `;` or `,`."""
        parts = self.text(column).replace(";", "|").replace(",", "|").split("|")
        return tuple(part.strip() for part in parts if part.strip())

    def further(self, known: Collection[str]) -> Further:
        """Cells of the columns that Stylemill does not know."""
        return tuple(
            (column, cell)
            for column, cell in self._cells.items()
            if column not in known and column != SURPLUS
        )


def read_rows(
    table: Table,
    id_column: str,
    existing: Collection[str],
    read: Callable[[RowReader], object],
) -> tuple[list[object], list[Problem]]:
    """Read every row; rows with a problem, and those whose id is taken, are left out with the reason."""
    records: list[object] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for index, cells in enumerate(table.rows):
        if not any(cells.values()):
            continue
        reader = RowReader(table, index, id_column, existing)
        record = read(reader)
        name = cells.get(id_column, "")
        if name and name in first:
            reader.problem(id_column, f"is taken by row {first[name]}; give every row an id of its own")
        first.setdefault(name, reader.row)
        problems += reader.problems
        if not reader.problems:
            records.append(record)
    return records, problems
