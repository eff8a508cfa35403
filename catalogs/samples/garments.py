"""Garment templates, drawn: outline, folds, seams, light. Nothing here was photographed."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from catalogs.samples.cloth import (
    FINE,
    Fold,
    Path,
    backdrop,
    curve,
    draw_lines,
    drawing_shape,
    dye_cloth,
    fill_outline,
    light_on_cloth,
    mirror_outline,
    rib_knit,
    seam,
)
from catalogs.samples.fields import Color, Field, mix, rgb, shrink, to_bytes


@dataclass(frozen=True)
class Drawing:
    """A finished template: H x W x 3 or x 4 picture, mask (255 = cloth), part indices where drawn."""

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    parts: NDArray[np.uint8] | None = None


PART_NAMES = {0: "none", 1: "body", 2: "left sleeve", 3: "right sleeve", 4: "collar"}

STUDIO: Color = (236, 233, 228)


def tee() -> Drawing:
    """A crew-neck tee laid flat, pale blue, with parts."""
    half = [
        (0.500, 0.212), (0.560, 0.205), (0.592, 0.170), (0.650, 0.178), (0.725, 0.205), (0.795, 0.265),
        (0.872, 0.420), (0.880, 0.452), (0.800, 0.500), (0.770, 0.502), (0.722, 0.418), (0.716, 0.440),
        (0.722, 0.600), (0.728, 0.800), (0.735, 0.985), (0.728, 1.010), (0.620, 1.022), (0.500, 1.026),
    ]  # fmt: skip
    mask = fill_outline(_sharp(half, keep=(2, 6, 7, 8, 9, 10, 14, 15)))
    folds = [
        Fold((0.715, 0.42), (0.58, 0.60), 0.016, 0.012), Fold((0.285, 0.42), (0.42, 0.60), 0.016, 0.012),
        Fold((0.72, 0.44), (0.55, 0.50), 0.014, 0.009), Fold((0.28, 0.44), (0.45, 0.50), 0.014, 0.009),
        Fold((0.70, 0.55), (0.60, 0.98), 0.022, 0.010, 0.02), Fold((0.30, 0.55), (0.38, 0.98), 0.022, 0.009, -0.02),
        Fold((0.46, 0.62), (0.44, 1.02), 0.026, 0.009, 0.015), Fold((0.55, 0.70), (0.56, 1.02), 0.02, 0.007),
        Fold((0.60, 0.24), (0.56, 0.44), 0.018, 0.006), Fold((0.40, 0.24), (0.44, 0.44), 0.018, 0.006),
        Fold((0.76, 0.28), (0.80, 0.48), 0.016, 0.008), Fold((0.24, 0.28), (0.20, 0.48), 0.016, 0.008),
        Fold((0.30, 0.90), (0.66, 0.97), 0.03, 0.006, -0.02),
    ]  # fmt: skip
    neck, band = _neckline(0.190, 0.086, 0.066), _neckline(0.188, 0.106, 0.092, lift=0.034)
    opening = fill_outline(neck)
    collar = np.clip(fill_outline(band) - opening, 0, 1)
    mask = np.maximum(mask * (1 - opening), collar)
    cloth = _cloth((150, 186, 204), mask, folds, 21, rib=(collar, 90))
    armholes = [curve([(0.655, 0.180), (0.690, 0.260), (0.700, 0.340), (0.718, 0.425)])]
    armholes += [[(1 - x, y) for x, y in armholes[0]]]
    hems = [
        curve([(0.272, 0.985), (0.50, 0.998), (0.728, 0.985)]),
        curve([(0.790, 0.482), (0.868, 0.432)]),
        curve([(0.210, 0.482), (0.132, 0.432)]),
    ]
    cloth = seam(seam(cloth, [*armholes, band]), hems, stitches=True)
    picture = _inside_neck(backdrop(np.maximum(mask, opening * 0.6), STUDIO), opening, (150, 186, 204))
    sleeves = _right_of(armholes[0]) * mask, _right_of(armholes[0])[:, ::-1] * mask
    parts = np.zeros(drawing_shape())
    for index, region in ((1, mask), (2, sleeves[1]), (3, sleeves[0]), (4, collar)):
        parts[region > 0.5] = index
    return _finished(picture, cloth, mask, parts)


def dress() -> Drawing:
    """A sleeveless A-line dress with a gathered skirt, ecru."""
    half = [
        (0.500, 0.205), (0.548, 0.180), (0.580, 0.120), (0.628, 0.116), (0.640, 0.190), (0.652, 0.270),
        (0.668, 0.300), (0.650, 0.400), (0.628, 0.500), (0.660, 0.640), (0.712, 0.830), (0.770, 1.020),
        (0.800, 1.120), (0.740, 1.140), (0.620, 1.156), (0.500, 1.160),
    ]  # fmt: skip
    mask = fill_outline(_sharp(half, keep=(2, 3, 6, 8, 12)))
    pleats = [
        Fold(
            start=(0.5 + 0.016 * k, 0.505),
            end=(0.5 + 0.044 * k + 0.006 * np.sin(5 * k), 1.15),
            width=0.010 + 0.002 * abs(k % 3),
            height=0.013 + 0.004 * np.cos(3 * k),
            bend=0.008 * np.sin(k),
        )
        for k in np.arange(-7, 7.5, 1.0)
    ]
    folds = [
        *pleats, Fold((0.66, 0.31), (0.55, 0.40), 0.015, 0.009), Fold((0.34, 0.31), (0.45, 0.40), 0.015, 0.009),
        Fold((0.64, 0.44), (0.50, 0.49), 0.016, 0.007), Fold((0.36, 0.44), (0.50, 0.49), 0.016, 0.007),
        Fold((0.60, 0.15), (0.56, 0.34), 0.016, 0.005), Fold((0.40, 0.15), (0.44, 0.34), 0.016, 0.005),
    ]  # fmt: skip
    neck = fill_outline(_neckline(0.128, 0.080, 0.092))
    mask = mask * (1 - neck)
    cloth = _cloth((222, 208, 186), mask, folds, 31)
    waist = curve([(0.372, 0.500), (0.50, 0.512), (0.628, 0.500)])
    cloth = seam(cloth, [waist], width=0.006, depth=0.35)
    hem = curve([(0.205, 1.105), (0.36, 1.128), (0.50, 1.136), (0.64, 1.128), (0.795, 1.105)])
    cloth = seam(cloth, [hem], stitches=True)
    picture = _inside_neck(backdrop(np.maximum(mask, neck * 0.5), (226, 229, 231)), neck, (222, 208, 186))
    return _finished(picture, cloth, mask)


def hoodie() -> Drawing:
    """A hooded sweatshirt with a pouch and ribbed hems, heather grey."""
    half = [
        (0.500, 0.085), (0.560, 0.092), (0.612, 0.130), (0.630, 0.200), (0.628, 0.262), (0.700, 0.282),
        (0.765, 0.330), (0.812, 0.470), (0.850, 0.680), (0.872, 0.900), (0.862, 0.955), (0.788, 0.962),
        (0.775, 0.900), (0.745, 0.700), (0.716, 0.500), (0.712, 0.540), (0.718, 0.760), (0.722, 0.960),
        (0.706, 1.035), (0.600, 1.044), (0.500, 1.046),
    ]  # fmt: skip
    mask = fill_outline(_sharp(half, keep=(4, 10, 11, 14, 17, 18)))
    folds = [
        Fold((0.71, 0.50), (0.58, 0.68), 0.020, 0.013), Fold((0.29, 0.50), (0.42, 0.68), 0.020, 0.013),
        Fold((0.80, 0.48), (0.76, 0.62), 0.018, 0.012), Fold((0.20, 0.48), (0.24, 0.62), 0.018, 0.012),
        Fold((0.84, 0.66), (0.78, 0.76), 0.018, 0.012), Fold((0.16, 0.66), (0.22, 0.76), 0.018, 0.012),
        Fold((0.86, 0.80), (0.79, 0.88), 0.016, 0.012), Fold((0.14, 0.80), (0.21, 0.88), 0.016, 0.012),
        Fold((0.71, 0.60), (0.62, 0.95), 0.026, 0.012, 0.02), Fold((0.29, 0.60), (0.38, 0.95), 0.026, 0.012, -0.02),
        Fold((0.38, 0.95), (0.62, 0.97), 0.018, 0.008, 0.01), Fold((0.62, 0.11), (0.55, 0.33), 0.02, 0.014, -0.02),
        Fold((0.38, 0.11), (0.45, 0.33), 0.02, 0.014, 0.02),
    ]  # fmt: skip
    face_line = [
        (0.50, 0.128), (0.560, 0.150), (0.578, 0.220), (0.545, 0.310), (0.50, 0.345), (0.455, 0.310),
        (0.422, 0.220), (0.440, 0.150),
    ]  # fmt: skip
    face = fill_outline(curve(face_line, closed=True))
    mask = mask * (1 - face)
    rows, _ = np.mgrid[: drawing_shape()[0], : drawing_shape()[1]] / drawing_shape()[1]
    hem = ((rows > 0.968) * mask).astype(float)
    cuffs = ((rows > 0.898) * mask * _aside(0.76)).astype(float)
    cloth = _cloth((168, 170, 176), mask, folds, 41, rib=(np.maximum(hem, cuffs), 110), weave=0.05)
    pouch = [
        (0.360, 0.930), (0.362, 0.860), (0.402, 0.745), (0.598, 0.745), (0.638, 0.860), (0.640, 0.930),
        (0.360, 0.930),
    ]  # fmt: skip
    shoulders = [
        curve([(0.632, 0.268), (0.700, 0.380), (0.716, 0.505)]),
        curve([(0.368, 0.268), (0.300, 0.380), (0.284, 0.505)]),
    ]
    rim = [curve([(0.372, 0.262), (0.43, 0.335), (0.50, 0.372), (0.57, 0.335), (0.628, 0.262)])]
    waistband = [(0.278, 0.968), (0.722, 0.968)]
    cloth = seam(seam(cloth, [*shoulders, *rim, waistband], width=0.005), [pouch], stitches=True)
    left = curve([(0.470, 0.350), (0.462, 0.46), (0.468, 0.560)])
    right = curve([(0.532, 0.350), (0.540, 0.45), (0.533, 0.540)])
    cords = draw_lines([left, right], 0.008)
    cloth = mix(cloth, (238, 236, 230), cords)
    picture = _inside_neck(backdrop(np.maximum(mask, face), (230, 227, 221)), face, (140, 142, 150))
    return _finished(picture, cloth, np.clip(mask - cords, 0, 1))


def tote() -> Drawing:
    """A canvas tote on nothing: a transparent picture whose alpha is its outline."""
    body = fill_outline(
        [(0.235, 0.470), (0.765, 0.470), (0.792, 1.120), (0.770, 1.135), (0.230, 1.135), (0.208, 1.120)]
    )
    back_strap = [
        (0.375, 0.48), (0.385, 0.30), (0.43, 0.185), (0.50, 0.155), (0.57, 0.185), (0.615, 0.30), (0.625, 0.48),
    ]  # fmt: skip
    front_strap = [
        (0.355, 0.56), (0.362, 0.36), (0.41, 0.235), (0.50, 0.200), (0.59, 0.235), (0.638, 0.36), (0.645, 0.56),
    ]  # fmt: skip
    back, front = draw_lines([curve(back_strap)], 0.034), draw_lines([curve(front_strap)], 0.036)
    folds = [
        Fold((0.24, 0.50), (0.34, 0.80), 0.026, 0.010, 0.02), Fold((0.76, 0.50), (0.66, 0.82), 0.026, 0.010, -0.02),
        Fold((0.22, 1.10), (0.40, 0.95), 0.022, 0.010), Fold((0.78, 1.10), (0.60, 0.97), 0.022, 0.010),
        Fold((0.36, 0.56), (0.44, 0.90), 0.03, 0.007), Fold((0.64, 0.56), (0.55, 0.94), 0.03, 0.007),
        Fold((0.34, 1.06), (0.66, 1.10), 0.025, 0.006, -0.01),
    ]  # fmt: skip
    outline = np.clip(body + front + back, 0, 1)
    canvas_white: Color = (232, 224, 206)
    cloth = _cloth(canvas_white, body, folds, 51, weave=0.045, puff=0.012)
    cloth = seam(
        cloth,
        [[(0.232, 0.510), (0.768, 0.510)], [(0.226, 0.52), (0.214, 1.12)], [(0.774, 0.52), (0.786, 1.12)]],
        stitches=True,
    )
    straps = _cloth((206, 190, 160), np.clip(front + back, 0, 1), [], 52, weave=0.05, puff=0.006)
    picture = mix(np.zeros((*drawing_shape(), 3)) + rgb((206, 190, 160)), straps * 0.78, back)
    picture = mix(mix(picture, cloth, body), straps, front)
    picture = seam(
        picture, [[(0.337, 0.553), (0.373, 0.553)], [(0.627, 0.553), (0.663, 0.553)]], stitches=True
    )
    small = to_bytes(shrink(np.concatenate([picture, outline[..., None]], -1), FINE))
    printable = np.clip(body - front, 0, 1)
    return Drawing(small, to_bytes(shrink(printable, FINE)))


GARMENTS: dict[str, Callable[[], Drawing]] = {f.__name__: f for f in (tee, dress, hoodie, tote)}


def _sharp(half: Path, keep: tuple[int, ...]) -> list[tuple[float, float]]:
    """A mirrored outline, curved except at the corners whose numbers are kept."""
    pieces: list[tuple[float, float]] = []
    corners = [0, *keep, len(half) - 1]
    for start, end in pairwise(corners):
        points = half[start : end + 1]
        pieces += list(points) if len(points) < 3 else curve(points, samples=80)
    return mirror_outline(pieces)


def _neckline(top: float, width: float, depth: float, lift: float = 0.014) -> list[tuple[float, float]]:
    """A closed scoop about the middle: 2 x width wide, `depth` below `top` and `lift` above it."""
    angles = np.linspace(0, 2 * np.pi, 200)
    reach = np.where(np.sin(angles) > 0, depth, lift)
    return [
        (0.5 + width * float(np.cos(a)), top + float(h * np.sin(a)))
        for a, h in zip(angles, reach, strict=True)
    ]


def _cloth(
    color: Color,
    mask: Field,
    folds: list[Fold],
    seed: int,
    *,
    rib: tuple[Field, float] | None = None,
    weave: float = 0.02,
    puff: float = 0.020,
) -> Field:
    shade = light_on_cloth(mask, folds, seed, puff=puff)
    if rib is not None:
        _, columns = np.mgrid[: drawing_shape()[0], : drawing_shape()[1]] / drawing_shape()[1]
        shade = rib_knit(shade, rib[0], columns, rib[1])
    return dye_cloth(color, shade, seed + 1, weave=weave)


def _inside_neck(picture: Field, opening: Field, color: Color) -> Field:
    """The far side of the garment, seen through an opening, in shadow."""
    rows, _ = np.mgrid[: drawing_shape()[0], : drawing_shape()[1]] / drawing_shape()[1]
    depth = np.clip((rows - rows[opening > 0.5].min()) / max(1e-6, np.ptp(rows[opening > 0.5])), 0, 1)
    lining = rgb(color) * (0.42 + 0.25 * depth[..., None])
    return mix(picture, lining, opening)


def _right_of(line: Path) -> Field:
    return fill_outline([*line, (0.70, 0.60), (1.0, 0.60), (1.0, 0.0), line[0]])


def _aside(x: float) -> Field:
    _, columns = np.mgrid[: drawing_shape()[0], : drawing_shape()[1]] / drawing_shape()[1]
    return ((columns > x) | (columns < 1 - x)).astype(float)


def _finished(picture: Field, cloth: Field, mask: Field, parts: Field | None = None) -> Drawing:
    whole = to_bytes(shrink(mix(picture, cloth, mask), FINE))
    indices = None if parts is None else parts[::FINE, ::FINE].astype(np.uint8)
    return Drawing(whole, to_bytes(shrink(mask, FINE)), indices)
