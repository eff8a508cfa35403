"""What a document writes where no font has the letters of a text, and what it says about it."""

import unicodedata

from catalogs.designs import provenance
from catalogs.exports.items import Item
from catalogs.typesetting.fonts import SANS
from catalogs.typesetting.shaping import lacking, written

HELP = "Install a font that has them (on Debian: fonts-noto) and export again."
NAMED = 4
"""Letters that are told by their numbers, at most."""


def name_of(item: Item, kind: str, style: str) -> str:
    """The title of an item's garment or style, or the id where there is none or no font has its letters."""
    title, own = item.text(f"{kind}_title"), item.text(f"{kind}_id")
    return own if own and (not title or lacking(title, style)) else title


def unset(item: Item) -> list[str]:
    """What of an item's text is not written in its own letters, a sentence each."""
    said = []
    for kind in ("garment", "style"):
        title, own = item.text(f"{kind}_title"), item.text(f"{kind}_id")
        if own and (missing := lacking(title, SANS)):
            said.append(
                f"no font has {_numbered(missing)} of the {kind}'s title; its id stands instead. {HELP}"
            )
        elif missing := lacking(title, SANS):
            said.append(f"in the {kind}'s title {respelled(missing, title)}")
    for what, text in (("rights", provenance.rights(item.record)), ("note", provenance.plain(item.note))):
        if missing := lacking(text, SANS):
            said.append(f"in the {what} {respelled(missing, text)}")
    return said


def respelled(missing: str, text: str) -> str:
    """That letters are missing, and how the text is written without them."""
    return f"no font has {_numbered(missing)}; '{written(text, SANS)}' stands for the text. {HELP}"


def _numbered(letters: str) -> str:
    """Letters that cannot be shown, by their numbers, and the first one's name."""
    numbers = ", ".join(f"U+{ord(sign):04X}" for sign in letters[:NAMED])
    return f"{numbers}{', ...' if len(letters) > NAMED else ''} ({unicodedata.name(letters[0], 'unnamed').lower()})"
