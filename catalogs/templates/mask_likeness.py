"""The likeness of a mask and its picture: was the mask made of the picture, do its edges lie on the cloth's."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SAMPLED = 250_000
"""Pixels by which a mask and its picture are compared."""
DETAIL = 0.75
"""Levels that a pixel differs from those around it where there is detail."""
BESIDE = 9
"""Pixels across, of those compared, that an edge of a mask reaches: its softness is no detail."""
TEXTURED = 0.03
"""Share of what is marked that has detail where a mask shows a picture; that of cloth is flat."""
SAME = 0.6
"""Correlation of that detail from which it is the picture's own.

Of 46 real garments the picture and its negative have 0.99, cut-outs on black 0.87 to 1 but for two, and masks, soft,
noisy or compressed, at most 0.17.
"""


def shared_detail(grey: Bytes, rgb: Bytes) -> int:
    """Whether a mask has its picture's detail: 1 as the picture, -1 as its negative, 0 not.

    A mask is flat where there is cloth, even where it is as light as the picture. A photograph, a cut-out on
    black and a screenshot of an overlay show the weave and the folds.
    """
    step = max(1, int(np.sqrt(grey.size / SAMPLED)))
    mask = grey[::step, ::step].astype(np.float32)
    fine = _detail(mask)
    marked = (mask > 16) & ~_edges(mask)
    detailed = marked & (np.abs(fine) >= DETAIL)
    share = float(np.mean(detailed[marked])) if marked.any() else 0.0
    if share <= TEXTURED:
        return 0
    light = _detail(rgb[::step, ::step].astype(np.float32).mean(-1))
    shared = correlation(fine[detailed], light[detailed])
    return int(np.sign(shared)) if abs(shared) > SAME else 0


def _edges(mask: Floats) -> NDArray[np.bool_]:
    """Where cloth and backdrop meet, and beside it."""
    cloth = (mask > float(np.percentile(mask, 95)) / 2).view(np.uint8)
    most = ndimage.maximum_filter1d(ndimage.maximum_filter1d(cloth, BESIDE, 0), BESIDE, 1)
    least = ndimage.minimum_filter1d(ndimage.minimum_filter1d(cloth, BESIDE, 0), BESIDE, 1)
    edges: NDArray[np.bool_] = most != least
    return edges


def _detail(levels: Floats) -> Floats:
    detail: Floats = levels - ndimage.uniform_filter(levels, 3)
    return detail


def correlation(values: Floats, other: Floats) -> float:
    """Correlation of two arrays; 0 where one of them is flat."""
    if not values.std() or not other.std():
        return 0.0
    return float(np.corrcoef(values.ravel(), other.ravel())[0, 1])


def edge_fit(grey: Bytes, rgb: Bytes) -> float:
    """The strength of the picture's edges at the mask's edges, divided by their mean strength: 1 is chance."""
    return slope_fit(mask_edges(grey), picture_edges(rgb))


def slope_fit(edges: Floats, slopes: Floats) -> float:
    """The value of `edge_fit` for slopes of a mask and a picture of one size."""
    total = float(edges.sum() * slopes.mean())
    return float((slopes * edges).sum()) / total if total else 0.0


def mask_edges(grey: Bytes) -> Floats:
    """How steep a mask is, at some SAMPLED pixels."""
    return _slope(_reduced(Image.fromarray(grey)))


def picture_edges(rgb: Bytes) -> Floats:
    """How steep a picture is at and beside some SAMPLED pixels: masks are a pixel or two beside the edge at times."""
    slopes: Floats = ndimage.maximum_filter(_slope(_reduced(Image.fromarray(rgb).convert("L"))), 3)
    return slopes


def _reduced(image: Image.Image) -> Floats:
    step = max(1, int(np.sqrt(image.width * image.height / SAMPLED)))
    return np.asarray(image.reduce(step), np.float32)


def _slope(levels: Floats) -> Floats:
    slope: Floats = np.hypot(ndimage.sobel(levels, 0), ndimage.sobel(levels, 1))
    return slope
