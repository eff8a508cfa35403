"""The order in which the parts of a line stand when scripts run both ways."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from catalogs.typesetting.bidi_classes import bidi_class, find_stretches, first_strong
from catalogs.typesetting.embedding_levels import embedding_levels

ONE_WAY = re.compile(
    "[^\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]*"
)
"""A pattern for text in which no sign runs from the right."""


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
    return first_strong([bidi_class(sign) for sign in text]) == 1


def _reordered(embedding: Sequence[int]) -> list[tuple[int, int, int]]:
    """Stretches of one level, turned from the deepest level to the first odd one (L2)."""
    stretches = list[tuple[int, int, int]]()
    for place, level in enumerate(embedding):
        if stretches and stretches[-1][2] == level:
            stretches[-1] = stretches[-1][0], place + 1, level
        else:
            stretches.append((place, place + 1, level))
    lowest_odd = min((level for level in embedding if level % 2), default=max(embedding) + 1)
    for deep in range(max(embedding), lowest_odd - 1, -1):
        for start, end in find_stretches(range(len(stretches)), lambda n, deep=deep: stretches[n][2] >= deep):  # type: ignore[misc]
            stretches[start:end] = reversed(stretches[start:end])
    return stretches
