"""The pyramid: sizes of a recipe's levels, coarse to fine, and beyond its canvas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stylecore.errors import PictureError
from stylecore.recipe import Structure
from stylecore.tensors import Size

SMALLEST = 16
"""Side, px, under which four poolings leave nothing."""


@dataclass(frozen=True)
class Level:
    """One level: scale against the finest, size of the picture, steps, and whether it is beyond the canvas."""

    scale: float
    size: Size
    steps: int
    beyond: bool = False


def levels(finest: Size, plan: Sequence[tuple[float, int]]) -> list[Level]:
    """Levels of a recipe for a finest size; PictureError where the coarsest would vanish."""
    sizes = [Level(scale, scaled(finest, scale), steps) for scale, steps in plan]
    if min(sizes[0].size) < SMALLEST:
        raise PictureError(
            f"A picture of {finest[0]} x {finest[1]} px is {sizes[0].size[0]} x {sizes[0].size[1]} px at the"
            f" coarsest level; give at least {SMALLEST} px there, or drop that level."
        )
    return sizes


def levels_of(finest: Size, structure: Structure) -> list[Level]:
    """Levels of a recipe for a finest size, with those beyond its canvas where it paints large.

    Beyond the canvas every level has twice the side of the one before, and the last is the finest size.
    """
    growth = max(finest) / max(structure.canvas)
    # Less than a hundredth more than a doubling, or than the canvas, is rounding.
    if not structure.large_steps or growth < 1.01:
        return levels(finest, structure.levels)
    within = levels(finest, [(scale / growth, steps) for scale, steps in structure.levels])
    doublings = math.ceil(math.log2(growth / 1.009))
    scales = [2**number / growth for number in range(1, doublings)] + [1.0]
    return within + [Level(scale, scaled(finest, scale), structure.large_steps, True) for scale in scales]


def scaled(size: Size, scale: float) -> Size:
    """A size times a scale, rounded, at least 1 px a side."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
