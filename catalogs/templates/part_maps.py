"""Part maps of garments: bytes to a mask for each part, and maps that are refused."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.errors import ImageError, PartMapError
from catalogs.images.codec import MAX_PIXELS, Bytes, open_upright
from catalogs.templates.mask_pieces import CLEARLY
from catalogs.templates.masks import other_size

MOST_PARTS = 64
"""Every part costs a mask of the picture's size."""
SMALLEST_PART = 0.005
"""Share of the picture under which a colour of a part map is the blur of an edge."""


def decode_parts(data: bytes, size: tuple[int, int], *, max_pixels: int = MAX_PIXELS) -> dict[str, Bytes]:
    """Decode a part map: for every part its mask, H x W, 255 where the part is; parts do not overlap.

    In an indexed or grey picture a part is named by its index, and 0 is no part. In a coloured one it is
    named by its colour, each channel rounded to 0, 128 or 255 (soft edges and compression blur colours), and
    a colour that covers less than `SMALLEST_PART` of the picture goes to the part of the nearest colour. Raises
    PartMapError where the map has another size than `size` or no part.
    """
    try:
        image = open_upright(data, max_pixels)
    except ImageError as error:
        raise PartMapError(f"the part map cannot be read: {error}") from error
    if other := other_size(image, size):
        raise PartMapError(f"the part map is {other}")
    parts = _parts(image)
    if not parts:
        raise PartMapError("the part map marks no part; give every part an index above 0, or a colour")
    return parts


def _parts(image: Image.Image) -> dict[str, Bytes]:
    """Parts by the numbers of a grey or indexed picture, else by colours; what is transparent is no part."""
    clear = np.zeros((image.height, image.width), bool)
    if image.has_transparency_data:
        clear = np.asarray(image.convert("RGBA").getchannel("A")) < CLEARLY
    if image.mode in ("P", "L", "LA") or image.mode.startswith("I;16"):
        numbers = image.getchannel("L") if image.mode == "LA" else image
        parts = _indexed(np.asarray(numbers))
    else:
        parts = _colored(np.asarray(image.convert("RGB")))
    visible = {name: np.where(clear, 0, mask).astype(np.uint8) for name, mask in parts.items()}
    return {name: mask for name, mask in visible.items() if mask.any()}


def _indexed(indices: NDArray[Any]) -> dict[str, Bytes]:
    if len(np.unique(indices)) > MOST_PARTS + 1:
        raise PartMapError(
            f"the part map has more than {MOST_PARTS} numbers, as a photograph has; give every part one flat number"
        )
    return {str(index): _mask(indices == index) for index in np.unique(indices) if index}


def _colored(rgb: Bytes) -> dict[str, Bytes]:
    rounded = (np.rint(rgb / 127.5) * 127.5 + 0.5).astype(np.uint8)
    colors, labels, counts = np.unique(
        rounded.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    large = counts >= SMALLEST_PART * labels.size
    nearest = np.abs(colors[:, None].astype(int) - colors[large][None]).sum(-1).argmin(1)
    part_numbers = nearest[labels.reshape(-1)].reshape(rgb.shape[:2])
    names = ["#" + bytes(color).hex() for color in colors[large]]
    return {name: _mask(part_numbers == number) for number, name in enumerate(names)}


def _mask(where: NDArray[np.bool_]) -> Bytes:
    return where.astype(np.uint8) * np.uint8(255)
