"""Picture bytes to arrays and back: orientation, colour space, alpha, resolution, and pictures that are refused."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from catalogs.errors import ImageError
from catalogs.images import (
    color_boxes,
    color_depth,
    color_spaces,
    exif_tags,
    png_chunks,
    tiff_layouts,
    tiff_tags,
)
from catalogs.images.exif_tags import Exif
from catalogs.images.formats import error_line, format_of, open_picture
from catalogs.images.jpeg_scans import check_scans

Bytes = NDArray[np.uint8]

MIN_SIDE = 32
MAX_PIXELS = 64_000_000
SRGB = ImageCms.createProfile("sRGB")
CheckSize = Callable[[int, int], None]


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright and in sRGB.

    `rgb` is H x W x 3 of 8 bits; `alpha` is H x W (0 = transparent) or None where there is none; `dpi` is
    pixels an inch, across and down, or None where the file does not say; `orientation` is the one by which EXIF
    had the stored picture turned, 1 = not at all.
    """

    rgb: Bytes
    alpha: Bytes | None = None
    dpi: tuple[float, float] | None = None
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, in this order."""
        return self.rgb.shape[0], self.rgb.shape[1]


@dataclass(frozen=True)
class Stored:
    """A picture as its file has it: samples in Pillow's mode for them, alpha, the profile of its colours.

    `shown` is the picture in sRGB, where deeper samples than those of `image` were converted.
    """

    image: Image.Image
    alpha: Bytes | None = None
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    orientation: int = 1
    shown: Image.Image | None = None


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode PNG, JPEG, WebP, TIFF or AVIF bytes.

    EXIF orientation is applied; colours are converted to sRGB from the embedded ICC profile or, where there is
    none, from what else the file says of them (catalogs/images/color_spaces.py); grey, palette, CMYK, Lab and deeper
    pictures become 8-bit RGB. Raises ImageError that says what is wrong and what to do.
    """
    stored = _stored(data, max_pixels)
    rgb, alpha = np.asarray(_to_srgb(stored)), stored.alpha
    opaque = alpha is None or bool((alpha == 255).all())
    return Picture(rgb, None if opaque else alpha, stored.dpi, stored.orientation)


def srgb_tags() -> PngImagePlugin.PngInfo:
    """Chunks that say a PNG is sRGB (perceptual intent), with the matching gamma."""
    tags = PngImagePlugin.PngInfo()
    tags.add(b"sRGB", b"\x00")
    tags.add(b"gAMA", struct.pack(">I", 45455))
    return tags


def encode_png(picture: Picture) -> bytes:
    """PNG bytes, tagged as sRGB (perceptual intent) with the matching gamma, alpha and resolution kept."""
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    buffer = io.BytesIO()
    resolution = {"dpi": picture.dpi} if picture.dpi else {}
    image.save(buffer, "PNG", pnginfo=srgb_tags(), compress_level=4, **resolution)
    return buffer.getvalue()


def composite(template: Picture, painted: Bytes, mask: Bytes | None) -> Picture:
    """Put the painted cloth into the template.

    Where the mask is 0 the pixels are the template's, exactly; where it is 255 they are the painted
    ones; between they are blended. Alpha and resolution are the template's.
    """
    if mask is None:
        return replace(template, rgb=painted)
    weight = mask[..., None].astype(np.float32) / 255
    blended = template.rgb * (1 - weight) + painted * weight
    return replace(template, rgb=np.rint(blended).astype(np.uint8))


def open_upright(data: bytes, max_pixels: int) -> Image.Image:
    """A picture as Pillow has it: decoded, turned upright by its EXIF, in its own mode. Raises ImageError."""
    return open_turned(data, max_pixels)[0]


def open_turned(data: bytes, max_pixels: int) -> tuple[Image.Image, int]:
    """The picture of `open_upright`, and the EXIF orientation by which it was turned (1 = not at all)."""
    stored = _stored(data, max_pixels)
    return _with_alpha(stored), stored.orientation


def _with_alpha(stored: Stored) -> Image.Image:
    image = stored.image
    # Grey of which one value is clear stays grey: it may be a part map.
    if stored.alpha is None or image.mode not in ("L", "RGB", "CMYK", "LAB") or _is_clear_grey(image):
        return image
    whole = image.convert("RGB") if image.mode in ("CMYK", "LAB") else image.copy()
    whole.info.pop("transparency", None)
    whole.putalpha(Image.fromarray(stored.alpha))
    return whole


def _is_clear_grey(image: Image.Image) -> bool:
    return image.mode == "L" and "transparency" in image.info


def to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips it instead."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) / 257 + 0.5).astype(np.uint8))
    return image


def _stored(data: bytes, max_pixels: int) -> Stored:
    if not data:
        raise ImageError("the file is empty (0 bytes); export it again")
    kind = format_of(data) or ""
    read = {"PNG": _png, "JPEG": _jpeg, "TIFF": _tiff}.get(kind, _other)
    try:
        return read(data, partial(_check_size, max_pixels))
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("the picture does not fit into this machine's memory; scale it down") from error
    except Exception as error:  # decoders raise whatever the bytes make them
        raise ImageError(
            f"the {kind} is damaged or cut short ({error_line(error)}); export it again"
        ) from error


