"""Masks in which black and white dots or lines stand for grey: 1-bit exports, GIFs made anew, screens of print.

A pattern that is finer than any cloth's own holes is smoothed to the grey that it stands for. Coarser hatching is
refused: its gaps may be those of a net.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalogs.errors import MaskError
from catalogs.templates.mask_pieces import CLEARLY, Marks

Bytes = NDArray[np.uint8]

BUSY = 25
"""Steps between black and white, divided by the root of the white area, from which a mask is screened.

Masks of real garments have 4 to 11 (48 of them), a circle has 4.5.
"""
BETWEEN, FEW = (48, 208), 0.2
"""Levels that are neither black nor white; share of them up to which a mask is of black and white."""
FINE, COARSE = (1, 2, 3, 4), (6, 9, 13)
"""Radii, px, of patterns that are smoothed and of those that are refused."""
SAMPLE, TILE = 4_000_000, 256
"""Pixels, in tiles of so many pixels a side, by which the radius is found: what is fine stays as fine in a tile."""
EVEN, WHOLE = 0.25, 0.995
"""Difference of how dense the white lies up to which cloth is even; how dense it lies where only edges are strewn."""


def smooth_screens(levels: Bytes) -> tuple[Bytes, tuple[str, ...]]:
    """Levels with grey in place of fine dots and lines; other masks stay as they are.

    Raises MaskError for hatching whose gaps may be meant.
    """
    white = levels >= CLEARLY
    if not _is_busy(white) or _is_grey(levels):
        return levels, ()
    tiles = _tiles(white)
    for radius in (*FINE, *COARSE):
        if not _is_busy(_dense(tiles, radius), white.size / tiles.size):
            return _reading(_dense(white, radius), white, radius)
    return levels, (
        "is cut into many small pieces or holes: what is black is not painted; if that is not meant, paint the"
        " garment white (255) without a pattern",
    )


def _tiles(white: Marks) -> Marks:
    """Every so many tiles, side by side, where a mask is large; all of it where these have no white."""
    every = int(np.ceil(np.sqrt(white.size / SAMPLE)))
    if every < 2:
        return white
    rows, columns = (np.flatnonzero(np.arange(side) // TILE % every == 0) for side in white.shape)
    sample: Marks = white[np.ix_(rows, columns)]
    return sample if sample.any() else white


def _is_busy(white: Marks, times: float = 1.0) -> bool:
    """Whether there are many steps for what is white, in tiles of a mask that is so many times larger."""
    steps = np.count_nonzero(white[1:] != white[:-1]) + np.count_nonzero(white[:, 1:] != white[:, :-1])
    return bool(int(steps) * math.sqrt(times) > BUSY * math.sqrt(int(np.count_nonzero(white))))


def _is_grey(levels: Bytes) -> bool:
    counts = np.bincount(levels.ravel(), minlength=256)
    return bool(counts[BETWEEN[0] : BETWEEN[1]].sum() > FEW * levels.size)


def _dense(white: Marks, radius: int) -> Marks:
    """Where white lies at least half as dense as it does in the cloth."""
    density = _density(white, radius)
    cloth: Marks = density > float(np.median(density[white])) / 2
    return cloth


def _density(white: Marks, radius: int) -> NDArray[np.float32]:
    """Share of white around each pixel."""
    density: NDArray[np.float32] = ndimage.uniform_filter(white.astype(np.float32), 2 * radius + 1)
    return density


def _reading(cloth: Marks, white: Marks, radius: int) -> tuple[Bytes, tuple[str, ...]]:
    """Even cloth as white; uneven as the grey that it stands for."""
    gaps = 1 - float(np.mean(white[cloth]))
    if radius > FINE[-1]:
        raise MaskError(
            f"the mask is hatched or has a net of gaps ({100 * gaps:.0f} % of the cloth is black, in gaps of about"
            f" {2 * radius} px), and these would stay unpainted; fill the cloth white (255), or if it is a net give"
            " it one level of grey"
        )
    wide = 4 * radius
    dense = _density(white, wide)
    inner = ndimage.minimum_filter(cloth.astype(np.uint8), 2 * wide + 1) > 0
    spread = float(np.ptp(np.percentile(dense[inner], (5, 95)))) if inner.any() else 0.0
    if spread <= EVEN and not (inner.any() and float(np.median(dense[inner])) > WHOLE):
        level = cloth.astype(np.uint8) * np.uint8(255)
        what = f"{100 * gaps:.0f} % of the cloth is black: all of it was taken for cloth"
    else:
        level = np.rint(_density(white, radius + 2) * 255).astype(np.uint8)
        what = "it was smoothed to the grey that it stands for"
    return level, (
        f"is dithered or hatched: {what}; if that is not meant, export it in 8 bits of grey without dithering",
    )
