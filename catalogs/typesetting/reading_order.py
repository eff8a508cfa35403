"""Where each part of a line stands when scripts run both ways: Unicode's bidirectional algorithm for one line.

Source: Unicode Standard Annex #9, revision of Unicode 15 (rules in the comments are its own: P2, X1, W1, ...).
No library that may be used has it with the levels it finds: python-bidi gives reordered text only, from which
letters can no longer be joined; the tests compare with it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

MOST_DEEP = 125
EMBEDDINGS = {"RLE": "", "LRE": "", "RLO": "R", "LRO": "L"}
"""What begins an embedding, and the direction that it forces on all in it."""
ISOLATES = ("LRI", "RLI", "FSI")
REMOVED = ("RLE", "LRE", "RLO", "LRO", "PDF", "BN")
NEUTRAL = ("B", "S", "WS", "ON", *ISOLATES, "PDI")
RIGHT_BLOCKS = ((0x590, 0x5FF, "R"), (0x600, 0x7BF, "AL"), (0x7C0, 0x85F, "R"), (0x860, 0x8FF, "AL"),
                (0xFB1D, 0xFB4F, "R"), (0xFB50, 0xFDFF, "AL"), (0xFE70, 0xFEFF, "AL"),
                (0x10800, 0x10FFF, "R"), (0x1E800, 0x1EFFF, "R"))  # fmt: skip
"""What signs are that Python's Unicode does not know yet."""
ONE_WAY = re.compile(
    "[^\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]*"
)
"""Text in which nothing runs from the right."""


@dataclass(frozen=True)
class DirectionRun:
    """A part of a line, `text[start:end]`, whose signs stand from the left, or from the right."""

    start: int
    end: int
    from_right: bool


def direction_runs(text: str, from_right: bool | None = None) -> list[DirectionRun]:
    """The parts of a line as they stand, the leftmost first.

    `from_right` is the direction of the paragraph that the line is of; None: that of its first letter.
    """
    base = starts_from_right(text) if from_right is None else from_right
    if not base and ONE_WAY.fullmatch(text):
        return [DirectionRun(0, len(text), False)] if text else []
    return [
        DirectionRun(start, end, bool(level % 2))
        for start, end, level in _reordered(embedding_levels(text, int(base)))
    ]


def starts_from_right(text: str) -> bool:
    """Whether the first letter of a text, outside of isolates, runs from the right (P2, P3)."""
    return _first_strong([_kind(sign) for sign in text]) == 1


def embedding_levels(text: str, base: int) -> list[int]:
    """The embedding level of every sign: odd runs from the right. `base` is the paragraph's, 0 or 1."""
    original = [_kind(sign) for sign in text]
    found, kinds = _explicit(original, base)
    explicit = tuple(found)
    for sequence in _sequences(original, explicit):
        borders = _borders(original, explicit, sequence, base)
        _resolve(text, original, kinds, sequence, explicit[sequence[0]], borders)
        for place in sequence:  # I1, I2
            found[place] = _implicit(explicit[place], kinds[place])
    _whitespace(original, found, base)
    return found


@cache
def _kind(sign: str) -> str:
    known = unicodedata.bidirectional(sign)
    if known:
        return known
    return next((kind for first, last, kind in RIGHT_BLOCKS if first <= ord(sign) <= last), "L")


def _first_strong(kinds: Sequence[str], start: int = 0, until_pdi: bool = False) -> int:
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


def _explicit(original: Sequence[str], base: int) -> tuple[list[int], list[str]]:
    """Levels and kinds by embeddings, overrides and isolates (X1 to X8)."""
    nested, found, kinds = _Nested(base), list[int](), list(original)
    for place, kind in enumerate(original):
        level, override, _ = nested.stack[-1]
        if kind in ISOLATES or kind in EMBEDDINGS:
            # Too deep ones are not looked at: each look may go to the end of the text.
            if nested.has_room():
                nested.open(kind, _way(kind, original, place))
            else:
                nested.count(kind)
        elif kind == "PDI":
            nested.close_isolate()
            level, override, _ = nested.stack[-1]
        elif kind == "PDF":
            nested.close_embedding()
        found.append(base if kind == "B" else level)
        if kind not in ("B", "BN"):
            kinds[place] = override or kind
    return found, kinds


