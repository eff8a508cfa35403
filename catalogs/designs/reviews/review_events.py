"""Review events: the acts of people about designs, and which acts can be filed and count.

An act is never changed or removed. To undo an act is another act, and so is to undo that.
"""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from catalogs import keys
from catalogs.errors import ActError

LONGEST_TEXT = 2000
LONGEST_NAME = 80
LONGEST_WHO = 60
PLACE = re.compile(r"[1-9][0-9]{0,5}")
"""A place on a shortlist as an act may ask for it; a log may hold larger places, of earlier versions."""


class What(StrEnum):
    """The kind of an act."""

    VERDICT = "verdict"
    """Its value is a verdict."""
    STARS = "stars"
    """Its value is 0 to 5."""
    LIST = "list"
    """Puts designs at the end of a shortlist; designs that are on it keep their place."""
    UNLIST = "unlist"
    """Takes designs off a shortlist."""
    MOVE = "move"
    """Moves one design to a place of a shortlist; the value is the place, from 1."""
    NOTE = "note"
    """Gives designs of a shortlist a note, which is the value."""
    OPEN = "open"
    """Begins a shortlist."""
    CLOSE = "close"
    """Closes a shortlist; nothing of it is lost, and undoing the act opens it again."""
    UNDO = "undo"
    """Undoes another act, whose act_id is the value."""


class Verdict(StrEnum):
    """A verdict on a design; UNREVIEWED takes an earlier verdict back."""

    UNREVIEWED = ""
    PICK = "pick"
    REJECT = "reject"


VERDICT_WORDS = {Verdict.UNREVIEWED: "Unreviewed", Verdict.PICK: "Pick", Verdict.REJECT: "Reject"}
"""The word that people read for every verdict; addresses have it in lower case."""
ON_SHORTLISTS = (What.LIST, What.UNLIST, What.MOVE, What.NOTE, What.OPEN, What.CLOSE)
NEED_DESIGNS = (What.VERDICT, What.STARS, What.LIST, What.UNLIST, What.MOVE, What.NOTE)


@dataclass(frozen=True)
class Act:
    """Who did what to which designs, and when. `seq` is the act's place in the log, from 1; 0 before it is filed."""

    act_id: str
    who: str
    at: datetime
    what: What
    designs: tuple[str, ...] = ()
    value: str = ""
    shortlist: str = ""
    seq: int = 0


def check_act(act: Act) -> Act:
    """The act as it can be filed, without control characters in its texts.

    Raises ActError for an act that means nothing, and InvalidKeyError for a misspelt id.
    """
    act = replace(
        act, who=_text(act.who, LONGEST_WHO, "who"), shortlist=_text(act.shortlist, LONGEST_NAME, "name")
    )
    keys.check_id(act.act_id)
    for design_id in act.designs:
        keys.check_id(design_id)
    if act.what in NEED_DESIGNS and not act.designs:
        raise ActError(f"'{act.what}' of no design: choose at least one.")
    if (act.what in ON_SHORTLISTS) != bool(act.shortlist):
        raise ActError(
            f"'{act.what}' {'wants' if act.what in ON_SHORTLISTS else 'takes no'} name of a shortlist."
        )
    return replace(act, designs=tuple(dict.fromkeys(act.designs)), value=_value(act))


def _value(act: Act) -> str:
    if act.what is What.VERDICT and act.value not in list(Verdict):
        raise ActError(f"'{act.value[:80]}' is no verdict: give one of pick, reject, or nothing to clear.")
    if act.what is What.STARS and act.value not in ("0", "1", "2", "3", "4", "5"):
        raise ActError(f"'{act.value[:80]}' are no stars: give 0 to 5.")
    if act.what is What.MOVE and not (PLACE.fullmatch(act.value) and len(act.designs) == 1):
        raise ActError(f"'{act.value[:80]}' is no place for one design: give it a number from 1 to 999999.")
    if act.what is What.UNDO:
        return keys.check_id(act.value)
    return _text(act.value, LONGEST_TEXT, "text")


def _text(text: str, longest: int, what: str) -> str:
    clean = "".join(letter for letter in text if letter in "\n\t" or _is_text(letter)).strip()
    if len(clean) > longest:
        raise ActError(f"The {what} has {len(clean)} letters: keep it to {longest}.")
    return clean


def _is_text(letter: str) -> bool:
    """Whether tables, XML and pages can all hold a letter: not a control character, half of a pair, or noncharacter."""
    return unicodedata.category(letter) not in ("Cc", "Cs") and ord(letter) & 0xFFFE != 0xFFFE


def require_foldable(act: Act) -> None:
    """Raise ActError where an act of a log cannot count: another program filed it, or its row is damaged.

    This is looser than `check_act`: acts that earlier versions accepted still count.
    """
    wrong = ""
    if act.what is What.VERDICT and act.value not in list(Verdict):
        wrong = "its value is no verdict"
    elif act.what is What.STARS and act.value not in ("0", "1", "2", "3", "4", "5"):
        wrong = "its value is not 0 to 5"
    elif act.what is What.MOVE and not (len(act.designs) == 1 and _is_number(act.value)):
        wrong = "it does not give one design a place"
    elif act.what in ON_SHORTLISTS and not act.shortlist:
        wrong = "it names no shortlist"
    if wrong:
        raise ActError(f"'{act.what}' with the value '{act.value[:40]}': {wrong}.")


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        return int(text) > 0
    return False
