"""The print look: a style tiled over the cloth as a mill would print it, under the garment's own shading."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.errors import RecipeError, nearest
from stylecore.objective.shading import shading
from stylecore.tensors import Size, resize, size_of

FOLD_CELLS = 20
"""Cells along the longer side in which shading is smoothed before its slope moves the print."""
UNTOLD = "mirror"
"""The repeat of a style of which none is known: no picture has a hard edge in it."""
DISPLACEMENT = 0.5 / 320
"""Share of the longer side that the print moves where shading changes by 1 along it: it bends along folds."""


def _alone(tile_13HW: Tensor) -> Tensor:
    return tile_13HW


def _half_lower(tile_13HW: Tensor) -> Tensor:
    return torch.cat([tile_13HW, tile_13HW.roll(tile_13HW.shape[2] // 2, 2)], 3)


def _half_to_the_right(tile_13HW: Tensor) -> Tensor:
    return torch.cat([tile_13HW, tile_13HW.roll(tile_13HW.shape[3] // 2, 3)], 2)


@dataclass(frozen=True)
class _Way:
    """How a style fills the cloth: what of it is laid side by side, and whether every other one is mirrored.

    Two tiles of a half drop, laid side by side, repeat as they are: so what is between two pixels is right at
    the tiles' borders, too.
    """

    unit: Callable[[Tensor], Tensor] = _alone
    mirrored: bool = False


REPEATS = {
    "full-drop": _Way(),
    "half-drop": _Way(_half_lower),
    "half-brick": _Way(_half_to_the_right),
    "mirror": _Way(mirrored=True),
    "none": _Way(mirrored=True),
}
"""Repeats by name.

full-drop    tiles side by side, in rows
half-drop    every other column half a tile lower
half-brick   every other row half a tile to the right
mirror       every other tile mirrored, both ways
none         a picture that is no repeat; it is laid as `mirror` is
"""


def printed(
    style_13HW: Tensor,
    content_13HW: Tensor,
    cloth_11HW: Tensor,
    repeat: str = UNTOLD,
    enlarged: float = 1.0,
) -> Tensor:
    """The style in repeat over the content, times the content's shading; 1 x 3 x H x W in [0, 1].

    The style is looked up as if it were `enlarged` so many times.
    """
    shade = shading(content_13HW, cloth_11HW)
    tiled = tile(style_13HW, size_of(content_13HW), repeat, _displacement(shade), enlarged)
    return (tiled * shade).clamp(0, 1)


def tile(
    style_13HW: Tensor,
    size: Size,
    repeat: str = UNTOLD,
    displacement_2HW: Tensor | None = None,
    enlarged: float = 1.0,
) -> Tensor:
    """A style in its repeat over `size`: 1 x 3 x H x W.

    `repeat` is one of `REPEATS`; RecipeError for another word. `displacement_2HW` moves what is looked up, px
    down and right.
    """
    if repeat not in REPEATS:
        raise RecipeError(f"There is no repeat '{repeat}': {nearest(repeat, REPEATS)}")
    way = REPEATS[repeat]
    style_13HW = way.unit(style_13HW)
    height, width = size_of(style_13HW)
    rows, columns = (
        axis.to(style_13HW)
        for axis in torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    )
    if displacement_2HW is not None:
        rows, columns = rows + displacement_2HW[0], columns + displacement_2HW[1]
    if enlarged != 1:
        # Positions shrink instead: a repeat many times wider than the garment would fill the memory.
        rows, columns = (rows + 0.5) / enlarged - 0.5, (columns + 0.5) / enlarged - 0.5
    place = _mirrored if way.mirrored else torch.remainder
    return _look_up(style_13HW, place(rows, height), place(columns, width), wrapped=not way.mirrored)


def _displacement(shade_11HW: Tensor) -> Tensor:
    """How far the print moves, 2 x H x W px: along the slope of the smoothed shading, as over a fold."""
    height, width = size_of(shade_11HW)
    # Cells of the cloth, not of pixels: a fold moves the print as far in every size of the picture.
    down, across = (max(2, side * FOLD_CELLS // max(height, width)) for side in (height, width))
    coarse = functional.adaptive_avg_pool2d(shade_11HW, (down, across))
    smooth = resize(coarse, (height, width))[0, 0]
    slope = torch.stack(
        [functional.pad(smooth.diff(dim=0), (0, 0, 0, 1)), functional.pad(smooth.diff(dim=1), (0, 1))]
    )
    most = 0.02 * max(height, width)
    return (DISPLACEMENT * max(height, width) ** 2 * slope).clamp(-most, most)


def _mirrored(position: Tensor, length: int) -> Tensor:
    """Positions folded back and forth into [0, length)."""
    folded = torch.remainder(position, 2 * length)
    return torch.where(folded >= length, 2 * length - 1 - folded, folded).clamp(0, length - 1)


def _look_up(style_13HW: Tensor, rows: Tensor, columns: Tensor, *, wrapped: bool) -> Tensor:
    """Bilinear values at positions in px; one more pixel all round, so that edges meet."""
    padded = functional.pad(style_13HW, (1, 1, 1, 1), mode="circular" if wrapped else "replicate")
    height, width = size_of(padded)
    grid = torch.stack([(columns + 1) / (width - 1), (rows + 1) / (height - 1)], -1)[None] * 2 - 1
    return functional.grid_sample(padded, grid.to(padded), mode="bilinear", align_corners=True)
