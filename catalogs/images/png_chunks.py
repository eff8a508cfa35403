"""The chunks of a PNG beside its samples: damage, colour space, transparency of 16 bits.

Pillow gets the chunks that it needs and no others: it refuses profiles and texts of over 1 MB, and does not check
the samples' checksums. Source: Portable Network Graphics specification, third edition.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from catalogs.errors import ImageError
from catalogs.images.color_spaces import Chromaticities, from_code_points, from_gamma

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
COLOR = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
BESIDE = (b"tRNS", b"pHYs", b"eXIf", b"acTL", b"fcTL", b"fdAT")
TEXT = (b"tEXt", b"zTXt", b"iTXt")
ORIENTING = (b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Keywords of texts in which programs write which way up a picture is."""
MOST_TEXTS = 16
"""Texts that may say which way up a PNG is, and are looked at."""
LARGEST_TEXT = PngImagePlugin.MAX_TEXT_CHUNK
LARGEST_PROFILE = 32 << 20
"""Bytes to which a compressed profile may unfold: real ones have up to some 3 MB."""
GREY, RGB, RGB_AND_ALPHA = 0, 2, 6


@dataclass(frozen=True)
class Chunks:
    """A PNG taken apart: the bytes for Pillow, and the bodies of the chunks that are read here."""

    readable: bytes
    bodies: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """The number of bits of a sample."""
        return self.bodies[b"IHDR"][8]

    @property
    def color_type(self) -> int:
        """0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha."""
        return self.bodies[b"IHDR"][9]

    @property
    def says_colors(self) -> bool:
        """Whether any chunk states the colour space."""
        return any(kind in self.bodies for kind in COLOR)


def read_chunks(png: bytes) -> Chunks:
    """Take a PNG apart: check the chunks that are used, leave out the others. Raises ImageError for a wrong checksum."""
    pieces, bodies = [SIGNATURE], dict[bytes, bytes]()
    end, texts = len(SIGNATURE), 0
    for kind, start, end in _chunks(png):
        body = png[start + 8 : end - 4]
        texts += kind in TEXT and body.startswith(ORIENTING)
        # Each may unfold to a megabyte; programs write one or two.
        wanted = kind in CRITICAL + COLOR + BESIDE or (texts <= MOST_TEXTS and _is_orienting(kind, body))
        if not wanted:
            continue
        if zlib.crc32(png[start + 4 : end - 4]) != int.from_bytes(png[end - 4 : end], "big"):
            raise ImageError(
                f"the PNG's part {kind.decode()} does not have the checksum that it says: the file was damaged in"
                " transfer or on a disk; copy it again, or export it again"
            )
        if kind != b"IDAT":
            bodies.setdefault(kind, body)
        if kind not in COLOR:
            pieces.append(png[start:end])
    if len(bodies.get(b"IHDR", b"")) != 13:
        raise ImageError("the PNG has no header; it is damaged or cut short: export it again")
    return Chunks(b"".join([*pieces, png[end:]]), bodies)


