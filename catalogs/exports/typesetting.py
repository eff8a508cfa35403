"""Lines of text that fit: fonts that hold the alphabets of Europe, embedded, and cuts where room ends."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from catalogs.exports.items import Item

SANS, BOLD, OBLIQUE, SERIF = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "STIXGeneral"
"""Fonts that come with matplotlib; their licences allow embedding. Latin, Greek and Cyrillic are in all four."""
ELLIPSIS = "…"
_lock = Lock()


def load_fonts() -> None:
    """Make the fonts known to reportlab; the second call does nothing."""
    with _lock:
        known = set(pdfmetrics.getRegisteredFontNames())
        for name in {SANS, BOLD, OBLIQUE, SERIF} - known:
            pdfmetrics.registerFont(TTFont(name, str(_folder() / f"{name}.ttf")))


def settable(text: str, font: str) -> str:
    """What of a text the font has signs for: the rest would be empty boxes."""
    signs = pdfmetrics.getFont(font).face.charToGlyph
    return " ".join("".join(sign for sign in text if ord(sign) in signs).split())


def width_of(text: str, font: str, size: float) -> float:
    """Width of a line, points."""
    return float(pdfmetrics.stringWidth(text, font, size))


def line(text: str, font: str, size: float, room: float) -> str:
    """As much of a text as `room` points hold in one line; a cut is shown by an ellipsis."""
    text = settable(text, font)
    if width_of(text, font, size) <= room:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if width_of(text[:middle] + ELLIPSIS, font, size) <= room:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip(" ,.;:–-·") + ELLIPSIS


def lines(text: str, font: str, size: float, room: float, most: int) -> list[str]:
    """A text broken between words into at most `most` lines of `room` points; the last is cut where it must be."""
    words, broken = settable(text, font).split(), list[str]()
    while words and len(broken) < most - 1:
        taken = 1
        while taken < len(words) and width_of(" ".join(words[: taken + 1]), font, size) <= room:
            taken += 1
        broken.append(line(" ".join(words[:taken]), font, size, room))
        words = words[taken:]
    return [*broken, line(" ".join(words), font, size, room)] if words else broken


def name_of(item: Item, kind: str, font: str) -> str:
    """The title of an item's garment or style, or the id where the font has no signs for the title."""
    return settable(item.text(f"{kind}_title"), font) or item.text(f"{kind}_id")


@cache
def _folder() -> Path:
    spec = find_spec("matplotlib")  # found, not imported: that takes a quarter of a second
    assert spec and spec.origin, "matplotlib is a dependency"
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
