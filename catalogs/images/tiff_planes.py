"""The samples of a TIFF's page, unpacked for layouts that Pillow has no mode for.

Pillow's libtiff unpacks: it gets each plane as an 8-bit grey picture as wide as a row has bytes, and gives the
bytes. Their meaning (planes, predictor, order and number of bits) is restored here, with numpy. imagecodecs,
with which tifffile unpacks, ends the whole process on a damaged LZW strip. Sources: TIFF 6.0 (sections 13 to 15);
Adobe Photoshop TIFF technical note 3 (floating point predictor).
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from catalogs.errors import ImageError
from catalogs.images import tiff_tags
from catalogs.images.tiff_tags import Tags

Bytes = NDArray[np.uint8]
Samples = NDArray[Any]
PLAIN, DIFFERENCES, FLOAT_DIFFERENCES = 1, 2, 3
ROWS_AT_ONCE = 256
MOST_BYTES = 1 << 30
"""Bytes of a plane, or of a tile, unpacked: 64 million pixels of four channels of 32 bits."""


class Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's TIFF reader without Pillow's limit of pixels.

    "Pixels" are bytes here, and callers have a limit of their own.
    """

    def load_prepare(self) -> None:
        """Make room for the samples; Pillow checks its limit only where there is none yet."""
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()


