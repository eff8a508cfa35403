"""Damage that spreadsheet programs and copying do to cells, recognised by the cells' text."""

import re
import unicodedata
from collections.abc import Iterable

ERROR = re.compile(
    r"#(REF|VALUE|DIV/0|NUM|NULL|SPILL|CALC|FIELD|BLOCKED|CONNECT|BUSY|UNKNOWN|EXTERNAL|PYTHON|ERROR)!|#NAME\?|#N/A"
    r"|#N/A N/A|#GETTING_DATA|#(BEZUG|WERT|ZAHL|NV|VALEUR|NOM)[!?]?|Err:5\d\d|#{3,}",
    re.IGNORECASE,
)
"""Errors of formulas, in the programs' English and German; signs in the place of a number too wide for its column."""
LONGEST_ERROR = 300
SHORTENED = re.compile(r"[+-]?\d([.,]\d*)?E[+]\d+", re.IGNORECASE)
MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|mrz|mär|mai|okt|dez|janv|févr|fév|mars|avr|juin|juil|août"
    "|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|mrt|mei|fev|out"
)
MONTH = re.compile(
    rf"(\d{{1,2}}[-. ]{{1,2}}({MONTHS})|({MONTHS})[-. ]{{1,2}}\d{{2,4}})\.?([-. ]\d{{2,4}})?", re.IGNORECASE
)
"""A day as programs show it for what was typed as 3-1."""
DAY = re.compile(r"(19|20)\d\d-\d\d-\d\d|\d{1,2}\.\d{1,2}\.(19|20)\d\d|\d{1,2}/\d{1,2}/(19|20)\d\d")
"""A day with its year; alone it may well be an id."""
ALIKE = ("CYRILLIC", "GREEK", "FULLWIDTH")
"""Scripts with letters that look as those of a to z do."""
TYPED = re.compile(r"\d{1,2}[-./]\d{1,4}([-./]\d{1,2})?")
"""Ids that programs take for days."""
AS_TEXT = "format the column as text and type the id anew"


def is_error(cell: str) -> bool:
    """Whether a spreadsheet program shows this text for a failed formula, or for a column that is too narrow."""
    return cell.startswith(("#", "E", "e")) and len(cell) <= LONGEST_ERROR and bool(ERROR.fullmatch(cell))


def damaged_id(text: str) -> str:
    """How a spreadsheet program changed an id, with the remedy; empty where it need not have changed it."""
    if len(text) > LONGEST_ERROR:
        return ""
    if SHORTENED.fullmatch(text):
        return f"is a number that a spreadsheet program shortened; {AS_TEXT}, with all its digits"
    if MONTH.fullmatch(text):
        return f"is a day that a spreadsheet program made of an id such as 3-1; {AS_TEXT}"
    return ""


def altered_day(ids: Iterable[str]) -> str:
    """What is wrong with the days among ids, if other ids look like those that programs turn into days; else empty."""
    typed = next(
        (record_id for record_id in ids if TYPED.fullmatch(record_id) and not DAY.fullmatch(record_id)), ""
    )
    return (
        f"is a day, and other ids are such as {typed}, which spreadsheet programs turn into days; {AS_TEXT}"
        if typed
        else ""
    )


def unreadable_sign(text: str) -> str:
    """The first sign of an id or key that people cannot see, or not tell from another, by its code point; else empty."""
    for place, letter in enumerate(text[:LONGEST_ERROR]):
        name = unicodedata.name(letter, "")
        if letter.isascii() or not (unicodedata.category(letter)[0] in "CZM" or name.startswith(ALIKE)):
            continue
        after = f" after '{text[:place][-20:]}'" if place else ""
        called = f" ({name})" if name else ""
        return f"holds U+{ord(letter):04X}{called}{after}, which no eye can tell; type it anew"
    return ""
