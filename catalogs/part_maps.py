"""Part maps of garments: bytes to a mask a part, and what is refused."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.errors import ImageError, PartMapError
from catalogs.images import MAX_PIXELS, Bytes, open_upright

SMALLEST_PART = 0.005
"""Share of the picture under which a colour of a part map is the blur of an edge."""


def decode_parts(data: bytes, size: tuple[int, int], *, max_pixels: int = MAX_PIXELS) -> dict[str, Bytes]:
    """Decode a part map: for every part its mask, H x W, 255 where it is; parts do not overlap.

    In an indexed or grey picture a part is named by its index, and 0 is no part. In a coloured one it is
    named by its colour, each channel rounded to 0, 128 or 255 (soft edges and compression blur colours), and
    what covers less than `SMALLEST_PART` of the picture goes to the part of the nearest colour. Raises
    PartMapError where the map has another size than `size` or no part.
    """
    try:
        image = open_upright(data, max_pixels)
    except ImageError as error:
        raise PartMapError(f"the part map cannot be read: {error}") from error
    if image.size != (size[1], size[0]):
        raise PartMapError(
            f"the part map is {image.size[0]}x{image.size[1]} px but its picture is {size[1]}x{size[0]} px;"
            " export both at one size"
        )
    parts = _indexed(image) if image.mode in ("P", "L") else _colored(np.asarray(image.convert("RGB")))
    if not parts:
        raise PartMapError("the part map marks no part; give every part an index above 0, or a colour")
    return parts


def _indexed(image: Image.Image) -> dict[str, Bytes]:
    indices = np.asarray(image)
    return {str(index): _mask(indices == index) for index in np.unique(indices) if index}


def _colored(rgb: Bytes) -> dict[str, Bytes]:
    rounded = (np.rint(rgb / 127.5) * 127.5 + 0.5).astype(np.uint8)
    colors, labels, counts = np.unique(
        rounded.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    large = counts >= SMALLEST_PART * labels.size
    nearest = np.abs(colors[:, None].astype(int) - colors[large][None]).sum(-1).argmin(1)
    own = nearest[labels.reshape(-1)].reshape(rgb.shape[:2])
    names = ["#" + bytes(color).hex() for color in colors[large]]
    return {name: _mask(own == number) for number, name in enumerate(names)}


def _mask(where: NDArray[np.bool_]) -> Bytes:
    return where.astype(np.uint8) * np.uint8(255)
