"""Texts as a search compares them: catalog and search are folded alike, so that a person finds what the page shows."""

import re
import unicodedata
from collections.abc import Iterator

APART = {
    "ı": "i", "ȷ": "j", "đ": "d", "ð": "d", "ɖ": "d", "ø": "o", "ł": "l", "ħ": "h", "ŧ": "t", "ƶ": "z", "ƀ": "b",
    "ɓ": "b", "ɗ": "d", "ƙ": "k", "ŋ": "n", "ɲ": "n", "æ": "ae", "œ": "oe", "þ": "th", "ĸ": "k",
    "’": "'", "‘": "'", "ʼ": "'", "ʻ": "'", "“": '"', "”": '"', "„": '"',
}  # fmt: skip
"""Small letters whose stroke or ligature Unicode does not decompose, and signs that keyboards write in a plainer way."""
MARKS = (
    (0x0300, 0x036F), (0x0483, 0x0487), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F),
    (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C5), (0x05C7, 0x05C7),
    (0x0640, 0x0640), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC),
)  # fmt: skip
"""Marks that people leave out: accents, Hebrew points, Arabic vowels. Those of India and Japan make other letters."""
LAST_MARK = 0x1FFFF
MOST_STACKED = 30


def searchable(text: str) -> str:
    """A text without case, accents and ways of composing: 'İstanbul' is 'istanbul', 'Áo dài' 'ao dai', 'Łódź' 'lodz'.

    Invisible signs (soft hyphens, joiners, directions) are left out; dashes of every length are hyphens. At most 30
    marks of one letter count, as in Unicode's stream-safe texts: the time to sort more of them grows with their square.
    """
    if text.isascii():
        return text.lower()
    text = _STACKED.sub(r"\1", text)
    # Case folding may compose anew, and a compatibility form may hold capitals.
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", folded.translate(_TABLE))


def _pairs() -> Iterator[tuple[int, str]]:
    for first, last in MARKS:
        yield from ((code, "") for code in range(first, last + 1))
    for code in range(0x10000):
        category = unicodedata.category(chr(code))
        if category == "Pd":
            yield code, "-"
        elif category == "Cf":
            yield code, ""
    yield from ((ord(letter), plain) for letter, plain in APART.items())


def _stacked() -> re.Pattern[str]:
    """More marks on a letter than any language has, of which the first ones are kept."""
    marks = "".join(chr(code) for code in range(LAST_MARK + 1) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{{MOST_STACKED}}})[{marks}]+")


_TABLE = dict(_pairs())
_STACKED = _stacked()
