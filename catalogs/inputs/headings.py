"""The row of a table that holds the names of its columns, and which of our columns each name means."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from catalogs.errors import CatalogError
from catalogs.inputs.lengths import UNITS
from catalogs.tables.lines import CONTROLS, INVISIBLE, MAX_COLUMNS, IsRow, Line, too_many_columns

LOOK = 20
"""Rows among which the names are looked for: titles, dates and logos of text stand above them."""
SHOWN = 30
"""Names in a message."""
LONGEST = 200
"""Letters of a name; the rest of a longer one is left out, and is not looked at."""
HINTS = 100
"""Unknown columns that are held against the known ones."""
WORD = re.compile(r'[^\s"]+')
FILE = re.compile(r"\.\w{2,5}$")
DISTINCT = re.compile(r"[\W_]+")
ALTERNATIVES = re.compile(r"\s*[/|\n]\s*|\s+or\s+", re.IGNORECASE)
"""What stands between two names of one column, as in 'Licence / License'."""
SPELLINGS = {"license": "licence"}
"""Other spellings of our names, folded."""
IN_CM = "_cm"
"""How our names of lengths end."""

Names = Mapping[str, tuple[str, str]]
"""Our columns, and the units that a spelling states, by folded names."""


@dataclass(frozen=True)
class Heading:
    """Names of columns by their place, empty where a column has none, and the row that they stand in."""

    row: int
    places: tuple[str, ...]
    above: bool = False
    """Whether filled rows stand above the names; they are passed over."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Units of our columns of lengths, where the name states another than cm."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have a name."""
        return tuple(name for name in self.places if name)

    def is_row(self, required: Collection[str]) -> IsRow:
        """A function that says whether cells, taken alone, are a record.

        A record has as many cells as there are columns; its required cells are words, and one of them is a file's name.
        """
        places = [place for place, name in enumerate(self.places) if name in required]

        def looks(cells: Sequence[str]) -> bool:
            """Whether cells are a record."""
            if not places or len(cells) != len(self.places):
                return False
            words = [cells[place].strip() for place in places]
            return all(WORD.fullmatch(word) for word in words) and any(FILE.search(word) for word in words)

        return looks


def find_heading(
    name: str, lines: Sequence[Line], required: Collection[str], known: Collection[str]
) -> Heading | None:
    """The first line that has every required column; `lines` are the first LOOK of a table.

    Case, blanks, hyphens and other signs do not matter in names of `known` columns: 'Garment ID' is garment_id.
    'Licence / License' is licence; 'Repeat width (mm)' is repeat_width_cm, with the unit noted. Where no line has every
    required column, the line with most known columns is taken; where no line has any, the first that is not blank; None
    where all are blank. Of two columns that mean one name, the column in our spelling keeps it, and the other is a
    further column.

    Raises CatalogError where two columns mean one name and neither or both are in our spelling.
    """
    ours = _ours(known)
    best: tuple[int, int, tuple[str, ...]] | None = None
    for place, line in enumerate(lines):
        names = _names(line.cells, ours)
        if not any(names):
            continue
        score = len(set(names) & set(required)) * (len(known) + 1) + len(set(names) & set(known))
        if best is None or score > best[0]:
            best = (score, place, names)
        if required and set(required) <= set(names):
            break
    if best is None:
        return None
    _, place, names = best
    line = lines[place]
    _check_once(name, names, line.cells)
    while names and not names[-1]:
        names = names[:-1]
    above = any(cell.strip() for other in lines[:place] for cell in other.cells)
    stated = zip(names, line.cells, strict=False)
    units = {column: unit for column, cell in stated if column in known and (unit := _meaning(cell, ours)[1])}
    return Heading(line.row, names, above, units)


def _ours(known: Collection[str]) -> Names:
    """Our columns by their folded names, by other spellings, and by spellings that state another unit than cm."""
    ours = {_folded(column): (column, "") for column in known}
    spelled = {other: ours[name] for other, name in SPELLINGS.items() if name in ours}
    lengths = [
        (name.removesuffix("cm"), column) for name, (column, _) in ours.items() if column.endswith(IN_CM)
    ]
    return {name + unit: (column, unit) for name, column in lengths for unit in UNITS} | spelled | ours


def _folded(name: str) -> str:
    return DISTINCT.sub("", unicodedata.normalize("NFKC", name[:LONGEST]).casefold())


def _meaning(cell: str, ours: Names) -> tuple[str, str]:
    """The column of ours that a name means, and the unit that it states, if other than cm; empty for none.

    Of several names side by side, at least one must be ours, and all of ours must be the same.
    """
    if not cell:
        return "", ""
    if meaning := ours.get(_folded(cell)):
        return meaning
    parts = ALTERNATIVES.split(cell[:LONGEST])
    meant = {meaning for part in parts if (meaning := ours.get(_folded(part)))} if len(parts) > 1 else set()
    return meant.pop() if len(meant) == 1 else ("", "")


def _names(cells: Sequence[str], ours: Names) -> tuple[str, ...]:
    """Names of the columns; another spelling of a name that the row has in our spelling is a further column."""
    plain = [_plain(cell) for cell in cells]
    exact = set(plain)
    meant = (_meaning(cell, ours)[0] for cell in cells)
    pairs = zip(plain, meant, strict=True)
    return tuple(name if not known or known in exact else known for name, known in pairs)


def _plain(name: str) -> str:
    """A further column's name: blanks of every kind become one, letters are composed, invisible signs are dropped."""
    visible = CONTROLS.sub(" ", unicodedata.normalize("NFC", name.strip()[:LONGEST]))
    return " ".join(visible.split()).strip(INVISIBLE)[:LONGEST]


