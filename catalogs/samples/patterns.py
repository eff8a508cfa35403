"""Pattern styles. Each function draws one square tile that repeats at its edges, as a float picture."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalogs.samples.fields import Color, Field, flat, mix, noise, pixel_grid, rgb, shrink, step

SIDE = 512
FINE = 2
"""Patterns are drawn this much larger and averaged down."""


def tartan() -> Field:
    """A sett of pine, red, navy and straw, woven two over two."""
    sett: list[tuple[Color, int]] = [
        ((23, 66, 55), 30), ((186, 38, 42), 4), ((23, 66, 55), 8), ((22, 34, 74), 34), ((226, 190, 92), 3),
        ((22, 34, 74), 34), ((23, 66, 55), 8), ((186, 38, 42), 4), ((23, 66, 55), 30), ((238, 232, 214), 3),
    ]  # fmt: skip
    threads = np.concatenate([np.repeat(rgb(color)[None], count, 0) for color, count in sett])
    threads = np.tile(threads, (2, 1))
    count, scale = len(threads), 4
    over = (np.add.outer(np.arange(count), np.arange(count)) % 4) < 2
    cloth = np.where(over[..., None], threads[:, None], threads[None])
    large = np.kron(cloth, np.ones((scale, scale, 1)))
    across = np.sin(np.arange(count * scale) / scale * 2 * np.pi) * 0.06
    ridge = np.where(np.kron(over, np.ones((scale, scale))) > 0, across[:, None], across[None])
    shaded = large * (1 + ridge[..., None]) * (1 + 0.02 * noise(_rng(1), ridge.shape, 0.8)[..., None])
    return _fit(shaded)


def deckchair() -> Field:
    """Printed stripes of unequal width, a little uneven at their edges."""
    shape = _shape()
    _, x = pixel_grid(*shape)
    wobble = 0.0035 * noise(_rng(2), shape, (40, 8))
    x = (x + wobble) % 1
    stripes: list[tuple[float, float, Color]] = [
        (0.00, 0.16, (206, 72, 52)), (0.20, 0.23, (30, 58, 95)), (0.27, 0.41, (236, 176, 74)),
        (0.45, 0.47, (206, 72, 52)), (0.51, 0.70, (58, 118, 130)), (0.74, 0.76, (30, 58, 95)),
        (0.80, 0.95, (240, 150, 120)),
    ]  # fmt: skip
    picture = flat(shape, (246, 238, 221))
    for left, right, color in stripes:
        picture = mix(picture, color, step(np.minimum(x - left, right - x), 0.003))
    return _fit(_canvas_weave(picture, 3))


def block_print() -> Field:
    """Carved flowers in a half drop, madder and indigo on cream, slightly out of register."""
    shape = _shape()
    rng = _rng(4)
    bend = [0.004 * noise(rng, shape, 30) for _ in range(2)]
    y, x = pixel_grid(*shape)
    y, x = y + bend[0], x + bend[1]
    picture = flat(shape, (243, 230, 205))
    worn = step(noise(rng, shape, 1.6) + 1.5, 0.9)
    for dy, dx, color, part in (
        (0.004, -0.003, (38, 62, 98), "leaf"), (0.0, 0.0, (170, 52, 44), "petal"),
        (-0.003, 0.002, (224, 158, 62), "heart"), (0.0, 0.0, (38, 62, 98), "dots"),
    ):  # fmt: skip
        picture = mix(picture, color, _flower(y + dy, x + dx, part) * (0.82 + 0.18 * worn) * worn)
    return _fit(_canvas_weave(picture, 5))


def ikat() -> Field:
    """Stepped diamonds, dyed before weaving, so their edges run along the warp."""
    shape = _shape()
    rng = _rng(6)
    y, x = pixel_grid(*shape)
    feather = noise(rng, (shape[0], shape[1]), (90, 0.8)) * 0.016 + noise(rng, shape, (24, 2)) * 0.006
    y = y + feather
    u, v = (x * 2) % 1 - 0.5, (y * 2 + np.floor(x * 2) * 0.5) % 1 - 0.5
    reach = np.abs(u) * 1.15 + np.abs(v)
    picture = flat(shape, (122, 26, 40))
    for size, color in ((0.50, (236, 219, 188)), (0.455, (28, 84, 96)), (0.34, (236, 219, 188)), (0.30, (214, 138, 44)),
                        (0.19, (122, 26, 40)), (0.10, (236, 219, 188))):  # fmt: skip
        picture = mix(picture, color, step(size - reach, 0.02))
    warp = 1 + 0.05 * np.sin(x * 2 * np.pi * 128) + 0.03 * noise(rng, shape, (30, 0.7))
    return _fit(picture * warp[..., None])


def batik() -> Field:
    """Indigo resist: four-leaf kawung and dots that the wax kept white, with cracks where it broke."""
    shape = _shape()
    rng = _rng(8)
    y, x = pixel_grid(*shape)
    y, x = y + 0.003 * noise(rng, shape, 12), x + 0.003 * noise(rng, shape, 12)
    kept = np.zeros(shape)
    for turn in (0.25, 0.75):
        a, b = (x * 4) % 1 - 0.5, (y * 4) % 1 - 0.5
        along = a * np.cos(turn * np.pi) + b * np.sin(turn * np.pi)
        across = b * np.cos(turn * np.pi) - a * np.sin(turn * np.pi)
        for side in (-1, 1):
            leaf = 1 - ((along - side * 0.34) / 0.29) ** 2 - (across / 0.155) ** 2
            slit = 1 - ((along - side * 0.34) / 0.15) ** 2 - (across / 0.022) ** 2
            kept = np.maximum(kept, np.minimum(step(leaf, 0.09), 1 - step(slit, 0.3)))
    a, b = (x * 4 + 0.5) % 1 - 0.5, (y * 4) % 1 - 0.5
    for angle in np.arange(8) * np.pi / 4:
        dot = 0.03 - np.hypot(a - 0.13 * np.cos(angle), b - 0.13 * np.sin(angle))
        kept = np.maximum(kept, step(dot, 0.012))
    kept = np.maximum(kept, step(0.05 - np.hypot(a, b), 0.012))
    cracks = np.exp(-((np.abs(noise(rng, shape, 26)) / 0.018) ** 2)) + np.exp(
        -((np.abs(noise(rng, shape, 17)) / 0.022) ** 2)
    )
    dye = 0.85 + 0.10 * noise(rng, shape, 18) + 0.04 * noise(rng, shape, 3)
    ground = rgb((20, 42, 92)) * dye[..., None] + rgb((70, 110, 160)) * (1 - dye[..., None]) * 0.6
    wax = mix(flat(shape, (236, 232, 216)), (96, 134, 178), np.clip(cracks, 0, 1) * 0.75)
    return _fit(mix(ground, wax, kept))


def poppies() -> Field:
    """Painted poppies and leaves in layers on a night-blue ground."""
    shape = _shape()
    rng = _rng(11)
    picture = mix(flat(shape, (24, 30, 52)), (40, 58, 84), step(noise(rng, shape, 60), 1.5))
    reds: list[Color] = [(206, 52, 44), (228, 92, 58), (180, 36, 62), (240, 140, 92)]
    greens: list[Color] = [(60, 104, 78), (96, 136, 84), (44, 84, 82)]
    for layer in range(3):
        for _ in range(30):
            _leaf(rng, picture, greens[rng.integers(3)], rng.uniform(0.05, 0.08) + 0.01 * layer)
        for _ in range(6):
            _poppy(rng, picture, reds[rng.integers(4)], rng.uniform(0.06, 0.12))
    return _fit(picture * (1 + 0.03 * noise(rng, shape, (1, 5))[..., None]))


def brushwork() -> Field:
    """Loaded strokes along a turning field, dawn colours over teal."""
    # Strokes are soft: this one needs no supersampling, which would take four times as long.
    shape = SIDE, SIDE
    rng = _rng(13)
    flow = noise(rng, shape, 45) * 1.2
    tone = noise(rng, shape, 35)
    colors = [
        rgb(c)
        for c in ((14, 52, 74), (24, 96, 116), (88, 164, 160), (244, 206, 128), (236, 132, 84), (196, 66, 78))
    ]
    picture = flat(shape, (20, 66, 86))
    height = np.zeros(shape)
    for width, count in ((0.045, 700), (0.026, 1400), (0.014, 1600)):
        for _ in range(count):
            y, x = _anywhere(rng, picture)
            at = np.clip((tone[y, x] * 0.9 + 2.2 + rng.normal(0, 0.35)) / 4.4 * 5, 0, 4.999)
            low = int(at)
            color = colors[low] * (1 - at + low) + colors[low + 1] * (at - low)
            _stroke(
                rng, picture, height, (y, x), flow[y, x], width, np.clip(color + rng.normal(0, 0.03, 3), 0, 1)
            )
    light = ndimage.sobel(height, 0, mode="wrap") + ndimage.sobel(height, 1, mode="wrap")
    return np.clip(picture + 0.16 * np.clip(light, -1, 1)[..., None], 0, 1)


def marbled() -> Field:
    """Inks floated on water and combed: rings of ochre, rust, cream and ink blue."""
    shape = _shape()
    rng = _rng(17)
    y, x = pixel_grid(*shape)
    base = noise(rng, shape, 70) * 0.5 + noise(rng, shape, 26) * 0.09
    comb = 0.035 * np.sin(2 * np.pi * (8 * x + 0.6 * np.sin(2 * np.pi * y))) * np.sin(2 * np.pi * y * 2)
    rows = np.mgrid[: shape[0], : shape[1]].astype(float)
    rows[0] += comb * shape[0]
    base = ndimage.map_coordinates(base, rows, order=1, mode="grid-wrap")
    ring = (base * 3.2) % 1
    inks: list[Color] = [
        (26, 44, 78),
        (222, 208, 176),
        (190, 92, 46),
        (238, 226, 200),
        (214, 156, 64),
        (60, 92, 112),
    ]
    picture = flat(shape, inks[0])
    for index, color in enumerate(inks):
        low, high = index / 6, (index + 1) / 6
        picture = mix(picture, color, step(np.minimum(ring - low, high - ring), 0.012))
    veins = np.exp(-(((ring * 6) % 1 - 0.5) ** 2) / 0.002)
    return _fit(mix(picture, (20, 30, 52), veins * 0.35))


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _shape() -> tuple[int, int]:
    return SIDE * FINE, SIDE * FINE


def _fit(picture: Field) -> Field:
    if picture.shape[0] == SIDE * FINE:
        return np.clip(shrink(picture, FINE), 0, 1)
    zoom = SIDE / picture.shape[0]
    return np.clip(ndimage.zoom(picture, (zoom, zoom, 1), order=1, mode="grid-wrap", grid_mode=True), 0, 1)


def _canvas_weave(picture: Field, seed: int) -> Field:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    weave = 0.025 * (np.sin(rows * np.pi / 2) * np.sin(columns * np.pi / 2)) + 0.02 * noise(
        _rng(seed), picture.shape[:2], 1.0
    )
    return picture * (1 + weave[..., None])


def _flower(y: Field, x: Field, part: str) -> Field:
    v = (y * 3) % 1 - 0.5
    column = np.floor(x * 4)
    v = (y * 3 + 0.5 * (column % 2)) % 1 - 0.5
    u = (x * 4) % 1 - 0.5
    v = v * 4 / 3
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    if part == "petal":
        outline = 0.30 * (0.72 + 0.28 * np.abs(np.cos(4 * angle)))
        veins = step(np.abs(np.sin(4 * angle)) - 0.12, 0.1)
        return step(outline - radius, 0.012) * step(radius - 0.085, 0.012) * veins
    if part == "heart":
        return step(0.062 - radius, 0.012)
    if part == "leaf":
        below = (v - 0.50 + 2 * (v < 0)) * 1.0
        stem = step(0.016 - np.abs(u - 0.03 * np.sin(below * 9)), 0.006) * (np.abs(v) > 0.31)
        leaves = np.zeros_like(u)
        for side in (-1, 1):
            a, b = u * side - 0.17, np.abs(v) - 0.47
            leaves = np.maximum(leaves, step(1 - ((a + b) / 0.16) ** 2 - ((a - b) / 0.05) ** 2, 0.15))
        return np.maximum(stem, leaves)
    ring = np.abs(radius - 0.36)
    dots = (np.abs(np.sin(8 * angle)) > 0.92) & (ring < 0.018)
    return ndimage.gaussian_filter(dots.astype(float), 1.2)


Window = tuple[tuple[NDArray[np.intp], ...], Field, Field]


def _window(picture: Field, centre: tuple[int, int], reach: int, angle: float) -> Window:
    """Indices about a centre, across the tile's edges, and coordinates there in px: along and across."""
    side = picture.shape[0]
    span = np.arange(-reach, reach + 1)
    where = np.ix_((span + centre[0]) % side, (span + centre[1]) % side)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    return where, along, rows * np.cos(angle) - columns * np.sin(angle)


