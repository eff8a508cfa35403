"""Fields that the drawings are made of: smooth noise, distances, colour mixing."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float64]
Color = tuple[int, int, int]


def pixel_grid(height: int, width: int) -> tuple[Field, Field]:
    """Row and column coordinates of pixel centres, in shares of the width (so circles stay round)."""
    rows, columns = np.mgrid[:height, :width]
    return (rows + 0.5) / width, (columns + 0.5) / width


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float | tuple[float, float]) -> Field:
    """Smooth noise of unit spread that repeats at its edges; `sigma` in px, rows then columns."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    spread: Field = (field - field.mean()) / field.std()
    return spread


def step(field: Field, softness: float) -> Field:
    """A soft step: 0 below zero, 1 above, with a slope of `softness` on each side."""
    t = np.clip(field / softness * 0.5 + 0.5, 0, 1)
    smooth: Field = t * t * (3 - 2 * t)
    return smooth


def rgb(color: Color) -> Field:
    """A colour as three numbers in [0, 1]."""
    return np.array(color, dtype=np.float64) / 255


def mix(under: Field, over: Color | Field, cover: Field) -> Field:
    """Lay a colour (or picture) over a picture where `cover` is 1."""
    top = rgb(over) if isinstance(over, tuple) else over
    mixed: Field = under * (1 - cover[..., None]) + top * cover[..., None]
    return mixed


def flat(shape: tuple[int, int], color: Color) -> Field:
    """A picture of one colour."""
    return np.broadcast_to(rgb(color), (*shape, 3)).copy()


def to_bytes(picture: Field) -> NDArray[np.uint8]:
    """A picture of floats in [0, 1] as 8-bit samples."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def shrink(picture: Field, factor: int) -> Field:
    """Average blocks of `factor` x `factor`: what supersampling ends with."""
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    blocks = picture[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    small: Field = blocks.mean((1, 3))
    return small[..., 0] if picture.ndim == 2 else small