def _check_once(table: str, names: Sequence[str], written: Sequence[str]) -> None:
    for name, times in Counter(name for name in names if name).items():
        if times == 1:
            continue
        spelled = [_plain(cell) for cell, column in zip(written, names, strict=True) if column == name]
        if len(set(spelled)) == 1:
            raise CatalogError(f"{table} has the column '{spelled[0]}' twice: keep one.")
        listed = " and ".join(f"'{cell}'" for cell in spelled)
        raise CatalogError(
            f"{table} has the columns {listed}, which both mean {name}: keep one, or name the one that is meant"
            f" '{name}'."
        )


def check_columns(table: str, heading: Heading, required: Collection[str], known: Collection[str]) -> None:
    """Raise CatalogError where a required column is missing, with the one that is probably meant, or for too many."""
    columns = set(heading.columns)
    if len(heading.columns) > MAX_COLUMNS:
        raise CatalogError(too_many_columns(table, len(heading.columns)))
    missing = [column for column in required if column not in columns]
    if not missing:
        return
    strange = [column for column in heading.columns if column not in known][:HINTS]
    hints = [
        f" (is '{near}' meant?)" if (near := _nearest(column, strange, 0.6)) else "" for column in missing
    ]
    wanted = ", ".join(f"'{column}'{hint}" for column, hint in zip(missing, hints, strict=True))
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    where = f" (row {heading.row})" if heading.row > 1 else ""
    raise CatalogError(
        f"{table} lacks the column {wanted}: its columns{where} are {', '.join(heading.columns[:SHOWN])}{more};"
        f" required are {', '.join(required)}."
    )


def heading_remarks(table: str, heading: Heading, known: Collection[str]) -> tuple[str, ...]:
    """Remarks for a person: rows above the names, columns that are there twice, units, and misspelt columns."""
    ours = _ours(known)
    absent = [column for column in known if column not in heading.columns]
    above = f"{table} has its column names in row {heading.row}; what stands above them is passed over"
    unknown = [column for column in heading.columns if column not in known][:HINTS]
    return (
        *((above,) if heading.above else ()),
        *(
            f"{table} has the columns '{meant}' and '{column}': '{meant}' is read, '{column}' is carried along unread"
            for column in heading.columns
            if column not in known and (meant := _meaning(column, ours)[0])
        ),
        *(
            f"{table} states '{column}' in {UNITS[unit].name}; the lengths are converted to centimetres"
            for column, unit in heading.units.items()
        ),
        *(
            f"{table} has a column '{column}' that is carried along unread; is '{near}' meant?"
            for column in unknown
            if not _meaning(column, ours)[0] and (near := _nearest(column, absent, 0.8))
        ),
    )


def _nearest(name: str, others: Collection[str], cutoff: float) -> str:
    """The name that is most similar to a name, whatever the case and signs; empty where none is similar enough."""
    folded = {_folded(other): other for other in others}
    near = difflib.get_close_matches(_folded(name), folded, 1, cutoff)
    return folded[near[0]] if near else ""
