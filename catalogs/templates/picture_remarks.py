"""Remarks on garments that disappoint later, as they have a print of their own.

The remark is an estimate, with limits that were set on 49 real garments. It becomes a note; no garment is refused for
it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab

from catalogs.images.codec import Bytes
from catalogs.templates.template import Template

SIDE = 256
"""Pixels of the longer side at which a garment is looked at: finer checks are texture."""
MARGIN = 3
"""Pixels at the edge of the cloth that are left out, because the ground colours them."""
FEWEST = 200
OTHER_COLOR, MOST_OTHER = 12.0, 0.12
"""Distance of a and b from the median, and the share of such pixels that a plain garment does not reach."""
EDGE, MOST_EDGES = 4.0, 0.25
"""Slope of lightness a pixel, and the share of such pixels; folds are flatter and fewer."""
MOST_LIGHTNESS = 35.0
"""Distance in lightness from the median that a tenth of a plain garment's pixels does not reach, folds included."""
NAMED = 5
"""Garments that a note names."""


def has_own_print(template: Template) -> bool:
    """Whether a garment seems to have a pattern or several colours, by its cloth's colours, edges and lightness."""
    rgb, cloth = _small(template)
    if cloth.sum() < FEWEST:
        return False
    lab = rgb2lab(rgb)
    off = lab[cloth] - np.median(lab[cloth], axis=0)
    lightness = ndimage.gaussian_filter(lab[..., 0], 1)
    slope = np.hypot(ndimage.sobel(lightness, 0), ndimage.sobel(lightness, 1))[cloth] / 8
    return bool(
        np.mean(np.hypot(off[:, 1], off[:, 2]) > OTHER_COLOR) >= MOST_OTHER
        or np.mean(slope > EDGE) >= MOST_EDGES
        or np.percentile(np.abs(off[:, 0]), 90) >= MOST_LIGHTNESS
    )


def own_print_note(garment_ids: Sequence[str]) -> str:
    """The note on garments with a print of their own."""
    names = ", ".join(f"'{garment_id}'" for garment_id in garment_ids[:NAMED])
    more = f" and {len(garment_ids) - NAMED} more" if len(garment_ids) > NAMED else ""
    who = f"garment {names} seems" if len(garment_ids) == 1 else f"garments {names}{more} seem"
    return (
        f"{who} to carry a pattern or several colours of their own: recipe print takes them for light and shade. Plain,"
        " light samples of the garments give the best prints"
    )


def _small(template: Template) -> tuple[Bytes, NDArray[np.bool_]]:
    """Picture and cloth of a garment at the size at which it is looked at."""
    height, width = template.picture.size
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    rgb = np.asarray(Image.fromarray(template.picture.rgb).resize(size, Image.Resampling.BOX))
    if template.mask is None:
        return rgb, np.ones(rgb.shape[:2], bool)
    cloth = np.asarray(Image.fromarray(template.mask).resize(size, Image.Resampling.BOX)) > 200
    return rgb, ndimage.binary_erosion(cloth, iterations=MARGIN)
