"""The pyramid: sizes of a recipe's levels, coarse to fine."""

from collections.abc import Sequence
from dataclasses import dataclass

from stylecore.errors import PictureError
from stylecore.tensors import Size

SMALLEST = 16
"""Side, px, under which four poolings leave nothing."""


@dataclass(frozen=True)
class Level:
    """One level: the scale against the finest one, the picture's size there, and the steps."""

    scale: float
    size: Size
    steps: int


def levels(finest: Size, plan: Sequence[tuple[float, int]]) -> list[Level]:
    """Levels of a recipe for a finest size; PictureError where the coarsest would vanish."""
    found = [Level(scale, scaled(finest, scale), steps) for scale, steps in plan]
    if min(found[0].size) < SMALLEST:
        raise PictureError(
            f"A picture of {finest[0]} x {finest[1]} px is {found[0].size[0]} x {found[0].size[1]} px at the"
            f" coarsest level; give at least {SMALLEST} px there, or drop that level."
        )
    return found


def scaled(size: Size, scale: float) -> Size:
    """A size times a scale, rounded, at least 1 px a side."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
