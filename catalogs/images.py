"""Picture bytes to arrays and back: orientation, colour profile, alpha, and what is refused."""

import io
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from catalogs.errors import ImageError

Bytes = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
MIN_SIDE = 32
MAX_PIXELS = 64_000_000
SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright and in sRGB.

    `rgb` is H x W x 3 of 8 bits; `alpha` is H x W (0 = transparent) or None where there is none.
    """

    rgb: Bytes
    alpha: Bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.rgb.shape[0], self.rgb.shape[1]


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode PNG, JPEG, WebP or TIFF bytes.

    EXIF orientation is applied; an embedded ICC profile is converted to sRGB; grey, palette, CMYK and
    16-bit pictures become 8-bit RGB. Raises ImageError that says what is wrong and what to do.
    """
    image = open_upright(data, max_pixels)
    alpha = _alpha(image)
    rgb = _to_srgb(image)
    return Picture(np.asarray(rgb), None if alpha is None or bool((alpha == 255).all()) else alpha)


def srgb_tags() -> PngImagePlugin.PngInfo:
    """Chunks that say a PNG is sRGB (perceptual intent), with the matching gamma."""
    tags = PngImagePlugin.PngInfo()
    tags.add(b"sRGB", b"\x00")
    tags.add(b"gAMA", struct.pack(">I", 45455))
    return tags


def encode_png(picture: Picture) -> bytes:
    """PNG bytes, tagged as sRGB (perceptual intent) with the matching gamma, alpha kept."""
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=srgb_tags(), compress_level=4)
    return buffer.getvalue()


def composite(template: Picture, painted: Bytes, mask: Bytes | None) -> Picture:
    """Put the painted cloth into the template.

    Where the mask is 0 the pixels are the template's, exactly; where it is 255 they are the painted
    ones; between they are blended. Alpha is the template's.
    """
    if mask is None:
        return Picture(painted, template.alpha)
    weight = mask[..., None].astype(np.float32) / 255
    blended = template.rgb * (1 - weight) + painted * weight
    return Picture(np.rint(blended).astype(np.uint8), template.alpha)


def open_upright(data: bytes, max_pixels: int) -> Image.Image:
    """A picture as Pillow has it: decoded, turned upright by its EXIF, in its own mode. Raises ImageError."""
    if not data:
        raise ImageError("the file is empty (0 bytes); export it again")
    try:
        with warnings.catch_warnings():
            # Pillow only warns of pictures that our own, lower limit refuses below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        _check_header(image, max_pixels)
        image.load()
    except UnidentifiedImageError as error:
        raise ImageError(
            f"the file is {_guess(data)}, not PNG, JPEG, WebP or TIFF; export it as one of these"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"the picture has far more than {max_pixels:,} pixels; scale it down") from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ImageError(f"the picture is damaged or cut short ({error}); export it again") from error
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:  # Pillow parses EXIF with whatever its bytes raise
        raise ImageError(f"the picture's EXIF data are damaged ({error}); export it without them") from error


def _check_header(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"the picture is {width}x{height} = {width * height:,} px, over the limit of {max_pixels:,};"
            " scale it down or raise STYLEMILL_MAX_PIXELS"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"the picture is {width}x{height} px; it needs at least {MIN_SIDE} px each way")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        # The second frame of an MPO is a phone camera's depth map or preview, not an animation.
        raise ImageError(f"the file holds {frames} frames or pages; export the one that is meant")


def _guess(data: bytes) -> str:
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "a GIF"
    if data[:4] == b"%PDF":
        return "a PDF"
    try:
        data[:256].decode("utf-8")
    except UnicodeDecodeError:
        return "of an unknown kind"
    return "text"


def _alpha(image: Image.Image) -> Bytes | None:
    if not image.has_transparency_data:
        return None
    return np.asarray(image.convert("RGBA").getchannel("A"))


def to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit and float grey to 8 bits; Pillow's own conversion clips them instead."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return Image.fromarray((np.asarray(image).clip(0, 65535) / 257 + 0.5).astype(np.uint8))
    if image.mode == "F":
        values = np.asarray(image)
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise ImageError("the picture holds float samples outside 0 to 1; export it with 8 or 16 bits")
        return Image.fromarray((values * 255 + 0.5).astype(np.uint8))
    return image


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    flat = to_8_bit(image)
    if flat.mode not in ("RGB", "CMYK", "L"):
        flat = flat.convert("L" if flat.mode in ("LA", "La", "1") else "RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if flat.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
                # Grey pictures are often exported with an RGB profile.
                flat = flat.convert("RGB")
            converted = ImageCms.profileToProfile(flat, source, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError) as error:
            raise ImageError(
                f"the embedded colour profile cannot be used ({error}); convert the picture to sRGB"
            ) from error
        assert converted is not None
        return converted
    return flat.convert("RGB")
