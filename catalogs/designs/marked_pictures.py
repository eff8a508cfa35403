"""Pictures with their XMP packet in the file: PNG, JPEG, WebP and TIFF, encoded with it or marked afterwards.

Pillow drops or ignores XMP in several formats without a warning (PNG and TIFF on saving, all of them on
`thumbnail`), so every picture that leaves the catalog is encoded by `save` or marked by `with_mark`.

Sources: Adobe XMP specification, part 3 (where each format keeps its packet); PNG specification, third edition
(iTXt, sRGB, gAMA).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Literal

from PIL import Image, ImageCms, ImageFile, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from catalogs.errors import ImageError
from catalogs.images.codec import srgb_tags

FileFormat = Literal["PNG", "JPEG", "WEBP", "TIFF"]
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_XMP = b"XML:com.adobe.xmp"
TIFF_XMP = 700
LARGEST_PACKET = 1 << 20
"""Bytes to which a compressed packet may unfold."""


def save(
    image: Image.Image, file_format: FileFormat, packet: bytes, icc: bytes | None = None, **options: Any
) -> bytes:
    """Encode a picture with its XMP packet and its colour profile in the file.

    `icc` is the profile of the pixels; without one the profile that Pillow keeps with the image is taken, and
    without that they are sRGB: a PNG says so by sRGB and gAMA chunks as the catalog's own do, the other formats
    by a profile. `options` are Pillow's (`quality`, `method`, ...). Raises ImageError where Pillow cannot write
    the picture, as a JPEG with alpha.
    """
    profile = icc or image.info.get("icc_profile") or (None if file_format == "PNG" else SRGB_PROFILE)
    buffer = io.BytesIO()
    try:
        image.save(
            buffer, file_format, **{"icc_profile": profile} | _carrier(file_format, packet, profile) | options
        )
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(f"the picture cannot be written as {file_format} ({error})") from error
    return buffer.getvalue()


def with_mark(png: bytes, packet: bytes) -> bytes:
    """A PNG with an XMP packet instead of the one it had, if any; no other chunk changes.

    Pixels are not decoded. Raises ImageError where the bytes are no whole PNG.
    """
    pieces: list[bytes | memoryview] = [PNG_SIGNATURE]
    whole, end = memoryview(png), len(PNG_SIGNATURE)
    for kind, start, end in _chunks(png):
        if not _is_xmp(kind, png, start):
            pieces.append(whole[start:end])
        if kind == b"IHDR":
            pieces.append(_chunk(b"iTXt", PNG_XMP + b"\0\0\0\0\0" + packet))
    return b"".join([*pieces, whole[end:]])


def read_xmp(data: bytes) -> bytes | None:
    """The XMP packet of a PNG, JPEG, WebP or TIFF; None where it has none.

    Raises ImageError where the bytes are of no such format.
    """
    if data.startswith(PNG_SIGNATURE):
        return _png_packet(data)
    image = _open_header(data)
    try:
        packet = (
            image.tag_v2.get(TIFF_XMP)
            if isinstance(image, TiffImagePlugin.TiffImageFile)
            else image.info.get("xmp")
        )
        return bytes(packet) if packet else None
    except Exception as error:  # Pillow reads tags when they are asked for, with whatever their bytes raise
        raise ImageError(f"the picture's XMP is damaged ({error}); export it without") from error


def _carrier(file_format: FileFormat, packet: bytes, profile: bytes | None) -> dict[str, Any]:
    """Pillow's arguments that put the packet into the file for this format."""
    if file_format == "PNG":
        return {"pnginfo": _png_info(packet, srgb=profile is None)}
    if file_format == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[TIFF_XMP] = packet  # bytes, which Pillow gives the type BYTE, as the specification asks
        return {"tiffinfo": tags}
    return {"xmp": packet}


def _png_info(packet: bytes, *, srgb: bool) -> PngImagePlugin.PngInfo:
    # Beside a profile the tags would contradict it.
    info = srgb_tags() if srgb else PngImagePlugin.PngInfo()
    info.add_itxt(PNG_XMP.decode(), packet.decode())
    return info


def _chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of every chunk, length and checksum included."""
    if not png.startswith(PNG_SIGNATURE):
        raise ImageError("the file is no PNG; export it as one")
    start, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        if start + 12 > len(png):
            raise ImageError("the PNG is cut short; export it again")
        first = not kind
        kind = png[start + 4 : start + 8]
        end = start + 12 + int.from_bytes(png[start : start + 4], "big")
        if end > len(png) or first != (kind == b"IHDR"):
            raise ImageError("the PNG is damaged or cut short; export it again")
        yield kind, start, end
        start = end


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _is_xmp(kind: bytes, png: bytes, start: int) -> bool:
    return kind == b"iTXt" and png.startswith(PNG_XMP + b"\0", start + 8)


def _png_packet(png: bytes) -> bytes | None:
    for kind, start, end in _chunks(png):
        if _is_xmp(kind, png, start):
            return _itxt(png[start + 8 + len(PNG_XMP) + 1 : end - 4])
    return None


def _itxt(body: bytes) -> bytes:
    """The text of an iTXt chunk behind its keyword: flag, method, language, translated keyword, text."""
    parts = body[2:].split(b"\0", 2)
    if len(parts) != 3:
        raise ImageError("the PNG's XMP chunk is damaged; export the picture again")
    if not body[0]:
        return parts[2]
    try:
        return zlib.decompressobj().decompress(parts[2], LARGEST_PACKET)
    except zlib.error as error:
        raise ImageError(f"the PNG's XMP chunk is damaged ({error}); export the picture again") from error


def _open_header(data: bytes) -> ImageFile.ImageFile:
    """A picture whose header is read and whose pixels are not decoded."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError("the file is not PNG, JPEG, WebP or TIFF") from error
    except Exception as error:  # Pillow raises whatever the bytes make it
        raise ImageError(f"the picture is damaged or far too large ({error})") from error
