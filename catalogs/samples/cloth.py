"""Drawn cloth: an outline becomes a mask, folds become a height, light makes shading of it.

Coordinates are in shares of the picture's width: x from 0 to 1, y from 0 to 1.25, y down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import splev, splprep

from catalogs.samples.fields import Color, Field, flat, mix, noise, rgb, step

WIDTH, HEIGHT = 640, 800
FINE = 2
"""Garments are drawn this much larger and averaged down."""

Point = tuple[float, float]
Path = Sequence[Point]


@dataclass(frozen=True)
class Fold:
    """A crease from `start` to `end`: `width` and `height` in shares of the picture's width.

    A negative height is a valley. `bend` moves its middle sideways.
    """

    start: Point
    end: Point
    width: float
    height: float
    bend: float = 0.0


def drawing_shape() -> tuple[int, int]:
    """Rows and columns of the large drawing."""
    return HEIGHT * FINE, WIDTH * FINE


def mirror_outline(half: Path) -> list[Point]:
    """A closed outline from its right half, listed from top centre to bottom centre."""
    return [*half, *((1 - x, y) for x, y in reversed(half))]


def curve(points: Path, *, closed: bool = False, smooth: float = 0.0, samples: int = 500) -> list[Point]:
    """A spline through the points."""
    xs, ys = zip(*([*points, points[0]] if closed else points), strict=True)
    degree = min(3, len(points) - 1)
    knots, _ = splprep([xs, ys], s=smooth, per=closed, k=degree)
    x, y = splev(np.linspace(0, 1, samples), knots)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def fill_outline(outline: Path) -> Field:
    """1 inside a closed outline, 0 outside."""
    image = Image.new("L", drawing_shape()[::-1])
    scale = drawing_shape()[1]
    ImageDraw.Draw(image).polygon([(x * scale, y * scale) for x, y in outline], fill=255)
    return np.asarray(image, dtype=np.float64) / 255


def draw_lines(lines: Sequence[Path], width: float, *, dash: float = 0.0) -> Field:
    """1 along lines of a width; dashed with stitches of length `dash`, if it is above 0."""
    image = Image.new("L", drawing_shape()[::-1])
    pen, scale = ImageDraw.Draw(image), drawing_shape()[1]
    for line in lines:
        points = [(x * scale, y * scale) for x, y in line]
        for stitch in _stitches(points, dash * scale) if dash else [points]:
            pen.line(stitch, fill=255, width=max(1, round(width * scale)), joint="curve")
    return ndimage.gaussian_filter(np.asarray(image, dtype=np.float64) / 255, 0.7)


def _stitches(points: Path, length: float) -> list[Path]:
    travelled = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(np.array(points), axis=0).T))])
    marks = (travelled // length).astype(int)
    return [
        [p for p, m in zip(points, marks, strict=True) if m == k]
        for k in range(0, int(marks[-1]), 2)
        if (marks == k).sum() > 1
    ]


def folds_height(folds: Sequence[Fold]) -> Field:
    """The height of all folds together, HEIGHT x WIDTH; each is highest in its middle and runs out at its ends."""
    height = np.zeros((HEIGHT, WIDTH))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    y, x = rows / WIDTH, columns / WIDTH
    for fold in folds:
        (x0, y0), (x1, y1) = fold.start, fold.end
        length = np.hypot(x1 - x0, y1 - y0)
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length**2, 0, 1)
        across = ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length - fold.bend * np.sin(np.pi * along)
        height += fold.height * along * (1 - along) * 4 * np.exp(-((across / fold.width) ** 2))
    return height


def light_on_cloth(
    mask: Field, folds: Sequence[Fold], seed: int, *, puff: float = 0.020, crumple: float = 0.0016
) -> Field:
    """Light on the cloth: about 1 on a flat part, less in valleys and at the rim.

    The height is the body's roundness (`puff`), the folds, broad slack, and crumples; light falls from
    the upper left, and narrow valleys get less of it. Light is soft, so it is computed at the final size.
    """
    rng, size = np.random.default_rng(seed), (HEIGHT, WIDTH)
    inside = ndimage.distance_transform_edt(mask[::FINE, ::FINE] > 0.5) / WIDTH
    rim = np.clip(inside / 0.075, 0, 1)
    height = puff * np.sqrt(1 - (1 - rim) ** 2) + folds_height(folds)
    height += crumple * 1.6 * noise(rng, size, (35, 17)) + crumple * 0.5 * noise(rng, size, (12, 6))
    height = ndimage.gaussian_filter(height, 1.6) * WIDTH
    dy, dx = np.gradient(height)
    light = np.array([-0.42, -0.55, 0.72])
    lambert = (-dx * light[0] - dy * light[1] + light[2]) / np.sqrt(dx**2 + dy**2 + 1) / light[2]
    occlusion = np.clip((ndimage.gaussian_filter(height, 13) - height) / 13, -0.4, 1.2)
    shade = (
        np.clip(0.34 + 0.66 * np.clip(lambert, 0, 1.7), 0, 1.5) * (1 - 0.22 * occlusion) * (0.9 + 0.1 * rim)
    )
    large: Field = ndimage.zoom(shade, FINE, order=1, mode="nearest", grid_mode=True)
    return large


def dye_cloth(color: Color, shade: Field, seed: int, *, weave: float = 0.02) -> Field:
    """Cloth of one colour under a shading, with a little weave; shadows turn cooler, lights warmer."""
    rng = np.random.default_rng(seed)
    texture = 1 + weave * noise(rng, shade.shape, (0.6, 1.2)) + weave * 0.5 * noise(rng, shade.shape, 6)
    cloth = flat((shade.shape[0], shade.shape[1]), color) * (shade * texture)[..., None]
    cool = np.clip(1 - shade, 0, 1)[..., None] * np.array([-0.020, 0.0, 0.035])
    bounce = rgb(color) * np.clip(0.55 - shade, 0, 1)[..., None] * 0.25
    return np.clip(cloth + cool + bounce, 0, 1)


def backdrop(mask: Field, color: Color, *, shadow: float = 0.22) -> Field:
    """A studio backdrop, brighter in the middle, with the garment's soft shadow."""
    rows, columns = np.mgrid[: drawing_shape()[0], : drawing_shape()[1]] / drawing_shape()[1]
    glow = 1 - 0.09 * np.hypot(columns - 0.5, (rows - 0.55) * 0.8)
    picture = flat(drawing_shape(), color) * glow[..., None]
    soft = ndimage.gaussian_filter(ndimage.shift(mask, (16, 10), order=1), 16)
    contact = ndimage.gaussian_filter(ndimage.shift(mask, (4, 3), order=1), 4)
    return picture * (1 - shadow * soft - 0.5 * shadow * contact)[..., None]


def seam(
    picture: Field,
    lines: Sequence[Path],
    *,
    width: float = 0.0035,
    depth: float = 0.28,
    stitches: bool = False,
) -> Field:
    """Sew lines into a picture: a dark furrow with a light lip, and stitches beside it if wanted."""
    furrow = ndimage.gaussian_filter(draw_lines(lines, width), 1.0)
    lip = ndimage.shift(furrow, (3, 2), order=1)
    sewn = picture * (1 - depth * furrow)[..., None] + 0.06 * (lip * (1 - furrow))[..., None]
    if not stitches:
        return np.clip(sewn, 0, 1)
    thread = draw_lines([[(x, y - 0.008) for x, y in line] for line in lines], 0.0018, dash=0.006)
    return mix(np.clip(sewn, 0, 1), np.clip(sewn * 1.35 + 0.05, 0, 1), step(thread - 0.3, 0.2))


def rib_knit(shade: Field, region: Field, direction: Field, count: float) -> Field:
    """Rib knit inside a region: fine ridges across a coordinate field."""
    ridges = 1 + 0.13 * np.sin(direction * count * 2 * np.pi)
    return shade * (1 + region * (ridges - 1))
