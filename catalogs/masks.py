"""Masks and part maps of garments: bytes to arrays, and what is refused."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.errors import MaskError
from catalogs.images import MAX_PIXELS, MIN_SIDE, Bytes, open_upright, to_8_bit

SMALLEST_PART = 0.005
"""Share of the picture under which a colour of a part map is the blur of an edge."""


def decode_mask(data: bytes, size: tuple[int, int], *, max_pixels: int = MAX_PIXELS) -> Bytes:
    """Decode a mask: H x W of 8 bits, 0 = outside the garment, 255 = garment, between = soft edge.

    `size` is the garment picture's height and width. Raises MaskError where the mask cannot be meant:
    another size, empty, everywhere full, nowhere opaque.
    """
    opened = to_8_bit(open_upright(data, max_pixels))
    # By way of RGB: Pillow has no straight way from Lab and others to grey.
    mask = np.asarray(opened.convert("RGB").convert("L"))
    if mask.shape != size:
        raise MaskError(
            f"the mask is {mask.shape[1]}x{mask.shape[0]} px but its picture is {size[1]}x{size[0]} px;"
            " export both at one size"
        )
    check_mask(mask)
    return mask


def decode_parts(data: bytes, size: tuple[int, int], *, max_pixels: int = MAX_PIXELS) -> dict[str, Bytes]:
    """Decode a part map: for every part its mask, H x W, 255 where it is; parts do not overlap.

    In an indexed or grey picture a part is named by its index, and 0 is no part. In a coloured one it is
    named by its colour, each channel rounded to 0, 128 or 255 (soft edges and compression blur colours), and
    what covers less than `SMALLEST_PART` of the picture goes to the part of the nearest colour. Raises
    MaskError where the map has another size than `size` or no part.
    """
    image = open_upright(data, max_pixels)
    if image.size != (size[1], size[0]):
        raise MaskError(
            f"the part map is {image.size[0]}x{image.size[1]} px but its picture is {size[1]}x{size[0]} px;"
            " export both at one size"
        )
    parts = _indexed(image) if image.mode in ("P", "L") else _colored(np.asarray(image.convert("RGB")))
    if not parts:
        raise MaskError("the part map marks no part; give every part an index above 0, or a colour")
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


def check_mask(mask: Bytes) -> None:
    """Raise MaskError where a mask marks nothing, everything, or nothing for sure."""
    if not mask.any():
        raise MaskError("the mask is empty (all 0); paint the garment white (255)")
    if (mask == 255).all():
        raise MaskError(
            "the mask is white everywhere, so nothing of the picture would be kept; paint the backdrop black,"
            " or leave the mask cell empty if the whole picture is cloth (a mask's alpha is not looked at)"
        )
    if mask.max() < 128:
        raise MaskError(
            f"the mask is nowhere opaque (its maximum is {mask.max()} of 255); paint the garment white"
        )
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    if min(box) < MIN_SIDE:
        raise MaskError(
            f"the mask marks only {box[1]}x{box[0]} px; a garment needs at least {MIN_SIDE} px each way"
        )