@dataclass(frozen=True)
class Packing:
    """How the samples of a page are stored."""

    order: str
    height: int
    width: int
    channels: int
    bits: int
    is_float: bool
    is_signed: bool
    separate: bool
    predictor: int
    tile: tuple[int, int] | None
    """Height and width of a tile; None where the page is in strips."""

    @property
    def together(self) -> int:
        """Channels that stand side by side in a row."""
        return 1 if self.separate else self.channels

    @property
    def span(self) -> tuple[int, int]:
        """How many tiles lie across, and how many bytes a row of each has; strips are as wide as the page."""
        across = -(-self.width // self.tile[1]) if self.tile else 1
        width = self.tile[1] if self.tile else self.width
        return across, -(-width * self.together * self.bits // 8)

    @property
    def kind(self) -> np.dtype[Any]:
        """The samples' type in the file."""
        letter = "f" if self.is_float else "i" if self.is_signed else "u"
        return np.dtype(f"{self.order}{letter}{self.bits // 8}")


def read_packing(tags: Tags) -> Packing:
    """How a page is stored, as its tags say."""
    tiled = tiff_tags.TILE_WIDTH in tags.values
    sample_format = tags.one(tiff_tags.FORMAT, 1)
    return Packing(
        order=tags.order,
        height=tags.one(tiff_tags.HEIGHT),
        width=tags.one(tiff_tags.WIDTH),
        channels=tags.one(tiff_tags.CHANNELS, 1),
        bits=tags.one(tiff_tags.BITS, 1),
        is_float=sample_format == 3,
        is_signed=sample_format == 2,
        separate=tags.one(tiff_tags.PLANES, 1) == 2,
        predictor=tags.one(tiff_tags.PREDICTOR, PLAIN),
        tile=(tags.one(tiff_tags.TILE_HEIGHT), tags.one(tiff_tags.TILE_WIDTH)) if tiled else None,
    )


def unpack_samples(data: bytes, tags: Tags, channels: Sequence[int]) -> Samples:
    """H x W x the wanted channels, in this machine's byte order.

    Raises ImageError for a combination of bits and predictor that is not read; Pillow's errors pass.
    """
    kept = read_packing(tags)
    _check(kept)
    if not kept.separate:
        (rows,) = _planes(data, tags, kept, [0])
        return _decoded_samples(rows, kept)[..., list(channels)]
    return np.concatenate([_decoded_samples(rows, kept) for rows in _planes(data, tags, kept, channels)], -1)


def _check(kept: Packing) -> None:
    whole = kept.bits in ((16, 32, 64) if kept.is_float else (8, 16, 32))
    predictors = (
        {PLAIN} | ({DIFFERENCES} if whole else set()) | ({FLOAT_DIFFERENCES} if kept.is_float else set())
    )
    if not (whole or (0 < kept.bits < 16 and not kept.is_float)) or kept.predictor not in predictors:
        raise ImageError(
            f"the TIFF holds samples of {kept.bits} bits (predictor {kept.predictor}), which are not read; export it"
            " with 8 or 16 bits"
        )
    if kept.tile and (min(kept.tile) < 16 or kept.tile[1] % 16):
        raise ImageError("the TIFF's tiles have an impossible size; export it again")
    across, size = kept.span
    if max(kept.height, kept.tile[0] if kept.tile else 0) * across * size > MOST_BYTES:
        raise ImageError(
            f"the TIFF unpacks to over {MOST_BYTES:,} bytes; flatten it and export it with 8 or 16 bits"
        )


def _planes(data: bytes, tags: Tags, kept: Packing, numbers: Sequence[int]) -> Iterator[Bytes]:
    """The bytes of planes, each H x tiles across x bytes a row of a tile."""
    across, size = kept.span
    for number in numbers:
        image = Tiff(io.BytesIO(_as_grey(data, tags, kept, number)))
        image.load()
        yield np.asarray(image).reshape(kept.height, across, size)


def _as_grey(data: bytes, tags: Tags, kept: Packing, plane: int) -> bytes:
    """The file with a page that shows a plane's bytes as 8-bit grey."""
    across, size = kept.span
    places, sizes = segments(tags)
    count = len(places) // (kept.channels if kept.separate else 1)
    mine = slice(plane * count, (plane + 1) * count)
    entries: dict[int, Sequence[int]] = {
        tiff_tags.WIDTH: [across * size],
        tiff_tags.HEIGHT: [kept.height],
        tiff_tags.BITS: [8],
        tiff_tags.COMPRESSION: [tags.one(tiff_tags.COMPRESSION, 1)],
        tiff_tags.PHOTOMETRIC: [1],
        tiff_tags.FILL_ORDER: [tags.one(tiff_tags.FILL_ORDER, 1)],
        tiff_tags.CHANNELS: [1],
    }
    if kept.tile:
        entries |= {tiff_tags.TILE_WIDTH: [size], tiff_tags.TILE_HEIGHT: [kept.tile[0]]}
        entries |= {tiff_tags.TILES: places[mine], tiff_tags.TILE_SIZES: sizes[mine]}
    else:
        entries |= {tiff_tags.STRIP_ROWS: [tags.one(tiff_tags.STRIP_ROWS, kept.height)]}
        entries |= {tiff_tags.STRIPS: places[mine], tiff_tags.STRIP_SIZES: sizes[mine]}
    return _with_page(data, tags.order, entries)


def segments(tags: Tags) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the strips or tiles are, and how many bytes each has."""
    tiled = tiff_tags.TILE_WIDTH in tags.values
    places = tags.many(tiff_tags.TILES if tiled else tiff_tags.STRIPS)
    return places, tags.many(tiff_tags.TILE_SIZES if tiled else tiff_tags.STRIP_SIZES)


def _with_page(data: bytes, order: str, entries: dict[int, Sequence[int]]) -> bytes:
    """A TIFF of the same bytes, behind which stands a page of these tags (all of 32 bits)."""
    start = len(data) + len(data) % 2
    body, far = struct.pack(order + "H", len(entries)), b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(packed) > 4:
            packed, far = struct.pack(order + "I", behind + len(far)), far + packed
        body += struct.pack(order + "HHI", tag, 4, len(values)) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return b"".join([head, data[8:], bytes(start - len(data)), body, bytes(4), far])


def _decoded_samples(rows: Bytes, kept: Packing) -> Samples:
    """H x W x channels of samples from H x tiles x bytes."""
    if kept.bits % 8:
        blocks = (
            _split_bits(rows[at : at + ROWS_AT_ONCE], kept.bits) for at in range(0, len(rows), ROWS_AT_ONCE)
        )
        values: Samples = np.concatenate(list(blocks))
        values = values[..., : values.shape[-1] // kept.together * kept.together]
    elif kept.predictor == FLOAT_DIFFERENCES:
        values = _summed_floats(rows, kept)
    else:
        values = rows.view(kept.kind).astype(kept.kind.newbyteorder("="), copy=False)
    values = values.reshape(*values.shape[:2], -1, kept.together)
    if kept.predictor == DIFFERENCES:
        # Differences wrap around, and are those of whole numbers also where the samples are floats.
        whole = values.view(f"u{values.dtype.itemsize}")
        values = np.cumsum(whole, axis=2, dtype=whole.dtype).view(values.dtype)
    return values.reshape(kept.height, -1, kept.together)[:, : kept.width]


def _split_bits(rows: Bytes, bits: int) -> NDArray[np.uint16]:
    """Samples of fewer than 16 bits that stand without gaps in a row, each as 16 bits."""
    single = np.unpackbits(rows, axis=-1)
    single = single[..., : single.shape[-1] // bits * bits].reshape(*rows.shape[:2], -1, bits)
    values = np.zeros(single.shape[:-1], np.uint16)
    for bit in range(bits):
        values <<= 1
        values |= single[..., bit]
    return values


def _summed_floats(rows: Bytes, kept: Packing) -> Samples:
    """Floats of which all first bytes stand first, then all second ones, each the difference to the one before."""
    size = kept.bits // 8
    stepped = rows.reshape(*rows.shape[:2], -1, kept.together)
    parts = np.cumsum(stepped, axis=2, dtype=np.uint8).reshape(*rows.shape[:2], size, -1)
    whole = np.ascontiguousarray(np.moveaxis(parts, 2, -1)).view(f">f{size}")
    return whole.astype(f"f{size}").reshape(*rows.shape[:2], -1)
