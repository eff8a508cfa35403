"""Classes of signs in Unicode's bidirectional algorithm (Annex #9), and the direction in which a text begins."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache

ISOLATES = ("LRI", "RLI", "FSI")
REMOVED = ("RLE", "LRE", "RLO", "LRO", "PDF", "BN")
NEUTRAL = ("B", "S", "WS", "ON", *ISOLATES, "PDI")
RIGHT_BLOCKS = ((0x590, 0x5FF, "R"), (0x600, 0x7BF, "AL"), (0x7C0, 0x85F, "R"), (0x860, 0x8FF, "AL"),
                (0xFB1D, 0xFB4F, "R"), (0xFB50, 0xFDFF, "AL"), (0xFE70, 0xFEFF, "AL"),
                (0x10800, 0x10FFF, "R"), (0x1E800, 0x1EFFF, "R"))  # fmt: skip
"""Classes of signs that Python's Unicode does not know yet, by their blocks."""


@cache
def bidi_class(sign: str) -> str:
    """The class of a sign, as Unicode names it ("L", "R", "AL", "EN", ...)."""
    known = unicodedata.bidirectional(sign)
    if known:
        return known
    return next((kind for first, last, kind in RIGHT_BLOCKS if first <= ord(sign) <= last), "L")


def first_strong(kinds: Sequence[str], start: int = 0, until_pdi: bool = False) -> int:
    """The direction of the first letter outside of isolates: 1 from the right, else 0 (P2, P3).

    With `until_pdi` the search ends at the end of the isolate in which it starts.
    """
    deep = 0
    for place in range(start, len(kinds)):
        kind = kinds[place]
        if kind in ISOLATES:
            deep += 1
        elif kind == "PDI":
            if not deep and until_pdi:
                return 0
            deep = max(0, deep - 1)
        elif not deep and kind in ("L", "R", "AL"):
            return int(kind != "L")
    return 0


def strong_direction(kind: str) -> str:
    """The direction of a class as neutral signs see it: numbers count as R; "" for neutral classes."""
    return {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}.get(kind, "")


def find_stretches(sequence: Sequence[int], wanted: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """Beginnings and ends, in a sequence, of places next to each other that are `wanted`."""
    start = None
    for number, place in enumerate([*sequence, -1]):
        if place >= 0 and wanted(place):
            start = number if start is None else start
        elif start is not None:
            yield start, number
            start = None
