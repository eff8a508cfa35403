"""Fitting a text into room: cuts between letters, and breaks into lines."""

import unicodedata
from itertools import pairwise

from catalogs.typesetting.reading_order import starts_from_right
from catalogs.typesetting.shaping import clusters, width_of, with_direction

ELLIPSIS = "…"
WIDE = "\u2e80", "\uffdc"
"""From the first to the last sign of scripts that break between any two letters."""
BEFORE_THAI_AND_LAO = "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
"""Vowels that stand before their consonant."""
AFTER_THAI_AND_LAO = "\u0e2f\u0e30\u0e32\u0e33\u0e45\u0e46\u0eaf\u0eb0\u0eb2\u0eb3\u0ec6"
NOT_FIRST = "、。，．・：；？！ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ)]}"
TRAILING = " ,.;:–-·([{"
NARROWEST = 0.12
"""Ems that a letter needs at least, with its share of marks; letters beyond the room at this width are not read."""


def fit_line(text: str, style: str, size: float, room: float) -> str:
    """As much of a text as `room` holds in one line, in the unit of `size`; a cut is shown by an ellipsis."""
    text = " ".join(text.split())
    if _fits(text, style, size, room):
        return text
    parts = _inseparable(text[: _most_letters(size, room)])
    fits = _most_that_fit(parts, style, size, room, ELLIPSIS)
    return "".join(parts[:fits]).rstrip(TRAILING) + ELLIPSIS


def fit_lines(text: str, style: str, size: float, room: float, most: int) -> list[str]:
    """A text broken into at most `most` lines of `room`; the last is cut where it must be.

    Breaks are between words, between letters of Chinese and Japanese, and anywhere in a word that is too long.
    """
    from_right, rest, broken = starts_from_right(text), " ".join(text.split()), list[str]()
    while rest and len(broken) < most - 1 and not _fits(rest, style, size, room):
        taken = _first_line(rest[: _most_letters(size, room)], style, size, room)
        broken.append(taken.rstrip())
        rest = rest[len(taken) :].lstrip()
    whole = [*broken, fit_line(rest, style, size, room)] if rest else broken
    return [with_direction(row, from_right) for row in whole]


def _fits(text: str, style: str, size: float, room: float) -> bool:
    return len(text) <= _most_letters(size, room) and width_of(text, style, size) <= room


def _most_letters(size: float, room: float) -> int:
    return max(1, int(room / size / NARROWEST))


def _first_line(text: str, style: str, size: float, room: float) -> str:
    """The beginning of a text up to the last break that `room` allows."""
    pieces = _pieces(text)
    fits = _most_that_fit(pieces, style, size, room)
    if fits:
        return "".join(pieces[:fits])
    parts = _inseparable(text)
    return "".join(parts[: max(1, _most_that_fit(parts, style, size, room))])


def _most_that_fit(parts: list[str], style: str, size: float, room: float, end: str = "") -> int:
    """How many parts, from the first, are no wider than `room` together."""
    fits, too_many = 0, len(parts) + 1
    whole = width_of("".join(parts), style, size)
    # Letters are about as wide as each other: so many should fit, and the truth is near.
    guess = int(len(parts) * min(1.0, room / whole)) if whole else len(parts)
    step = max(1, len(parts) // 32)
    while too_many - fits > 1:
        middle = min(max(guess, fits + 1), too_many - 1)
        if width_of("".join(parts[:middle]).rstrip() + end, style, size) <= room:
            fits, guess = middle, middle + step
        else:
            too_many, guess = middle, middle - step
        if fits and too_many <= len(parts):
            guess = (fits + too_many) // 2
    return fits


def _pieces(text: str) -> list[str]:
    """A text between the places where a line may end; blanks go with what is before them."""
    pieces: list[str] = []
    parts = _inseparable(text)
    if parts:
        pieces.append(parts[0])
    for before, after in pairwise(parts):
        if _may_break(before, after):
            pieces.append(after)
        else:
            pieces[-1] += after
    return pieces


def _may_break(before: str, after: str) -> bool:
    if after == " ":
        return False
    if before == " ":
        return True
    if after[0] in NOT_FIRST or unicodedata.category(after[0]) in ("Pe", "Pf"):
        return False
    if unicodedata.category(before[0]) in ("Ps", "Pi"):
        return False
    return any(
        WIDE[0] <= letter[0] <= WIDE[1] or "\U00020000" <= letter[0] <= "\U0003ffff"
        for letter in (before, after)
    )


def _inseparable(text: str) -> list[str]:
    """Letters with their marks; in Thai and Lao with the vowels that are read with them, too."""
    parts: list[str] = []
    for cluster in clusters(text):
        if parts and (parts[-1][-1] in BEFORE_THAI_AND_LAO or cluster[0] in AFTER_THAI_AND_LAO):
            parts[-1] += cluster
        else:
            parts.append(cluster)
    return parts
