"""Directions of weak and neutral signs: the rules W1 to N2 of Unicode's bidirectional algorithm (Annex #9)."""

import unicodedata
from collections.abc import Sequence
from functools import cache

from catalogs.typesetting.bidi_classes import (
    ISOLATES,
    NEUTRAL,
    find_stretches,
    strong_direction,
)


def resolve_directions(
    text: str,
    original: Sequence[str],
    kinds: list[str],
    sequence: Sequence[int],
    level: int,
    borders: tuple[str, str],
) -> None:
    """Directions of one isolating run sequence (W1 to N2), whose level and borders are given."""
    embedding_direction, (before, after) = "R" if level % 2 else "L", borders
    _weak(kinds, sequence, before)
    _brackets(text, original, kinds, sequence, embedding_direction, before)
    for start, end in find_stretches(sequence, lambda place: kinds[place] in NEUTRAL):  # N1, N2
        left = strong_direction(kinds[sequence[start - 1]]) if start else before
        right = strong_direction(kinds[sequence[end]]) if end < len(sequence) else after
        for place in sequence[start:end]:
            kinds[place] = left if left == right else embedding_direction


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
    for start, end in find_stretches(sequence, lambda place: kinds[place] == "ET"):
        beside = [kinds[place] for place in (*sequence[max(0, start - 1) : start], *sequence[end : end + 1])]
        if "EN" in beside:
            for place in sequence[start:end]:
                kinds[place] = "EN"
    for place in sequence:
        if kinds[place] in ("ES", "ET", "CS"):
            kinds[place] = "ON"


def _brackets(
    text: str,
    original: Sequence[str],
    kinds: list[str],
    sequence: Sequence[int],
    embedding_direction: str,
    before: str,
) -> None:
    """Both brackets of a pair go the same way (N0)."""
    other = "L" if embedding_direction == "R" else "R"
    for first, last in _pairs(text, kinds, sequence):
        inside = {strong_direction(kinds[place]) for place in sequence[first + 1 : last]}
        if embedding_direction in inside:
            way = embedding_direction
        elif other in inside:
            left = (strong_direction(kinds[place]) for place in reversed(sequence[:first]))
            way = next((direction for direction in left if direction), before)
            way = other if way == other else embedding_direction
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
    open_ones, pairs = list[tuple[str, int]](), list[tuple[int, int]]()
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
                    pairs.append((open_ones[depth][1], number))
                    del open_ones[depth:]
                    break
    return sorted(pairs)


@cache
def _closing(sign: str) -> str:
    """The bracket that closes one that opens: Unicode has it one or two places on; "" for any other sign."""
    if unicodedata.category(sign) != "Ps":
        return ""
    near = (chr(ord(sign) + step) for step in (1, 2))
    return next((letter for letter in near if unicodedata.category(letter) == "Pe"), "")
