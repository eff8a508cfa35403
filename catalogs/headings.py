"""Which row of a table holds the names of its columns, and which of ours each of them is."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from catalogs.errors import CatalogError
from catalogs.lines import CONTROLS, INVISIBLE, MAX_LETTERS, IsRow, Line

LOOK = 20
"""Rows among which the names are looked for: titles, dates and logos of text stand above them."""
SHOWN = 30
"""Names in a message."""
LONGEST = 200
"""Letters of a name; the rest of a longer one is left out."""
HINTS = 100
"""Unknown columns that are held against the known ones."""
WORD = re.compile(r'[^\s"]+')
FILE = re.compile(r"\.\w{2,5}$")
DISTINCT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Heading:
    """Names of columns by their place, empty where a column has none, and the row that they stand in."""

    row: int
    places: tuple[str, ...]
    above: bool = False
    """Whether something else stands above the names; it is passed over."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have a name."""
        return tuple(name for name in self.places if name)

    def is_row(self, required: Collection[str]) -> IsRow:
        """Whether cells, taken alone, are a record.

        They are as many as there are columns, and the required ones are words, a file's name among them.
        """
        places = [place for place, name in enumerate(self.places) if name in required]

        def looks(cells: Sequence[str]) -> bool:
            if not places or len(cells) != len(self.places):
                return False
            words = [cells[place].strip() for place in places]
            return all(WORD.fullmatch(word) for word in words) and any(FILE.search(word) for word in words)

        return looks


def find_heading(
    name: str, lines: Sequence[Line], required: Collection[str], known: Collection[str]
) -> Heading | None:
    """The first line that has every required column; `lines` are the first LOOK of a table.

    Case, blanks, hyphens and other signs in a name do not matter where it is one of `known`: 'Garment ID' is
    garment_id. Where no line has them all, the one that has most of the known ones is taken, and the first
    that is not blank where none has any; None where all are blank. Of two columns that come to one name, the
    one that is spelled as ours keeps it, and the other is a further column; CatalogError where none is, or both.
    """
    ours = {_folded(column): column for column in known}
    best: tuple[int, int, tuple[str, ...]] | None = None
    for place, line in enumerate(lines):
        names = _names(line.cells, ours)
        if not any(names):
            continue
        score = len(set(names) & set(required)) * (len(ours) + 1) + len(set(names) & set(ours.values()))
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
    above = (cell for other in lines[:place] for cell in other.cells)
    return Heading(line.row, names, any(cell.strip() for cell in above))


def _folded(name: str) -> str:
    return DISTINCT.sub("", unicodedata.normalize("NFKC", name[:LONGEST]).casefold())


def _names(cells: Sequence[str], ours: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the columns; another spelling of one that is there in ours is a column of its own."""
    plain = [_plain(cell) for cell in cells]
    exact = set(plain)
    meant = (ours.get(_folded(cell), "") for cell in cells)
    pairs = zip(plain, meant, strict=True)
    return tuple(name if not known or known in exact else known for name, known in pairs)


def _plain(name: str) -> str:
    """A name that is none of ours: blanks of every kind are one, letters are composed, the unseen is dropped."""
    seen = CONTROLS.sub(" ", unicodedata.normalize("NFC", name[:MAX_LETTERS]))
    return " ".join(seen.split()).strip(INVISIBLE)[:LONGEST]


def _check_once(table: str, names: Sequence[str], written: Sequence[str]) -> None:
    for name, times in Counter(name for name in names if name).items():
        if times == 1:
            continue
        spelled = [_plain(cell) for cell, found in zip(written, names, strict=True) if found == name]
        if len(set(spelled)) == 1:
            raise CatalogError(f"{table} has the column '{spelled[0]}' twice: keep one.")
        listed = " and ".join(f"'{cell}'" for cell in spelled)
        raise CatalogError(
            f"{table} has the columns {listed}, which both mean {name}: keep one, or name the one that is meant"
            f" '{name}'."
        )


def check_columns(table: str, heading: Heading, required: Collection[str], known: Collection[str]) -> None:
    """Raise CatalogError where a required column is missing, with the one that is probably meant."""
    columns = set(heading.columns)
    missing = [column for column in required if column not in columns]
    if not missing:
        return
    strange = [column for column in heading.columns if column not in known][:HINTS]
    hints = [
        f" (is '{near[0]}' meant?)" if (near := difflib.get_close_matches(m, strange, 1)) else ""
        for m in missing
    ]
    wanted = ", ".join(f"'{column}'{hint}" for column, hint in zip(missing, hints, strict=True))
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    where = f" (row {heading.row})" if heading.row > 1 else ""
    raise CatalogError(
        f"{table} lacks the column {wanted}: its columns{where} are {', '.join(heading.columns[:SHOWN])}{more};"
        f" required are {', '.join(required)}."
    )


def heading_remarks(table: str, heading: Heading, known: Collection[str]) -> tuple[str, ...]:
    """What a person may want to know: rows above the names, columns spelled twice, and misspelt ones."""
    ours = {_folded(column): column for column in known}
    absent = [column for column in known if column not in heading.columns]
    above = f"{table} has its column names in row {heading.row}; what stands above them is passed over"
    unknown = [column for column in heading.columns if column not in known][:HINTS]
    return (
        *((above,) if heading.above else ()),
        *(
            f"{table} has the columns '{meant}' and '{column}': '{meant}' is read, '{column}' is carried along unread"
            for column in heading.columns
            if column not in known and (meant := ours.get(_folded(column)))
        ),
        *(
            f"{table} has a column '{column}' that is carried along unread; is '{near[0]}' meant?"
            for column in unknown
            if (near := difflib.get_close_matches(column, absent, 1, cutoff=0.8))
        ),
    )
