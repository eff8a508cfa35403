"""Training pictures drawn by our own code: no photograph, no rights to clear.

Every function takes a NumPy generator and a side in pixels and returns an H x W x 3 float array in
[0, 1]. Natural pictures share a few statistics that these imitate: occlusion edges (dead leaves), a
1/f spectrum (clouds), oriented texture (strokes, warped waves), repetition (lattices) and smooth
shading (cloth).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture = NDArray[np.float64]


def draw(rng: np.random.Generator, side: int) -> Picture:
    """One picture of a random kind; a third blurred, a third with sensor noise."""
    kinds: list[Callable[[np.random.Generator, int], Picture]] = [
        dead_leaves, dead_leaves, clouds, waves, lattice, strokes, strokes, cloth, cloth,
    ]  # fmt: skip
    picture = kinds[rng.integers(len(kinds))](rng, side)
    if rng.random() < 1 / 3:
        picture = ndimage.gaussian_filter(picture, (s := rng.uniform(0.4, 2.0), s, 0))
    if rng.random() < 1 / 3:
        picture = picture + rng.normal(0, rng.uniform(0.01, 0.05), picture.shape)
    return np.clip(picture, 0, 1)


def palette(rng: np.random.Generator, colours: int) -> Picture:
    """`colours` x 3 colours that look chosen: near one hue and its complement, with light and dark."""
    hue = rng.uniform(0, 1) + rng.choice([0, 0, 0.5, 0.33], colours) + rng.normal(0, 0.05, colours)
    saturation = rng.beta(1.5, 2.0, colours)
    value = rng.beta(1.5, 1.2, colours)
    wheel = np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    return value[:, None] * (1 - saturation[:, None] * (1 - np.clip(wheel, 0, 1)))


def noise(rng: np.random.Generator, side: int, exponent: float) -> NDArray[np.float64]:
    """A field with spectrum 1/f**exponent, scaled to [0, 1]; it repeats at its edges."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(side, side))) / frequency**exponent
    field = np.fft.irfft2(spectrum, s=(side, side))
    return (field - field.min()) / np.ptp(field)


def colour(field: NDArray[np.float64], colours: Picture) -> Picture:
    """Map a field in [0, 1] through a list of colours."""
    position = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(field, position, colours[:, c]) for c in range(3)], -1)


def clouds(rng: np.random.Generator, side: int) -> Picture:
    """Coloured 1/f noise."""
    return colour(noise(rng, side, rng.uniform(0.7, 1.8)), palette(rng, int(rng.integers(2, 6))))


def waves(rng: np.random.Generator, side: int) -> Picture:
    """Sinusoids bent by smooth noise, hard or soft."""
    rows, columns = _grid(rng, side)
    bend = noise(rng, side, 1.6) * rng.uniform(0, 6)
    phase = rows * rng.uniform(2, 24) * 2 * np.pi + bend * 2 * np.pi
    field = 0.5 + 0.5 * np.sin(phase + np.sin(columns * rng.uniform(1, 16) * 2 * np.pi))
    if rng.random() < 0.5:
        field = 1 / (1 + np.exp(-(field - 0.5) * rng.uniform(6, 40)))
    return colour(field, palette(rng, int(rng.integers(2, 5))))


def lattice(rng: np.random.Generator, side: int) -> Picture:
    """A motif repeated on a bent grid: checks, dots, diamonds, flowers."""
    rows, columns = _grid(rng, side)
    count, amount = rng.uniform(3, 18), rng.uniform(0, 0.15)
    u = (rows + amount * noise(rng, side, 1.6)) * count
    v = (columns + amount * noise(rng, side, 1.6)) * count
    v = v + rng.choice([0, 0.5]) * np.floor(u)
    a, b = u % 1 - 0.5, v % 1 - 0.5
    radius, angle = np.hypot(a, b), np.arctan2(a, b)
    motif = [
        radius,
        np.maximum(np.abs(a), np.abs(b)),
        np.abs(a) + np.abs(b),
        radius * (1 + 0.4 * np.cos(rng.integers(3, 9) * angle)),
        np.minimum(np.abs(a), np.abs(b)),
        (np.sin(u * np.pi) * np.sin(v * np.pi) + 1) / 2,
    ][rng.integers(6)]
    field = 1 / (1 + np.exp((motif - rng.uniform(0.15, 0.4)) * rng.uniform(8, 80)))
    ground, figure = palette(rng, 3), palette(rng, 3)
    tint = noise(rng, side, 1.2)
    return colour(tint, ground) * (1 - field[..., None]) + colour(tint, figure) * field[..., None]


