"""The appearance of a design in numbers to search by: its dominant colours, and a hash of its pattern."""

from collections.abc import Sequence
from dataclasses import dataclass

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.cluster.vq import kmeans2
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from catalogs.images.codec import Bytes

Floats = NDArray[np.float64]

CLUSTERS = 8
SAMPLES = 4096
"""Pixels that are clustered, at most."""
ALIKE = 6.0
"""dE2000 under which two clusters are one colour to a merchandiser: shades of one dye and not two inks."""
LEAST_SHARE = 0.04
MOST_COLORS = 5
OPAQUE = 128
GREY_CHROMA = 9.0
"""C*ab under which a colour has no hue worth naming."""
BEIGE_CHROMA = 28.0
"""C*ab under which a light yellow or orange is the colour of unbleached cloth."""
FAMILIES = (
    (22.0, "pink"), (48.0, "red"), (73.0, "orange"), (102.0, "yellow"), (175.0, "green"),
    (235.0, "turquoise"), (305.0, "blue"), (335.0, "purple"), (361.0, "pink"),
)  # fmt: skip
"""Upper end of each family's hue angle in Lab, degrees."""


@dataclass(frozen=True)
class Appearance:
    """Dominant colours as `#rrggbb`, the largest first, their shares of the cloth (0 to 1), and a pattern hash.

    `phash` is a 64-bit perceptual hash in 16 hexadecimal digits.
    """

    colors: tuple[str, ...]
    color_shares: tuple[float, ...]
    phash: str


def measure_appearance(rgb: Bytes, mask: Bytes | None) -> Appearance:
    """The appearance of a picture, H x W x 3, on its cloth: where the mask, H x W, is opaque, or all of it."""
    cloth = np.ones(rgb.shape[:2], bool) if mask is None else mask >= OPAQUE
    colors, shares = dominant_colors(rgb[cloth])
    return Appearance(tuple(colors), tuple(shares), str(imagehash.phash(_of_cloth(rgb, cloth))))


def dominant_colors(pixels: Bytes) -> tuple[list[str], list[float]]:
    """Dominant colours of N x 3 pixels and their shares: k-means in Lab, over-split, then merged.

    Deterministic. Shares are of all pixels, so they may add up to less than 1.
    """
    lab = rgb2lab(pixels[:: max(1, len(pixels) // SAMPLES)])
    different = len(np.unique(lab, axis=0))
    centers, labels = kmeans2(lab, min(CLUSTERS, different), minit="++", rng=0)
    weights = np.bincount(labels, minlength=len(centers)) / len(lab)
    merged = _merged(centers, weights)
    large = [cluster for cluster in merged if cluster[1] >= LEAST_SHARE][:MOST_COLORS]
    return [to_hex(center) for center, _ in large], [round(float(share), 3) for _, share in large]


def _merged(centers: Floats, weights: Floats) -> list[tuple[Floats, float]]:
    """Clusters of colours, those that look alike put together, the largest first."""
    clusters: list[tuple[Floats, float]] = []
    for number in np.argsort(-weights):
        center, weight = centers[number], float(weights[number])
        near = [n for n, (other, _) in enumerate(clusters) if float(color_distances(center, other)) < ALIKE]
        if near:
            other, theirs = clusters[near[0]]
            clusters[near[0]] = (other * theirs + center * weight) / (theirs + weight), theirs + weight
        elif weight:
            clusters.append((center, weight))
    return sorted(clusters, key=lambda cluster: -cluster[1])


def _of_cloth(rgb: Bytes, cloth: NDArray[np.bool_]) -> Image.Image:
    """The inner half of the cloth's box: a hash of the whole picture would distinguish garments, not patterns."""
    rows, columns = np.flatnonzero(cloth.any(1)), np.flatnonzero(cloth.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    margin_y, margin_x = (bottom - top) // 4, (right - left) // 4
    box = rgb[top + margin_y : bottom - margin_y, left + margin_x : right - margin_x]
    return Image.fromarray(np.ascontiguousarray(box))


def to_lab(color: str) -> Floats:
    """The colour `#rrggbb` in L*a*b* (D65)."""
    lab: Floats = to_labs([color])[0]
    return lab


def to_labs(colors: Sequence[str]) -> Floats:
    """L*a*b* of colours, N x 3."""
    rgb = np.array([[int(color[n : n + 2], 16) for n in (1, 3, 5)] for color in colors], float).reshape(-1, 3)
    labs: Floats = rgb2lab(rgb / 255)
    return labs


def to_hex(lab: Floats) -> str:
    """`#rrggbb` of a colour in L*a*b*; what sRGB cannot show is clipped."""
    return "#" + bytes(np.rint(lab2rgb(lab) * 255).astype(np.uint8)).hex()


def color_distances(labs: Floats, lab: Floats) -> Floats:
    """The dE2000 distances of ... x 3 colours in L*a*b* from one colour."""
    differences: Floats = deltaE_ciede2000(labs, np.broadcast_to(lab, labs.shape))  # type: ignore[no-untyped-call] # it has no types
    return differences


def color_family(color: str) -> str:
    """The family name under which a merchandiser would look for a colour `#rrggbb`."""
    lightness, a, b = to_lab(color)
    if np.hypot(a, b) < GREY_CHROMA:
        return "black" if lightness < 22 else "white" if lightness > 90 else "grey"
    if lightness > 65 and np.hypot(a, b) < BEIGE_CHROMA and b > abs(a):
        return "beige"
    hue = np.degrees(np.arctan2(b, a)) % 360
    name = next(name for end, name in FAMILIES if hue < end)
    return "brown" if name in ("orange", "red", "yellow") and _is_brown(lightness, a, b, name) else name


def _is_brown(lightness: float, a: float, b: float, name: str) -> bool:
    """Whether a colour is brown: dark or dull orange is, and dull, dark yellow; red has to be duller."""
    chroma = np.hypot(a, b)
    if name == "orange":
        return bool(lightness < 55 or (lightness < 75 and chroma < 35))
    return bool(lightness < 45 and chroma < (30 if name == "red" else 45))


def group_alike(phashes: Sequence[int], distance: int) -> NDArray[np.int64]:
    """For every hash the number of the first hash within `distance` bits of it, directly or through others."""
    hashes = np.array(phashes, np.uint64)
    group = np.arange(len(hashes))
    for number in range(len(hashes)):
        near = np.flatnonzero(np.bitwise_count(hashes[number:] ^ hashes[number]) <= distance) + number
        roots = np.unique(group[near])
        if len(roots) > 1:
            group[np.isin(group, roots[1:])] = roots[0]
    return group
