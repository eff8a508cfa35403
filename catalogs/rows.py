"""Rows of a table taken apart cell by cell, with every problem of a row noted."""

import re
import unicodedata
from collections.abc import Callable, Collection

from catalogs import keys
from catalogs.errors import InvalidKeyError
from catalogs.file_names import FileNames
from catalogs.records import Further, Problem
from catalogs.tables import SLIPPED, SURPLUS, Table

UNIT = re.compile(r"(?<=[\d.,])\s*cm\.?$", re.IGNORECASE)
THOUSANDS = re.compile(r"\+?[1-9]\d{0,2},\d{3}")
"""A decimal comma, or a comma between thousands: people write both."""


class RowReader:
    """Takes the cells of one row apart and collects every problem on the way."""

    def __init__(self, table: Table, index: int, id_column: str, files: FileNames) -> None:
        """`files` are the objects beside the catalog."""
        self.row, self.columns = table.numbers[index], table.columns
        self.problems: list[Problem] = []
        self._cells, self._file, self._files = table.rows[index], table.name, files
        self._record = self._cells.get(id_column, "")
        for column, what in table.faults.get(index, ()):
            self.problem(column, what)
        if SURPLUS in self._cells:
            self.problem(SURPLUS, SLIPPED)

    @property
    def unreadable(self) -> bool:
        """Whether the row as a whole could not be read, so that its cells mean nothing."""
        return any(not problem.column for problem in self.problems)

    def text(self, column: str) -> str:
        """A cell as it is, its accents composed with their letters; empty where the column is absent."""
        return _composed(self._cells.get(column, ""))

    def problem(self, column: str, what: str) -> None:
        """Note that a cell cannot be used; what was wrong with it before is enough."""
        if any(problem.column == column for problem in self.problems):
            return
        value = self._cells.get(column, "")[:200]
        self.problems.append(Problem(self._file, self.row, self._record[:200], column, value, what))

    def identifier(self, column: str) -> str:
        """An id, spelled as ids are."""
        try:
            return keys.check_id(self.text(column))
        except InvalidKeyError as error:
            self.problem(column, str(error))
            return ""

    def object(self, column: str, *, required: bool = False) -> str | None:
        """The key of an object that lies beside the catalog."""
        written = self._cells.get(column, "")
        if not written and not required:
            return None
        try:
            return self._files.find(written)
        except InvalidKeyError as error:
            self.problem(column, str(error))
            return None

    def positive(self, column: str) -> float | None:
        """A length in cm, above zero; a decimal comma and the unit cm are understood."""
        cell = UNIT.sub("", self.text(column))
        if not cell:
            return None
        if THOUSANDS.fullmatch(cell):
            point, none = cell.replace(",", "."), cell.replace(",", "")
            self.problem(column, f"may mean {point} or {none} cm; write {point} or {none}, without a comma")
            return None
        try:
            value = _number(cell)
        except ValueError:
            self.problem(column, "is not a number; write a length in cm, as 52.5")
            return None
        if not 0 < value < 100_000:
            self.problem(column, "is not a usable length; write centimetres above 0, as 52.5")
            return None
        return value

    def tags(self, column: str = "tags") -> tuple[str, ...]:
        """Words separated by `|`, `;` or `,`; a list as programs write it, `["a", "b"]` or `{a,b}`, is one too."""
        cell = self.text(column)
        listed = cell[:1] + cell[-1:] in ("[]", "{}")
        parts = (cell[1:-1] if listed else cell).replace(";", "|").replace(",", "|").split("|")
        words = (part.strip().strip("\"'").strip() if listed else part.strip() for part in parts)
        return tuple(word for word in words if word)

    def further(self, known: Collection[str]) -> Further:
        """Cells of the columns that Stylemill does not know."""
        return tuple(
            (column, _composed(cell))
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
    files = FileNames(existing)
    for index, cells in enumerate(table.rows):
        reader = RowReader(table, index, id_column, files)
        record = None if reader.unreadable else read(reader)
        name = cells.get(id_column, "")
        if name and name in first:
            reader.problem(id_column, f"is taken by row {first[name]}; give every row an id of its own")
        first.setdefault(name, reader.row)
        problems += reader.problems
        if not reader.problems:
            records.append(record)
    return records, problems


def _number(cell: str) -> float:
    """A number with a decimal point or comma; ValueError for what is none, as Python's own `1_0`."""
    if "_" in cell:
        raise ValueError("an underscore is no part of a number")
    return float(cell.replace(",", "."))


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
