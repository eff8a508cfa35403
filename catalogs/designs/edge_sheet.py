"""Edge pictures: a Sobel filter across and down, before and after, as a sheet."""

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalogs.designs.contact_sheet import Label, contact_sheet
from catalogs.images.codec import Picture, encode_png

LUMINANCE = (0.299, 0.587, 0.114)


def edge_sheet(before: Picture, after: Picture) -> bytes:
    """PNG of both pictures beside their horizontal and vertical edges (Elmitwally et al., figure 4).

    Grey is no edge; white and black are slopes up and down. All four panels have one scale, so that grain which
    styling adds shows as contrast.
    """
    slopes = {
        (name, kind): edges(picture, axis)
        for name, picture in (("before", before), ("after", after))
        for kind, axis in (("horizontal", 0), ("vertical", 1))
    }
    strongest = max(float(np.abs(slope).max()) for slope in slopes.values()) or 1.0
    labels = []
    for name, picture in (("before", before), ("after", after)):
        labels.append(Label("", name, partial(encode_png, picture)))
        for kind in ("horizontal", "vertical"):
            shown = np.rint(127.5 + 127.5 * slopes[name, kind] / strongest).astype(np.uint8)
            panel = Picture(np.repeat(shown[..., None], 3, 2))
            labels.append(Label("", f"{kind} edges, {name}", partial(encode_png, panel)))
    return contact_sheet("Edges before and after", [], labels, lambda _row, _column: None)


def edges(picture: Picture, axis: int) -> NDArray[np.float64]:
    """Sobel's slope of luminance, H x W: along `axis` 0 it finds horizontal edges, along 1 vertical ones."""
    light = picture.rgb.astype(np.float64) @ np.array(LUMINANCE)
    return np.asarray(ndimage.sobel(light, axis))