def _anywhere(rng: np.random.Generator, picture: Field) -> tuple[int, int]:
    return int(rng.integers(picture.shape[0])), int(rng.integers(picture.shape[1]))


def _leaf(rng: np.random.Generator, picture: Field, color: Color, size: float) -> None:
    length = size * picture.shape[0]
    where, along, across = _window(
        picture, _anywhere(rng, picture), int(1.4 * length), rng.uniform(0, 2 * np.pi)
    )
    along, across = along / length, across / length + 0.12 * np.sin(along / length * 2)
    shape = step(1 - along**2 - (across / 0.32) ** 2 * (1 + 0.5 * np.clip(along, -1, 1)), 0.12)
    vein = np.exp(-((across / 0.03) ** 2)) * 0.4
    tint = np.clip(0.85 + 0.25 * across / 0.34 - vein, 0.4, 1.3)
    picture[where] = mix(picture[where], rgb(color) * tint[..., None], shape)


def _poppy(rng: np.random.Generator, picture: Field, color: Color, size: float) -> None:
    length, centre, turn = size * picture.shape[0], _anywhere(rng, picture), rng.uniform(0, 2 * np.pi)
    reach = int(1.4 * length)
    for petal in range(5):
        where, along, across = _window(picture, centre, reach, turn + petal * 4 * np.pi / 5)
        along, across = along / length - 0.55, across / length
        edge = 0.06 * np.sin(across * 9 + petal) + 0.03 * np.sin(across * 23)
        shape = step(1 - ((along + edge) / 0.6) ** 2 - (across / 0.62) ** 2, 0.05)
        streak = 0.10 * np.sin(np.arctan2(across, along + 0.6) * 26 + petal)
        tint = np.clip(0.62 + 0.42 * (along + 0.55) + streak + 0.1 * across, 0.25, 1.25)
        picture[where] = mix(picture[where], rgb(color) * tint[..., None], shape)
    where, along, across = _window(picture, centre, reach, turn)
    radius, around = np.hypot(along, across) / length, np.arctan2(across, along)
    eye = mix(picture[where], (30, 22, 30), step(0.20 + 0.05 * np.sin(around * 17) - radius, 0.04))
    picture[where] = mix(eye, (206, 190, 110), step(0.075 - radius, 0.02))


