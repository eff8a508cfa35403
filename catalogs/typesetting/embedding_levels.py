"""The embedding level of every sign of a line: Unicode's bidirectional algorithm.

Source: Unicode Standard Annex #9, revision of Unicode 15 (rules in the comments are its own: P2, X1, W1, ...).
No library that may be used has it with the levels it finds: python-bidi gives reordered text only, from which
letters can no longer be joined; the tests compare with it.
"""

from collections.abc import Iterator, Sequence

from catalogs.typesetting.bidi_classes import (
    ISOLATES,
    REMOVED,
    bidi_class,
    first_strong,
)
from catalogs.typesetting.neutral_rules import resolve_directions

MOST_DEEP = 125
EMBEDDINGS = {"RLE": "", "LRE": "", "RLO": "R", "LRO": "L"}
"""What begins an embedding, and the direction that it forces on all in it."""


def embedding_levels(text: str, base: int) -> list[int]:
    """The embedding level of every sign: odd runs from the right. `base` is the paragraph's, 0 or 1."""
    original = [bidi_class(sign) for sign in text]
    embedding, kinds = _explicit(original, base)
    explicit = tuple(embedding)
    for sequence in _sequences(original, explicit):
        borders = _borders(original, explicit, sequence, base)
        resolve_directions(text, original, kinds, sequence, explicit[sequence[0]], borders)
        for place in sequence:  # I1, I2
            embedding[place] = _implicit(explicit[place], kinds[place])
    _whitespace(original, embedding, base)
    return embedding


def _explicit(original: Sequence[str], base: int) -> tuple[list[int], list[str]]:
    """Levels and kinds by embeddings, overrides and isolates (X1 to X8)."""
    nested, embedding, kinds = _Nested(base), list[int](), list(original)
    for place, kind in enumerate(original):
        level, override, _ = nested.stack[-1]
        if kind in ISOLATES or kind in EMBEDDINGS:
            # The direction of too deep ones is not looked for: each search may go to the end of the text.
            if nested.has_room():
                nested.open(kind, _way(kind, original, place))
            else:
                nested.count(kind)
        elif kind == "PDI":
            nested.close_isolate()
            level, override, _ = nested.stack[-1]
        elif kind == "PDF":
            nested.close_embedding()
        embedding.append(base if kind == "B" else level)
        if kind not in ("B", "BN"):
            kinds[place] = override or kind
    return embedding, kinds


class _Nested:
    """The open embeddings, overrides and isolates: level, overriding direction, and whether it is an isolate."""

    def __init__(self, base: int) -> None:
        self.stack = [(base, "", False)]
        self._isolates = self._lost_isolates = self._lost_embeddings = 0

    def has_room(self) -> bool:
        """Whether the next opening sign may count: no earlier one was too deep, and a level is left."""
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
        return "R" if first_strong(original, place + 1, until_pdi=True) else "L"
    return "R" if kind.startswith("R") else "L"


def _sequences(original: Sequence[str], embedding: Sequence[int]) -> Iterator[list[int]]:
    """Places of one level that belong together, over isolates that stand between (X9, X10; BD13)."""
    level_runs: list[list[int]] = []
    for place, kind in enumerate(original):
        if kind in REMOVED:
            continue
        if level_runs and embedding[level_runs[-1][-1]] == embedding[place]:
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


def _implicit(level: int, kind: str) -> int:
    """The level of a sign by its direction and the level around it."""
    deeper = ("L", "EN", "AN") if level % 2 else ("R",)
    return level + (kind in deeper) + 2 * (not level % 2 and kind in ("EN", "AN"))


def _borders(
    original: Sequence[str], embedding: Sequence[int], sequence: Sequence[int], base: int
) -> tuple[str, str]:
    """Direction before and after a sequence (X10)."""
    level = embedding[sequence[0]]
    first, last = sequence[0] - 1, sequence[-1] + 1
    while first >= 0 and original[first] in REMOVED:
        first -= 1
    while last < len(original) and original[last] in REMOVED:
        last += 1
    previous = embedding[first] if first >= 0 else base
    unended = original[sequence[-1]] in ISOLATES
    following = embedding[last] if last < len(original) and not unended else base
    return tuple("R" if max(level, neighbour) % 2 else "L" for neighbour in (previous, following))  # type: ignore[return-value]


def _whitespace(original: Sequence[str], embedding: list[int], base: int) -> None:
    """Set blanks at the end and before separators to the paragraph's level (L1); removed signs get their neighbour's."""
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
            embedding[place] = base
        elif kind in REMOVED:
            embedding[place] = embedding[place - 1] if place else base
