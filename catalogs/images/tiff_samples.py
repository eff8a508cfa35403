"""Samples of a TIFF of any depth and kind, as 8-bit pictures.

Sources: TIFF 6.0 (photometric interpretations, extra samples); Adobe Photoshop TIFF technical notes (ICC Lab).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.errors import ImageError

Bytes = NDArray[np.uint8]
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, CIE_LAB, ICC_LAB = 0, 1, 2, 3, 5, 8, 9
CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, CIE_LAB: 3, ICC_LAB: 3}
"""Photometric interpretations that are read, and how many channels colour takes in each."""
BLOCK = 4_000_000
"""Samples that are converted at once: intermediate results take 8 bytes each."""
FLOAT_SLACK = 1e-4


@dataclass(frozen=True)
class Layout:
    """The meaning of a page's samples.

    `alpha` is the number of the channel that is alpha, None where none is; `is_multiplied`: the colours were multiplied
    by alpha. `colors` is a palette's, 3 x indices of 16 bits.
    """

    photometric: int
    bits: int
    is_float: bool = False
    alpha: int | None = None
    is_multiplied: bool = False
    colors: NDArray[np.uint16] | None = None


def to_plain_image(samples: NDArray[Any], layout: Layout) -> tuple[Image.Image, Bytes | None]:
    """H x W x channels as a picture of mode L, RGB, CMYK or LAB, and its alpha (H x W) where it has one.

    Raises ImageError for samples outside their range, and for layouts that are not read.
    """
    _check(layout)
    top = _top(samples, layout)
    color = np.concatenate([_color(block, layout, top) for block in _blocks(samples)])
    image = _image(color, layout)
    if layout.alpha is None:
        return image, None
    return image, np.concatenate([_to_8_bit(block[..., layout.alpha], top) for block in _blocks(samples)])


def to_16_bit(samples: NDArray[Any], layout: Layout) -> NDArray[np.uint16] | None:
    """Colour of 16 bits, H x W or H x W x 3, of grey and RGB that is deeper than 8 bits; None for other pictures."""
    if layout.bits <= 8 or layout.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        return None
    top = _top(samples, layout)
    words = np.concatenate([_deep(block, layout, top) for block in _blocks(samples)])
    return words if layout.photometric == RGB else words[..., 0]


def _deep(block: NDArray[Any], layout: Layout, top: float) -> NDArray[np.uint16]:
    color = block[..., : CHANNELS[layout.photometric]]
    if layout.is_multiplied:
        color = _divided(color, block[..., layout.alpha], top)
    # Half floats do not reach 65,535.
    values = np.rint(color.clip(0, top).astype(np.float64) * (65535 / top)).astype(np.uint16)
    return np.bitwise_not(values) if layout.photometric == WHITE_IS_ZERO else values


def _check(layout: Layout) -> None:
    if layout.photometric in (CIE_LAB, ICC_LAB) and (layout.bits not in (8, 16) or layout.is_float):
        raise ImageError(f"the TIFF holds Lab colours of {layout.bits} bits; export it as RGB")
    if layout.is_multiplied and layout.photometric not in (BLACK_IS_ZERO, RGB, CMYK):
        raise ImageError("the TIFF's colours are multiplied by its alpha in a rare way; export it as RGB")


def _top(samples: NDArray[Any], layout: Layout) -> float:
    """The value of a full sample. Values of 32 bits up to 65,535 are 16-bit values in wide cells, as Pillow writes.

    Likewise values up to 255 are 8-bit ones; numbers of label maps are among them.

    Raises ImageError where samples lie outside 0 to the full value.
    """
    if samples.dtype.itemsize <= 2 and not layout.is_float:
        return float(2**layout.bits - 1)
    low, high = float(samples.min()), float(samples.max())
    if not np.isfinite([low, high]).all():
        raise ImageError(
            "the picture holds samples that are no numbers (NaN or infinite); export it with 8 or 16 bits"
        )
    top = 65535.0 if samples.dtype.kind == "i" or high <= 65535 else float(2**layout.bits - 1)
    top = 255.0 if low >= 0 and high <= 255 else top
    top, slack = (1.0, FLOAT_SLACK) if layout.is_float else (top, 0.0)
    if not (-slack <= low and high <= top + slack):
        raise ImageError(
            f"the picture holds samples from {low:g} to {high:g}, not 0 to {top:g}; export it with 8 or 16 bits"
        )
    return top


def _blocks(samples: NDArray[Any]) -> Iterator[NDArray[Any]]:
    rows = max(1, BLOCK // (samples.shape[1] * samples.shape[2]))
    return (samples[at : at + rows] for at in range(0, len(samples), rows))


def _color(block: NDArray[Any], layout: Layout, top: float) -> Bytes:
    color = block[..., : CHANNELS[layout.photometric]]
    if layout.photometric == PALETTE:
        return _from_palette(color[..., 0], layout)
    if layout.photometric in (CIE_LAB, ICC_LAB):
        return _from_lab(color, layout)
    if layout.is_multiplied:
        color = _divided(color, block[..., layout.alpha], top)
    values = _to_8_bit(color, top)
    return np.bitwise_not(values) if layout.photometric == WHITE_IS_ZERO else values


def _to_8_bit(samples: NDArray[Any], top: float) -> Bytes:
    if samples.dtype == np.uint8 and top == 255:
        return samples
    return (samples.clip(0, top) * (255 / top) + 0.5).astype(np.uint8)


def _divided(color: NDArray[Any], alpha: NDArray[Any], top: float) -> NDArray[np.float64]:
    share = alpha[..., None].astype(np.float64)
    return np.divide(color * top, share, out=np.zeros(color.shape), where=share > 0)


def _from_palette(indices: NDArray[Any], layout: Layout) -> Bytes:
    colors = layout.colors
    if colors is None or int(indices.max()) >= colors.shape[1]:
        raise ImageError("the TIFF's palette is damaged; export it as RGB")
    return _to_8_bit(np.moveaxis(colors[:, indices], 0, -1), 65535)


def _from_lab(samples: NDArray[Any], layout: Layout) -> Bytes:
    """L of 255, a and b as signed bytes: Pillow's LAB as it is outside."""
    wide = layout.bits == 16
    values = samples / (256 if wide else 1)
    light, axes = values[..., :1], values[..., 1:]
    if layout.photometric == CIE_LAB:
        # Of CIE's 16 bits a full L is 65535, of ICC's 65280; CIE's a and b are signed, ICC's begin at -128.
        light, axes = light * (256 / 257 if wide else 1), (axes + 128) % 256
    whole: Bytes = np.rint(np.concatenate([light, axes], -1)).clip(0, 255).astype(np.uint8)
    whole[..., 1:] ^= 128
    return whole


def _image(color: Bytes, layout: Layout) -> Image.Image:
    mode = {CMYK: "CMYK", CIE_LAB: "LAB", ICC_LAB: "LAB"}.get(layout.photometric)
    if mode:
        return Image.frombytes(mode, (color.shape[1], color.shape[0]), color.tobytes())
    return Image.fromarray(color if color.shape[-1] == 3 else color[..., 0])
