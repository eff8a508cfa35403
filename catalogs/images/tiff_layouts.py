"""TIFF layouts: those that Pillow reads right, those that are unpacked here, and those that are refused.

Pillow takes a plane of 16 bits for rows of 8, does not invert 16-bit grey whose white is zero, does not stretch
12 bits, swaps the bytes of compressed 32-bit samples; it opens no float colour, no CMYK with alpha, no 16-bit grey
with alpha, few spot channels. Layouts that it reads right are left to it. Sources: TIFF 6.0; the Digital Negative
specification; Adobe Photoshop TIFF technical notes.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalogs.errors import ImageError
from catalogs.images import tiff_tags
from catalogs.images.tiff_planes import segments, unpack_samples
from catalogs.images.tiff_samples import (
    BLACK_IS_ZERO,
    CHANNELS,
    CMYK,
    RGB,
    WHITE_IS_ZERO,
    Bytes,
    Layout,
    to_16_bit,
    to_plain_image,
)
from catalogs.images.tiff_tags import Tags

UNCOMPRESSED, JPEG, YCBCR = 1, 7, 6
COMPRESSIONS = (UNCOMPRESSED, 5, 8, 32773, 32946, 34925, 50000)
"""None, LZW, Deflate, PackBits, Deflate under its old number, LZMA, Zstandard: compressions of bytes."""
NAMES = {
    3: "palette",
    4: "a mask",
    YCBCR: "YCbCr",
    10: "ITU Lab",
    32803: "a camera's filter (CFA)",
    34892: "a camera's raw",
}
MOST_CHANNELS = 32
MOST_SEGMENTS = 100_000
ASSOCIATED, UNASSOCIATED = 1, 2
SIGNED = 2

# Pillow's log is not needed: it raises the same faults, and they become rejections of records.
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Page:
    """A page as it stands in the file: mode L, RGB, CMYK or LAB; alpha (H x W of 8 bits); its ICC profile.

    `deep` is the colour of 16 bits, where the page has more than 8 bits and the caller wants it.
    """

    image: Image.Image
    alpha: Bytes | None
    profile: bytes | None
    deep: NDArray[np.uint16] | None = None


def check_kind(tags: Tags) -> None:
    """Raise ImageError for a TIFF that does not hold a plain picture, whichever reader is used."""
    photometric = tags.one(tiff_tags.PHOTOMETRIC)
    if tiff_tags.RAW in tags.values or tags.one(tiff_tags.SUBFILE) & tiff_tags.REDUCED:
        raise ImageError(
            "the file is a camera's raw picture, of which only the small preview could be read; develop it and"
            " export it as TIFF or JPEG"
        )
    if tags.one(tiff_tags.FORMAT, 1) == SIGNED and tags.one(tiff_tags.BITS, 1) < 32:
        raise ImageError("the TIFF holds signed samples; export it with unsigned ones of 8 or 16 bits")
    if photometric == CMYK and tags.one(tiff_tags.INKS, 1) != 1:
        raise ImageError("the TIFF holds printing plates of other inks than CMYK; export it as RGB")
    halved = photometric == YCBCR and tags.many(tiff_tags.SUBSAMPLING, (2, 2)) != (1, 1)
    if halved and tags.one(tiff_tags.COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED:
        raise ImageError("the TIFF holds YCbCr of halved colour without JPEG compression; export it as RGB")


def is_misread(tags: Tags) -> bool:
    """Whether Pillow opens a TIFF but gives wrong samples."""
    bits, photometric = max(tags.many(tiff_tags.BITS, (1,))), tags.many(tiff_tags.PHOTOMETRIC)
    odd_planes = bits != 8 or tiff_tags.EXTRA in tags.values or photometric not in ((RGB,), (CMYK,))
    if tags.one(tiff_tags.PLANES, 1) == 2 and odd_planes:
        return True
    return bits in (10, 12, 14) or bits > 16 or (photometric == (WHITE_IS_ZERO,) and bits > 8)


def read_page(data: bytes, tags: Tags, with_deep: bool = False) -> Page:
    """The picture of a page, unpacked here, with its 16-bit colour if wanted. Raises ImageError for refused layouts."""
    _check(tags, len(data))
    layout = _layout(tags)
    wanted = list(range(CHANNELS[layout.photometric])) + ([] if layout.alpha is None else [layout.alpha])
    samples = unpack_samples(data, tags, wanted)
    read_layout = layout if layout.alpha is None else replace(layout, alpha=len(wanted) - 1)
    color = to_16_bit(samples, read_layout) if with_deep else None
    return Page(*to_plain_image(samples, read_layout), bytes(tags.many(tiff_tags.PROFILE)) or None, color)


def _layout(tags: Tags) -> Layout:
    photometric, colors = tags.one(tiff_tags.PHOTOMETRIC), tags.many(tiff_tags.COLORS)
    extras = tags.many(tiff_tags.EXTRA)
    alpha = next((n for n, kind in enumerate(extras) if kind in (ASSOCIATED, UNASSOCIATED)), None)
    return Layout(
        photometric,
        tags.one(tiff_tags.BITS, 1),
        is_float=tags.one(tiff_tags.FORMAT, 1) == 3,
        # Channels of other kinds are selections, which a picture does not show.
        alpha=None if alpha is None else CHANNELS[photometric] + alpha,
        is_multiplied=alpha is not None and extras[alpha] == ASSOCIATED,
        colors=np.array(colors, np.uint16).reshape(3, -1) if colors and len(colors) % 3 == 0 else None,
    )


def _check(tags: Tags, size: int) -> None:
    photometric, channels = tags.one(tiff_tags.PHOTOMETRIC, BLACK_IS_ZERO), tags.one(tiff_tags.CHANNELS, 1)
    compression, name = (
        tags.one(tiff_tags.COMPRESSION, UNCOMPRESSED),
        NAMES.get(photometric, f"of kind {photometric}"),
    )
    if photometric not in CHANNELS or (compression == JPEG and photometric == YCBCR):
        raise ImageError(f"the TIFF's colours are {name}, in a layout that is not read; export it as RGB")
    if compression not in COMPRESSIONS:
        raise ImageError(
            f"the TIFF's compression ({compression}) is not read in its layout; export it with LZW or none"
        )
    needed = CHANNELS[photometric] + len(tags.many(tiff_tags.EXTRA))
    if channels > MOST_CHANNELS:
        raise ImageError(
            f"the TIFF has {channels} channels of which at most {MOST_CHANNELS} are read; flatten it and export"
            " it as RGB"
        )
    if channels < needed:
        raise ImageError(
            f"the TIFF has {channels} channels where {needed} are said; flatten it and export it as RGB"
        )
    if len({*tags.many(tiff_tags.BITS, (1,))}) > 1 or len({*tags.many(tiff_tags.FORMAT, (1,))}) > 1:
        raise ImageError("the TIFF's channels have different depths; export it with 8 or 16 bits each")
    if tags.one(tiff_tags.FORMAT, 1) not in (1, SIGNED, 3):
        raise ImageError("the TIFF holds complex or untyped samples; export it with 8 or 16 bits")
    _check_segments(tags, size)


def _check_segments(tags: Tags, size: int) -> None:
    places, sizes = segments(tags)
    if len(places) > MOST_SEGMENTS:
        raise ImageError(
            f"the TIFF is in {len(places):,} pieces; export it again with larger strips or tiles"
        )
    if not places or len(places) != len(sizes):
        raise ImageError("the TIFF is damaged or cut short; export it again")
    if any(length <= 0 or place + length > size for place, length in zip(places, sizes, strict=True)):
        raise ImageError("the TIFF is damaged or cut short; export it again")