def dead_leaves(rng: np.random.Generator, side: int) -> Picture:
    """Overlapping textured shapes whose sizes follow a power law."""
    picture = clouds(rng, side)
    rows, columns = np.mgrid[:side, :side] / side
    colours = palette(rng, 12)
    for size in np.sort(0.02 + 0.3 * rng.power(0.35, rng.integers(30, 120)))[::-1]:
        y, x, angle = *rng.uniform(0, 1, 2), rng.uniform(0, np.pi)
        a = (rows - y) * np.cos(angle) + (columns - x) * np.sin(angle)
        b = (columns - x) * np.cos(angle) - (rows - y) * np.sin(angle)
        inside = np.hypot(a, b * rng.uniform(0.5, 3)) < size
        if rng.random() < 0.4:
            inside = np.maximum(np.abs(a), np.abs(b) * rng.uniform(0.4, 3)) < size
        shade = 1 + rng.uniform(-2, 2) * a[inside, None] + rng.uniform(-0.3, 0.3)
        grain = np.sin(a[inside] * rng.uniform(20, 300) + rng.uniform(0, 6)) * rng.choice([0, 0, 0.15])
        picture[inside] = colours[rng.integers(12)] * shade + grain[:, None]
    return np.clip(picture, 0, 1)


def strokes(rng: np.random.Generator, side: int) -> Picture:
    """Brush strokes along a flow field over an underpainting: noise smeared along the flow."""
    angle = noise(rng, side, 1.8) * 2 * np.pi * rng.uniform(0.5, 3)
    underpainting = dead_leaves(rng, side) if rng.random() < 0.5 else clouds(rng, side)
    bristles = rng.uniform(0, 1, (side, side))
    bristles = ndimage.gaussian_filter(bristles, rng.uniform(0.5, 2.5))
    bristles = _smear(bristles[..., None], angle, int(rng.integers(4, 16)))[..., 0]
    bristles = (bristles - bristles.mean()) / bristles.std()
    offset = np.stack([np.sin(angle), np.cos(angle)]) * bristles * rng.uniform(1, 5)
    where = np.mgrid[:side, :side] + offset
    moved = np.stack(
        [ndimage.map_coordinates(underpainting[..., c], where, order=1, mode="wrap") for c in range(3)], -1
    )
    return np.clip(_smear(moved, angle, 3) + bristles[..., None] * rng.uniform(0.02, 0.15), 0, 1)


def cloth(rng: np.random.Generator, side: int) -> Picture:
    """A draped, shaded, perhaps printed shape before a plain backdrop."""
    folds = ndimage.gaussian_filter(
        noise(rng, side, rng.uniform(1.2, 2.0)), (rng.uniform(0, 12), rng.uniform(0, 4))
    )
    slope = ndimage.sobel(folds, axis=1) + 0.4 * ndimage.sobel(folds, axis=0)
    shading = np.clip(1 + slope / (np.abs(slope).max() + 1e-9) * rng.uniform(0.2, 0.9), 0.1, 1.6)
    plain = np.broadcast_to(palette(rng, 1)[0], (side, side, 3))
    printed = lattice(rng, side) if rng.random() < 0.5 else waves(rng, side)
    fabric = (plain if rng.random() < 0.5 else printed) * shading[..., None]
    weave = 1 + rng.uniform(0, 0.08) * np.sin(np.mgrid[:side, :side].sum(0) * rng.uniform(1.2, 3.1))
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    wobble = 0.15 * (noise(rng, side, 1.8) - 0.5)
    outline = (
        np.maximum(np.abs(rows) * rng.uniform(0.8, 1.3), np.abs(columns) * rng.uniform(0.8, 1.6)) + wobble
    )
    inside = ndimage.gaussian_filter((outline < rng.uniform(0.3, 0.6)).astype(float), 0.7)[..., None]
    backdrop = np.clip(rng.uniform(0.6, 1.0) + 0.1 * rows[..., None] * rng.normal(size=3), 0, 1)
    return np.clip(fabric * weave[..., None] * inside + backdrop * (1 - inside), 0, 1)


def _grid(rng: np.random.Generator, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = np.mgrid[:side, :side] / side
    angle = rng.uniform(0, np.pi)
    return (
        rows * np.cos(angle) + columns * np.sin(angle),
        columns * np.cos(angle) - rows * np.sin(angle),
    )


def _smear(picture: Picture, angle: NDArray[np.float64], length: int) -> Picture:
    here = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(float)
    step = np.stack([np.sin(angle), np.cos(angle)])
    shifts = range(-length, length + 1)

    def smeared(channel: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = [ndimage.map_coordinates(channel, here + step * k, order=1, mode="wrap") for k in shifts]
        return np.mean(moved, axis=0)

    return np.stack([smeared(picture[..., c]) for c in range(picture.shape[-1])], -1)