def _stroke(
    rng: np.random.Generator,
    picture: Field,
    height: Field,
    at: tuple[int, int],
    angle: float,
    width: float,
    color: Field,
) -> None:
    """Lay one stroke into picture and paint height, in place, across the tile's edges."""
    half_w = max(2, int(width * picture.shape[0] / 2))
    half_l = int(width * picture.shape[0] * rng.uniform(1.3, 2.6))
    where, along, across = _window(picture, at, half_l + half_w, angle)
    across = across + 0.12 * along**2 / half_l * rng.uniform(-1, 1)
    bristles = ndimage.gaussian_filter1d(rng.normal(size=4 * half_w + 8), 1.0)
    profile = np.interp(across, np.arange(-2 * half_w - 4, 2 * half_w + 4), bristles)
    edge = 1 - np.abs(across) / half_w
    tail = 1 - np.abs(along) / half_l + 0.25 * profile
    cover = step(edge, 0.35) * step(tail, 0.2) * np.clip(0.92 + 0.25 * profile, 0, 1)
    tint = np.clip(color * (1 + 0.09 * profile[..., None]), 0, 1)
    picture[where] = picture[where] * (1 - cover[..., None]) + tint * cover[..., None]
    height[where] = height[where] * (1 - cover) + (0.25 * profile + 0.3 * np.clip(edge, 0, 0.4)) * cover