class _Nested:
    """What is open at a place: levels with the direction that overrides, and whether it is an isolate."""

    def __init__(self, base: int) -> None:
        self.stack = [(base, "", False)]
        self._isolates = self._lost_isolates = self._lost_embeddings = 0

    def has_room(self) -> bool:
        """Whether what opens next may be kept: none before it was too deep, and a level is left."""
        lost = self._lost_isolates or self._lost_embeddings
        return not lost and self.stack[-1][0] < MOST_DEEP

    def open(self, kind: str, way: str) -> None:
        """Begin an embedding, an override or an isolate; too deep ones are counted only (X2 to X5c)."""
        level, isolate = self.stack[-1][0], kind in ISOLATES
        deeper = level + 1 + (level % 2 == (way == "R"))
        if deeper <= MOST_DEEP and self.has_room():
            self.stack.append((deeper, "" if isolate else EMBEDDINGS[kind], isolate))
            self._isolates += isolate
        else:
            self.count(kind)

    def count(self, kind: str) -> None:
        """Count what is too deep."""
        if kind in ISOLATES:
            self._lost_isolates += 1
        elif not self._lost_isolates:
            self._lost_embeddings += 1

    def close_isolate(self) -> None:
        """End the last isolate, and every embedding in it (X6a)."""
        if self._lost_isolates:
            self._lost_isolates -= 1
        elif self._isolates:
            self._isolates, self._lost_embeddings = self._isolates - 1, 0
            while not self.stack.pop()[2]:
                pass

    def close_embedding(self) -> None:
        """End the last embedding, but no isolate (X7)."""
        if self._lost_isolates:
            return
        if self._lost_embeddings:
            self._lost_embeddings -= 1
        elif not self.stack[-1][2] and len(self.stack) > 1:
            self.stack.pop()


def _way(kind: str, original: Sequence[str], place: int) -> str:
    if kind == "FSI":
        return "R" if _first_strong(original, place + 1, until_pdi=True) else "L"
    return "R" if kind.startswith("R") else "L"


def _sequences(original: Sequence[str], found: Sequence[int]) -> Iterator[list[int]]:
    """Places of one level that belong together, over isolates that stand between (X9, X10; BD13)."""
    level_runs: list[list[int]] = []
    for place, kind in enumerate(original):
        if kind in REMOVED:
            continue
        if level_runs and found[level_runs[-1][-1]] == found[place]:
            level_runs[-1].append(place)
        else:
            level_runs.append([place])
    partner = _isolate_ends(original)
    ending = set(partner.values())
    starting = {run[0]: run for run in level_runs}
    for run in level_runs:
        if original[run[0]] == "PDI" and run[0] in ending:
            continue
        whole = list(run)
        while original[whole[-1]] in ISOLATES and partner.get(whole[-1]) in starting:
            whole += starting[partner[whole[-1]]]
        yield whole


def _isolate_ends(original: Sequence[str]) -> dict[int, int]:
    """Which PDI ends which isolate (BD9)."""
    open_ones, ends = list[int](), dict[int, int]()
    for place, kind in enumerate(original):
        if kind in ISOLATES:
            open_ones.append(place)
        elif kind == "PDI" and open_ones:
            ends[open_ones.pop()] = place
    return ends


def _resolve(
    text: str,
    original: Sequence[str],
    kinds: list[str],
    sequence: Sequence[int],
    level: int,
    borders: tuple[str, str],
) -> None:
    """Directions of one isolating run sequence (W1 to N2), whose level and borders are given."""
    own, (before, after) = "R" if level % 2 else "L", borders
    _weak(kinds, sequence, before)
    _brackets(text, original, kinds, sequence, own, before)
    for start, end in _stretches(sequence, lambda place: kinds[place] in NEUTRAL):  # N1, N2
        left = _strong(kinds[sequence[start - 1]]) if start else before
        right = _strong(kinds[sequence[end]]) if end < len(sequence) else after
        for place in sequence[start:end]:
            kinds[place] = left if left == right else own


def _implicit(level: int, kind: str) -> int:
    """The level of a sign by its direction and the level around it."""
    deeper = ("L", "EN", "AN") if level % 2 else ("R",)
    return level + (kind in deeper) + 2 * (not level % 2 and kind in ("EN", "AN"))


def _borders(
    original: Sequence[str], found: Sequence[int], sequence: Sequence[int], base: int
) -> tuple[str, str]:
    """Direction before and after a sequence (X10)."""
    level = found[sequence[0]]
    first, last = sequence[0] - 1, sequence[-1] + 1
    while first >= 0 and original[first] in REMOVED:
        first -= 1
    while last < len(original) and original[last] in REMOVED:
        last += 1
    previous = found[first] if first >= 0 else base
    unended = original[sequence[-1]] in ISOLATES
    following = found[last] if last < len(original) and not unended else base
    return tuple("R" if max(level, one) % 2 else "L" for one in (previous, following))  # type: ignore[return-value]


def _weak(kinds: list[str], sequence: Sequence[int], before: str) -> None:
    """Marks, numbers and the signs between numbers (W1 to W7)."""
    _marks(kinds, sequence, before)
    _numbers(kinds, sequence, before, behind="AL", become="AN")
    for place in sequence:  # W3
        if kinds[place] == "AL":
            kinds[place] = "R"
    _between_numbers(kinds, sequence)
    _numbers(kinds, sequence, before, behind="L", become="L")


def _marks(kinds: list[str], sequence: Sequence[int], before: str) -> None:
    """Marks go with what they stand on (W1)."""
    previous = before
    for place in sequence:
        if kinds[place] == "NSM":
            kinds[place] = "ON" if previous in (*ISOLATES, "PDI") else previous
        previous = kinds[place]