def _png(data: bytes, check_size: CheckSize) -> Stored:
    chunks = png_chunks.read_chunks(data)
    image = _loaded(open_picture(chunks.readable), check_size)
    alpha = png_chunks.clear_alpha(chunks, image)
    exif = exif_tags.of_image(image)
    profile = png_chunks.png_profile(chunks) if chunks.says_colors else exif.profile
    shown = _from_deep(png_chunks.samples_16_bit(chunks, image), profile) if profile else None
    return _upright(Stored(image, _alpha(image) if alpha is None else alpha, profile, shown=shown), exif)


def _from_deep(deep: NDArray[np.uint16] | None, profile: bytes) -> Image.Image | None:
    """A picture of 16 bits in sRGB; None where it has 8 bits, or its profile needs littleCMS."""
    srgb = None if deep is None else color_depth.to_srgb(deep, profile)
    return None if srgb is None else Image.fromarray(srgb)


def _jpeg(data: bytes, check_size: CheckSize) -> Stored:
    check_scans(data)
    return _other(data, check_size)


def _other(data: bytes, check_size: CheckSize) -> Stored:
    image = _loaded(open_picture(data), check_size)
    exif = exif_tags.of_image(image)
    profile = image.info.get("icc_profile") or _stated_profile(data, image, exif)
    return _upright(Stored(image, _alpha(image), profile), exif)


def _stated_profile(data: bytes, image: Image.Image, exif: Exif) -> bytes | None:
    """The profile of colours that are said by an AVIF's numbers, or by EXIF."""
    numbers = color_boxes.code_points(data) if image.format == "AVIF" else None
    return color_spaces.from_code_points(*numbers) if numbers else exif.profile


def _tiff(data: bytes, check_size: CheckSize) -> Stored:
    tags = tiff_tags.only_page(data)
    check_size(tags.one(tiff_tags.WIDTH), tags.one(tiff_tags.HEIGHT))
    tiff_layouts.check_kind(tags)
    exif = exif_tags.of_tiff(data, tags)
    try:
        image = None if tiff_layouts.is_misread(tags) else open_picture(data)
    except ImageError:
        image = None
    if image is None:
        return _unpacked(data, tags, exif)
    if _is_deep(tags) and (tiff_tags.PROFILE in tags.values or exif.profile is not None):
        try:
            return _unpacked(data, tags, exif)
        except ImageError:
            # A TIFF that only Pillow can unpack keeps 8 bits.
            pass
    image.load()
    # Grey that was multiplied by its alpha is divided by it; Pillow does so for RGB, and turns all upright.
    plain = image.convert("LA") if image.mode == "La" else image
    profile = image.info.get("icc_profile") or exif.profile
    orientation = exif.orientation if exif.orientation in exif_tags.TURNS else 1
    return Stored(plain, _alpha(plain), profile, exif.upright_dpi(image), orientation)


def _is_deep(tags: tiff_tags.Tags) -> bool:
    return max(tags.many(tiff_tags.BITS, (1,))) > 8


def _unpacked(data: bytes, tags: tiff_tags.Tags, exif: Exif) -> Stored:
    said = tiff_tags.PROFILE in tags.values or exif.profile is not None
    page = tiff_layouts.read_page(data, tags, with_deep=said)
    profile = page.profile or exif.profile
    shown = _from_deep(page.deep, profile) if profile else None
    return _upright(Stored(page.image, page.alpha, profile, shown=shown), exif)


def _loaded(image: ImageFile.ImageFile, check_size: CheckSize) -> Image.Image:
    check_size(*image.size)
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageError(f"the file holds {frames} frames; export the one that is meant")
    image.load()
    return image


def _check_size(max_pixels: int, width: int, height: int) -> None:
    if width * height > max_pixels:
        raise ImageError(
            f"the picture is {width}x{height} = {width * height:,} px, over the limit of {max_pixels:,};"
            " scale it down or raise STYLEMILL_MAX_PIXELS"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"the picture is {width}x{height} px; it needs at least {MIN_SIDE} px each way")


def _alpha(image: Image.Image) -> Bytes | None:
    if not image.has_transparency_data:
        return None
    return np.asarray(image.convert("RGBA").getchannel("A"))


def _upright(stored: Stored, exif: Exif) -> Stored:
    turn = exif_tags.TURNS.get(exif.orientation)
    dpi = exif.upright_dpi(stored.image)
    if turn is None:
        return replace(stored, dpi=dpi)
    alpha = None if stored.alpha is None else np.asarray(Image.fromarray(stored.alpha).transpose(turn))
    image = stored.image.transpose(turn)
    shown = stored.shown.transpose(turn) if stored.shown else None
    return replace(stored, image=image, shown=shown, alpha=alpha, dpi=dpi, orientation=exif.orientation)


def _to_srgb(stored: Stored) -> Image.Image:
    if stored.shown:
        return stored.shown
    image = to_8_bit(stored.image)
    if image.mode == "LAB":
        # Lab is its own colour space, whatever profile is beside it.
        return image.convert("RGB")
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("L" if image.mode in ("LA", "1") else "RGB")
    return _converted(image, stored.profile) if stored.profile else image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
            # Grey pictures are often exported with an RGB profile.
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except Exception as error:  # a profile may be anything, also no bytes
        raise ImageError(
            f"the embedded colour profile cannot be used ({error_line(error)}); convert the picture to sRGB"
        ) from error
    assert converted is not None
    return converted
