"""Spelling of texts with letters that no font has, and notes about it."""

import unicodedata

from catalogs.designs import provenance
from catalogs.exports.items import Item
from catalogs.typesetting.fonts import SANS
from catalogs.typesetting.shaping import missing_letters, spelled_text

HELP = "Install a font that has them (on Debian: fonts-noto) and export again."
NAMED = 4
"""Letters that a note names by their numbers, at most."""


def printable_name(item: Item, kind: str, style: str) -> str:
    """The title of an item's garment or style; the id where there is no title, or no font has the title's letters."""
    title, record_id = item.text(f"{kind}_title"), item.text(f"{kind}_id")
    return record_id if record_id and (not title or missing_letters(title, style)) else title


def spelling_notes(item: Item) -> list[str]:
    """The parts of an item's text that are not written in their own letters, a sentence each."""
    said = []
    for kind in ("garment", "style"):
        title, record_id = item.text(f"{kind}_title"), item.text(f"{kind}_id")
        if record_id and (missing := missing_letters(title, SANS)):
            said.append(
                f"no font has {_numbered(missing)} of the {kind}'s title; its id stands instead. {HELP}"
            )
        elif missing := missing_letters(title, SANS):
            said.append(f"in the {kind}'s title {spelling_note(missing, title)}")
    for what, text in (("rights", provenance.rights(item.record)), ("note", provenance.one_line(item.note))):
        if missing := missing_letters(text, SANS):
            said.append(f"in the {what} {spelling_note(missing, text)}")
    return said


def spelling_note(missing: str, text: str) -> str:
    """A sentence that letters are missing, and how the text is written instead."""
    return f"no font has {_numbered(missing)}; '{spelled_text(text, SANS)}' stands for the text. {HELP}"


def _numbered(letters: str) -> str:
    """Letters that cannot be shown, by their numbers, and the first one's name."""
    numbers = ", ".join(f"U+{ord(sign):04X}" for sign in letters[:NAMED])
    return f"{numbers}{', ...' if len(letters) > NAMED else ''} ({unicodedata.name(letters[0], 'unnamed').lower()})"