def _numbers(kinds: list[str], sequence: Sequence[int], before: str, behind: str, become: str) -> None:
    """European numbers take after the letters before them (W2, W7)."""
    strong = before
    for place in sequence:
        if kinds[place] in ("L", "R", "AL"):
            strong = kinds[place]
        if kinds[place] == "EN" and strong == behind:
            kinds[place] = become


def _between_numbers(kinds: list[str], sequence: Sequence[int]) -> None:
    """Signs in and around numbers are part of them; others are neutral (W4 to W6)."""
    for left, place, right in zip(sequence, sequence[1:], sequence[2:], strict=False):
        same = kinds[left] if kinds[left] == kinds[right] else ""
        if (kinds[place] == "CS" and same in ("EN", "AN")) or (kinds[place] == "ES" and same == "EN"):
            kinds[place] = same
    for start, end in _stretches(sequence, lambda place: kinds[place] == "ET"):
        beside = [kinds[place] for place in (*sequence[max(0, start - 1) : start], *sequence[end : end + 1])]
        if "EN" in beside:
            for place in sequence[start:end]:
                kinds[place] = "EN"
    for place in sequence:
        if kinds[place] in ("ES", "ET", "CS"):
            kinds[place] = "ON"


def _brackets(
    text: str, original: Sequence[str], kinds: list[str], sequence: Sequence[int], own: str, before: str
) -> None:
    """Both brackets of a pair go the same way (N0)."""
    other = "L" if own == "R" else "R"
    for first, last in _pairs(text, kinds, sequence):
        inside = {_strong(kinds[place]) for place in sequence[first + 1 : last]}
        if own in inside:
            way = own
        elif other in inside:
            left = (_strong(kinds[place]) for place in reversed(sequence[:first]))
            way = next((one for one in left if one), before)
            way = other if way == other else own
        else:
            continue
        for number in (first, last):
            kinds[sequence[number]] = way
            for place in sequence[number + 1 :]:  # marks on a bracket follow it
                if original[place] != "NSM":
                    break
                kinds[place] = way


def _pairs(text: str, kinds: Sequence[str], sequence: Sequence[int]) -> list[tuple[int, int]]:
    """Brackets that belong together, as numbers in the sequence (BD16)."""
    open_ones, found = list[tuple[str, int]](), list[tuple[int, int]]()
    for number, place in enumerate(sequence):
        sign = unicodedata.normalize("NFD", text[place])
        if kinds[place] != "ON" or not unicodedata.mirrored(sign[0]):
            continue
        if closing := _closing(sign):
            if len(open_ones) == 63:
                break
            open_ones.append((closing, number))
        elif unicodedata.category(sign[0]) == "Pe":
            for depth in range(len(open_ones) - 1, -1, -1):
                if open_ones[depth][0] == sign:
                    found.append((open_ones[depth][1], number))
                    del open_ones[depth:]
                    break
    return sorted(found)


@cache
def _closing(sign: str) -> str:
    """The bracket that closes one that opens: Unicode has it one or two places on; "" for any other sign."""
    if unicodedata.category(sign) != "Ps":
        return ""
    near = (chr(ord(sign) + step) for step in (1, 2))
    return next((one for one in near if unicodedata.category(one) == "Pe"), "")


def _strong(kind: str) -> str:
    """A direction as neutrals see it: numbers stand for R."""
    return {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}.get(kind, "")


def _stretches(sequence: Sequence[int], wanted: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
    """Beginnings and ends, in the sequence, of what stands together."""
    start = None
    for number, place in enumerate([*sequence, -1]):
        if place >= 0 and wanted(place):
            start = number if start is None else start
        elif start is not None:
            yield start, number
            start = None


def _whitespace(original: Sequence[str], found: list[int], base: int) -> None:
    """Blanks at the end, and before what separates, are the paragraph's (L1); what is removed goes along."""
    at_end, trailing = True, set[int]()
    for place in range(len(original) - 1, -1, -1):
        kind = original[place]
        if kind in ("B", "S"):
            at_end = True
        elif kind not in (*REMOVED, *ISOLATES, "WS", "PDI"):
            at_end = False
        if at_end:
            trailing.add(place)
    for place, kind in enumerate(original):
        if place in trailing:
            found[place] = base
        elif kind in REMOVED:
            found[place] = found[place - 1] if place else base


def _reordered(found: Sequence[int]) -> list[tuple[int, int, int]]:
    """Stretches of one level, turned from the deepest level to the first odd one (L2)."""
    stretches = list[tuple[int, int, int]]()
    for place, level in enumerate(found):
        if stretches and stretches[-1][2] == level:
            stretches[-1] = stretches[-1][0], place + 1, level
        else:
            stretches.append((place, place + 1, level))
    lowest_odd = min((level for level in found if level % 2), default=max(found) + 1)
    for deep in range(max(found), lowest_odd - 1, -1):
        for start, end in _stretches(range(len(stretches)), lambda n, deep=deep: stretches[n][2] >= deep):  # type: ignore[misc]
            stretches[start:end] = reversed(stretches[start:end])
    return stretches