def _chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of every whole chunk up to IEND; Pillow reports a last chunk that is cut short."""
    start, kind = len(SIGNATURE), b""
    while kind != b"IEND" and start + 12 <= len(png):
        end = start + 12 + int.from_bytes(png[start : start + 4], "big")
        if end > len(png):
            return
        kind = png[start + 4 : start + 8]
        yield kind, start, end
        start = end


def _is_orienting(kind: bytes, body: bytes) -> bool:
    """Whether Pillow may find the picture's orientation in a text, within Pillow's limit of size."""
    keyword, _, rest = body.partition(b"\0")
    if kind not in TEXT or keyword not in ORIENTING:
        return False
    if kind == b"tEXt":
        return len(rest) <= LARGEST_TEXT
    packed = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    if kind == b"iTXt" and not rest[:1].strip(b"\0"):
        return len(packed) <= LARGEST_TEXT
    try:
        return len(zlib.decompressobj().decompress(packed, LARGEST_TEXT + 1)) <= LARGEST_TEXT
    except zlib.error:
        return False


def png_profile(chunks: Chunks) -> bytes | None:
    """The ICC profile of a PNG's samples; None where they are sRGB or the PNG does not say.

    cICP goes before iCCP, that before sRGB, that before gAMA and cHRM (section 4.3 of the specification).
    """
    bodies = chunks.bodies
    if len(cicp := bodies.get(b"cICP", b"")) == 4 and 2 not in cicp[:2]:
        return from_code_points(cicp[0], cicp[1], cicp[2], bool(cicp[3]))
    if b"iCCP" in bodies:
        return _unfolded(bodies[b"iCCP"])
    if b"sRGB" in bodies:
        return None
    return from_gamma(_gamma(bodies), _chromaticities(bodies))


def _unfolded(body: bytes) -> bytes:
    """The profile of an iCCP chunk: behind its name and a zero, the method (0, deflate), the data."""
    packed = body.partition(b"\0")[2]
    try:
        unpacked = zlib.decompressobj().decompress(packed[1:], LARGEST_PROFILE + 1)
    except zlib.error as error:
        raise ImageError(
            f"the embedded colour profile is damaged ({error}); convert the picture to sRGB"
        ) from error
    if len(unpacked) > LARGEST_PROFILE:
        raise ImageError(
            f"the embedded colour profile has over {LARGEST_PROFILE:,} bytes; convert the picture to sRGB"
        )
    return unpacked


def _gamma(bodies: dict[bytes, bytes]) -> float | None:
    body = bodies.get(b"gAMA", b"")
    return int.from_bytes(body, "big") / 100_000 if len(body) == 4 else None


def _chromaticities(bodies: dict[bytes, bytes]) -> Chromaticities | None:
    body = bodies.get(b"cHRM", b"")
    if len(body) != 32:
        return None
    white_x, white_y, *colors = (value / 100_000 for value in struct.unpack(">8I", body))
    red_x, red_y, green_x, green_y, blue_x, blue_y = colors
    return (white_x, white_y), (red_x, red_y), (green_x, green_y), (blue_x, blue_y)


def clear_alpha(chunks: Chunks, image: Image.Image) -> NDArray[np.uint8] | None:
    """Alpha of a grey or RGB picture with one transparent value (tRNS), H x W.

    Every bit of a sample counts, so the samples are compared before they become 8-bit ones. None where the
    PNG has no such value; Pillow reads a palette's alpha and an alpha channel.
    """
    body = chunks.bodies.get(b"tRNS", b"")
    if chunks.color_type not in (GREY, RGB) or len(body) != (6 if chunks.color_type == RGB else 2):
        return None
    clear = np.frombuffer(body, ">u2") & (2**chunks.depth - 1)
    samples = _samples(chunks, image)
    return np.where((samples == clear).all(-1), 0, 255).astype(np.uint8)


def samples_16_bit(chunks: Chunks, image: Image.Image) -> NDArray[np.uint16] | None:
    """Colour of 16 bits, H x W or H x W x 3, of grey and RGB; None for other pictures."""
    if chunks.depth != 16 or chunks.color_type not in (GREY, RGB, RGB_AND_ALPHA):
        return None
    if chunks.color_type == GREY:
        return np.asarray(image).astype(np.uint16)
    words = np.asarray(image).astype(np.uint16) << 8 | _low_bytes(chunks)
    return words[..., :3].astype(np.uint16)


def _samples(chunks: Chunks, image: Image.Image) -> NDArray[np.uint16]:
    """H x W x channels, as they stand in the file."""
    values = np.asarray(image)
    if chunks.color_type == RGB and chunks.depth == 16:
        values = values.astype(np.uint16) << 8 | _low_bytes(chunks)
    if chunks.depth < 8:
        # Pillow spreads the values of 1, 2 and 4 bits over 8.
        values = values.astype(np.uint8) * (255 if chunks.depth == 1 else 1) // (255 // (2**chunks.depth - 1))
    return values.reshape(*values.shape[:2], -1).astype(np.uint16)


def _low_bytes(chunks: Chunks) -> NDArray[np.uint8]:
    """The lower halves of 16-bit RGB samples, which Pillow drops.

    Read in the other byte order, they are the upper halves, which Pillow keeps.
    """
    image = PngImagePlugin.PngImageFile(io.BytesIO(chunks.readable))
    image.tile = [tile._replace(args=f"{image.mode};16L") for tile in image.tile]
    image.load()
    return np.asarray(image)
