"""A catalog's table: rows of text by the names of their columns, from CSV, Excel workbook or Parquet."""

from array import array
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from catalogs.errors import CatalogError
from catalogs.inputs.headings import LOOK, Heading, check_columns, find_heading, heading_remarks
from catalogs.storage.store_contract import Store
from catalogs.tables.catalog_files import catalog_key, no_catalog
from catalogs.tables.csv_lines import csv_sheets
from catalogs.tables.lines import MAX_FILLED, WHOLE_ROW, IsRow, Line, Sheet, no_row, trim_cells

Row = Mapping[str, str]
LISTS = ("tags",)
"""Columns whose cells are lists: a line break in them parts two words."""
SHOWN = 20
"""Sheets in a remark."""
SURPLUS = "(beyond the last column)"
SLIPPED = "the row has more cells than there are columns; quote a cell that holds a comma"
FAULT_CELLS = 50
"""Filled cells that a cell that cannot be read counts for."""


@dataclass(frozen=True)
class CatalogTable:
    """Rows of text with the names of their columns; `name` is the full address for messages.

    A row holds the filled cells. `numbers` are the rows' numbers in a spreadsheet program; blank rows are left out.
    `units` are those of columns of lengths, where a name states another than cm. `faults` are unreadable cells, by the
    index of the row: pairs of column (empty: the whole row) and reason.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    numbers: Sequence[int]
    faults: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)


def read_catalog(
    store: Store,
    required: Collection[str],
    known: Collection[str],
    folder: str = "",
    existing: Container[str] | None = None,
) -> CatalogTable:
    """Read a catalog, or that of a folder (`autumn/`) in it, and check its columns.

    `existing` holds all keys of the store, where they are known; else the store is asked. A column that looks like a
    misspelt optional one is kept as a further column, with a remark.

    Raises:
        NotFoundError: there is no catalog.
        CatalogError: nothing can be used: there are two catalogs, no rows, or a required column is missing.
    """
    key = catalog_key(store, folder, existing)
    if key is None:
        raise no_catalog(store, folder)
    table = read_table(store, key, required, known)
    if not table.rows:
        raise CatalogError(f"{table.name} holds column names but no rows: add a row a record.")
    return table


def read_table(
    store: Store, key: str, required: Collection[str] = (), known: Collection[str] = ()
) -> CatalogTable:
    """Read one table as text cells, white space trimmed; its suffix says the format.

    The names of the columns stand in the first row that has all of the required ones, among the first
    LOOK; in a workbook, on the first sheet that has such a row.
    """
    name = f"{store.uri}/{key}"
    sheet, heading, others = _choose(name, _sheets(name, store.read(key)), required, known)
    check_columns(f"{name}, sheet '{sheet.name}'," if others else name, heading, required, known)
    return _table(name, sheet, heading, required, known, others)


def _sheets(name: str, data: bytes) -> list[Sheet]:
    # Imported here: most catalogs are CSV, and need none of these libraries.
    if name.endswith(".xlsx"):
        from catalogs.tables.xlsx_lines import xlsx_sheets

        return xlsx_sheets(name, data)
    if name.endswith(".parquet"):
        from catalogs.tables.parquet_lines import parquet_sheets

        return parquet_sheets(name, data)
    return csv_sheets(name, data)


def _choose(
    name: str, sheets: Sequence[Sheet], required: Collection[str], known: Collection[str]
) -> tuple[Sheet, Heading, list[str]]:
    """The first sheet with the required columns, or else that with most known columns; and the other sheets' names."""
    # Only the best heading is kept: a thousand sheets can have thousands of long names each.
    filled: list[Sheet] = []
    chosen: tuple[Sheet, Heading] | None = None
    ours = {*required, *known}
    most = -1
    for sheet in sheets:
        heading = find_heading(name, list(islice(sheet.read(no_row), LOOK)), required, known)
        if heading is None:
            continue
        filled.append(sheet)
        is_whole = set(required) <= set(heading.columns)
        score = len(ours) + 1 if is_whole else len(ours & set(heading.columns))
        if score > most:
            chosen, most = (sheet, heading), score
        if is_whole and not sheet.name:
            break
    if chosen is None:
        raise CatalogError(
            f"{name} is empty, or has nothing in its first {LOOK} rows: the column names must stand in one of them."
        )
    sheet, heading = chosen
    return sheet, heading, [other.name for other in filled if other is not sheet and other.name]


def _table(
    name: str,
    sheet: Sheet,
    heading: Heading,
    required: Collection[str],
    known: Collection[str],
    others: Sequence[str],
) -> CatalogTable:
    rows: list[Row] = []
    numbers, faults = array("q"), {}
    stray: list[int] = []
    filled = 0
    for line in _below(sheet, heading, heading.is_row(required)):
        row = _row(heading, line.cells, sheet.shifts)
        if _has_stray(heading, line.cells, sheet.shifts):
            stray.append(line.row)
        faults_of_line = _by_column(heading, line)
        if not faults_of_line and not row:
            continue
        if faults_of_line:
            faults[len(rows)] = faults_of_line
        rows.append(row)
        numbers.append(line.row)
        # The fault of a cell is kept as well, and takes more memory than the cell.
        filled += len(row) + FAULT_CELLS * len(faults_of_line)
        if filled > MAX_FILLED:
            raise CatalogError(
                f"{name} has over {MAX_FILLED:,} filled cells, the last in row {line.row:,}: leave out columns that no"
                " garment or style needs, mend cells that cannot be read, or split the catalog into style sets or"
                " several runs."
            )
    remarks = (*sheet.remarks, *_of_sheets(name, sheet, others), *heading_remarks(name, heading, known))
    if stray:
        remarks += (
            f"{name} has cells under no column's name, the first in row {stray[0]} ({len(stray):,} in all);"
            " they are left out",
        )
    return CatalogTable(name, heading.columns, rows, numbers, faults, remarks, heading.units)


def _below(sheet: Sheet, heading: Heading, is_row: IsRow) -> Iterable[Line]:
    lists = frozenset(place for place, column in enumerate(heading.places) if column in LISTS)
    return (trim_cells(line, lists) for line in sheet.read(is_row) if line.row > heading.row)


def _row(heading: Heading, cells: Sequence[str], shifts: bool) -> Row:
    """The filled cells by column; in CSV, cells beyond the last column are kept under SURPLUS."""
    width = len(heading.places)
    row = {name: cell for name, cell in zip(heading.places, cells, strict=False) if cell and name}
    if shifts and len(cells) > width and (surplus := [cell for cell in cells[width:] if cell]):
        row[SURPLUS] = " | ".join(surplus)
    return row


def _has_stray(heading: Heading, cells: Sequence[str], shifts: bool) -> bool:
    """Whether a cell stands under no name and did not slip there."""
    if "" in heading.places and any(
        cell for cell, name in zip(cells, heading.places, strict=False) if not name
    ):
        return True
    return not shifts and any(cells[len(heading.places) :])


def _by_column(heading: Heading, line: Line) -> tuple[tuple[str, str], ...]:
    """Faults of a line by column; faults of cells without a name are dropped."""
    faults = [
        ("" if index == WHOLE_ROW else heading.places[index], what)
        for index, what in line.faults
        if index == WHOLE_ROW or (index < len(heading.places) and heading.places[index])
    ]
    return tuple(faults)


def _of_sheets(name: str, sheet: Sheet, others: Sequence[str]) -> tuple[str, ...]:
    if not others:
        return ()
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    listed = ", ".join(f"'{other}'" for other in others[:SHOWN]) + more
    return (f"{name} is read from its sheet '{sheet.name}'; not read: {listed}",)
