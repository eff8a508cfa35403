"""Rows of a table read cell by cell, with every problem of a row noted."""

import json
import unicodedata
from collections.abc import Callable, Collection

from catalogs import keys
from catalogs.errors import InvalidKeyError
from catalogs.inputs.catalog_rows import SLIPPED, SURPLUS, CatalogTable
from catalogs.inputs.damaged_cells import DAY, altered_day, damaged_id, is_error, unreadable_sign
from catalogs.inputs.file_names import FileNames
from catalogs.inputs.lengths import CM, UNITS, LengthError, length_cm
from catalogs.records import Further, Problem
from catalogs.tables.lines import BETWEEN_WORDS

LONGEST_TEXT = 2_000
"""Letters of a title, a licence and the like."""
LONGEST_TAG = 200
MOST_TAGS = 200


class RowReader:
    """Reads the cells of one row and collects every problem."""

    def __init__(self, table: CatalogTable, index: int, id_column: str, files: FileNames) -> None:
        """`files` are the objects beside the catalog."""
        self.row, self.columns = table.numbers[index], table.columns
        self.problems: list[Problem] = []
        self._cells, self._file, self._files = table.rows[index], table.name, files
        self._record = self._cells.get(id_column, "")
        self._units = table.units
        for column, what in table.faults.get(index, ()):
            self.problem(column, what)
        if SURPLUS in self._cells:
            self.problem(SURPLUS, SLIPPED)

    @property
    def unreadable(self) -> bool:
        """Whether the row as a whole could not be read, so that its cells mean nothing."""
        return any(not problem.column for problem in self.problems)

    def text(self, column: str) -> str:
        """A cell as it is, its accents composed with their letters; empty where the column is absent.

        An error of a spreadsheet's formula, and a text longer than LONGEST_TEXT, are problems.
        """
        cell = self._cells.get(column, "")
        if is_error(cell):
            self.problem(
                column, "is an error of a spreadsheet program; mend the cell and save the table again"
            )
        elif len(cell) > LONGEST_TEXT:
            what = f"has {len(cell):,} letters, over {LONGEST_TEXT:,}; shorten it, or move it to a column of its own"
            self.problem(column, what)
            return ""
        return _composed(cell)

    def problem(self, column: str, what: str) -> None:
        """Note that a cell cannot be used. Only the first problem of a cell is kept."""
        if any(problem.column == column for problem in self.problems):
            return
        value = self._cells.get(column, "")[:200]
        self.problems.append(Problem(self._file, self.row, self._record[:200], column, value, what))

    def identifier(self, column: str) -> str:
        """An id, spelled as ids are; "" and a problem for all else, also for an id that a program changed."""
        text = self.text(column)
        if what := damaged_id(text):
            self.problem(column, what)
            return ""
        try:
            return keys.check_id(text)
        except InvalidKeyError as error:
            self.problem(column, unreadable_sign(text) or str(error))
            return ""

    def object(self, column: str, *, required: bool = False) -> str | None:
        """The key of an object beside the catalog; None where the cell is empty, or with a problem."""
        written = self._cells.get(column, "")
        if is_error(written):
            self.text(column)
            return None
        if not written and not required:
            return None
        try:
            return self._files.find(written)
        except InvalidKeyError as error:
            self.problem(column, str(error))
            return None

    def positive(self, column: str) -> float | None:
        """A length in cm, above zero, of a number in the column's unit; a decimal comma is understood."""
        cell = self.text(column)
        if not cell:
            return None
        try:
            return length_cm(cell, UNITS.get(self._units.get(column, ""), CM))
        except LengthError as error:
            self.problem(column, str(error))
            return None

    def tags(self, column: str = "tags") -> tuple[str, ...]:
        """Words separated by a bar, a comma of any script and the like; `["a", "b"]` and `{a,b}` are lists, too.

        A text in quotes in a JSON list is one word, whatever it holds.
        """
        cell = _composed(self._cells.get(column, ""))
        if is_error(cell):
            self.text(column)
        words = _listed(cell)
        if words is None:
            bare = cell[:1] + cell[-1:] not in ("[]", "{}")
            parts = BETWEEN_WORDS.split(cell if bare else cell[1:-1])
            words = [part.strip() if bare else part.strip().strip("\"'").strip() for part in parts]
        tags = tuple(word for word in words if word)
        if longest := max((len(tag) for tag in tags if len(tag) > LONGEST_TAG), default=0):
            self.problem(
                column, f"has a tag of {longest:,} letters, over {LONGEST_TAG}; write a comma between tags"
            )
        elif len(tags) > MOST_TAGS:
            self.problem(column, f"has {len(tags):,} tags, over {MOST_TAGS}; keep those that people look for")
        return tags

    def further(self, known: Collection[str]) -> Further:
        """The filled cells of the columns that Stylemill does not know."""
        return tuple(
            (column, _composed(cell))
            for column, cell in self._cells.items()
            if column not in known and column != SURPLUS
        )


def read_rows(
    table: CatalogTable,
    id_column: str,
    existing: Collection[str],
    read: Callable[[RowReader], object],
) -> tuple[list[object], list[Problem]]:
    """Read every row; rows with a problem, and those whose id is taken, are left out with the reason."""
    records: list[object] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    files = FileNames(existing)
    changed = altered_day(cells.get(id_column, "") for cells in table.rows)
    for index, cells in enumerate(table.rows):
        reader = RowReader(table, index, id_column, files)
        record = None if reader.unreadable else read(reader)
        name = cells.get(id_column, "")
        if changed and DAY.fullmatch(name):
            reader.problem(id_column, changed)
        if name and name in first:
            reader.problem(id_column, f"is taken by row {first[name]}; give every row an id of its own")
        first.setdefault(name, reader.row)
        problems += reader.problems
        if not reader.problems:
            records.append(record)
    return records, problems


def _listed(cell: str) -> list[str] | None:
    """The texts of a JSON list; None where a cell is none."""
    if not cell.startswith('["'):
        return None
    try:
        words = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return [word.strip() for word in words] if all(isinstance(word, str) for word in words) else None


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
