"""EXIF's facts about a picture's pixels: orientation, colours and resolution.

Sources: Exif 3.0; DCF 2.0, in which a camera states Adobe RGB by the interoperability index R03.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

from catalogs.errors import ImageError
from catalogs.images import tiff_tags
from catalogs.images.color_spaces import adobe_rgb
from catalogs.images.tiff_tags import Tags, directory

DPI = 10, 50_000
"""The lowest and highest plausible resolution; some programs write 1 for none."""
COLOR_SPACE, UNCALIBRATED, ADOBE_BY_NUMBER = 0xA001, 65535, 2
INDEX, ADOBE_INDEX = 1, "R03"
NO_UNIT, INCH, CENTIMETRE = 1, 2, 3
SIDEWAYS = (5, 6, 7, 8)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that turns a picture upright, by its orientation."""


@dataclass(frozen=True)
class Exif:
    """The facts of the tags about a picture as it is stored."""

    orientation: int = 1
    dpi: tuple[float, float] | None = None
    is_adobe_rgb: bool = False

    @property
    def profile(self) -> bytes | None:
        """The profile of the colours, where the tags state another space than sRGB; else None."""
        return adobe_rgb() if self.is_adobe_rgb else None

    def upright_dpi(self, image: Image.Image) -> tuple[float, float] | None:
        """The resolution of a picture once it is upright; the file's header has priority over its EXIF tags."""
        # For a JPEG whose header has no unit, Pillow reports EXIF's horizontal resolution for both directions.
        silent = image.format == "JPEG" and not image.info.get("jfif_unit")
        dpi = (None if silent else plausible_dpi(image.info.get("dpi"))) or self.dpi
        return dpi[::-1] if dpi and self.orientation in SIDEWAYS else dpi


def of_image(image: Image.Image) -> Exif:
    """The EXIF that Pillow reads in a picture's file. Raises ImageError where the tags are damaged."""
    try:
        tags = image.getexif()
        said = (tags.get(ExifTags.Base.XResolution), tags.get(ExifTags.Base.YResolution))
        orientation = int(tags.get(ExifTags.Base.Orientation) or 1)
        return Exif(orientation, _dpi(said, tags.get(ExifTags.Base.ResolutionUnit)), _says_adobe(tags))
    except Exception as error:  # Pillow parses EXIF with whatever its bytes raise
        raise ImageError(f"the picture's EXIF data are damaged ({error}); export it without them") from error


def of_tiff(data: bytes, tags: Tags) -> Exif:
    """The EXIF in the tags of a TIFF's page."""
    fractions = [tags.many(tag, (0, 1)) for tag in (tiff_tags.ACROSS, tiff_tags.DOWN)]
    said = [value[0] / value[1] if len(value) == 2 and value[1] else 0 for value in fractions]
    inner = _pointed_at(data, tags, tiff_tags.EXIF)
    interop = _pointed_at(data, inner, tiff_tags.INTEROP)
    space = inner.one(COLOR_SPACE) if COLOR_SPACE in inner.values else None
    is_adobe = _is_adobe(space, bytes(interop.many(INDEX)).decode("latin-1"))
    return Exif(tags.one(tiff_tags.ORIENTATION, 1), _dpi(said, tags.one(tiff_tags.UNIT, INCH)), is_adobe)


def _pointed_at(data: bytes, tags: Tags, tag: int) -> Tags:
    """Tags to which a tag points; none where it points nowhere, as careless programs leave it."""
    try:
        return directory(data, tags.one(tag))[0] if tags.one(tag) else Tags(tags.order, {})
    except struct.error:
        return Tags(tags.order, {})


def plausible_dpi(dpi: Any) -> tuple[float, float] | None:
    """A resolution as two floats; None where the values cannot be one."""
    try:
        across, down = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    known = all(math.isfinite(value) and DPI[0] <= value <= DPI[1] for value in (across, down))
    return (across, down) if known else None


def _dpi(said: Sequence[Any], unit: Any) -> tuple[float, float] | None:
    dpi = plausible_dpi(said)
    if dpi is None or unit == NO_UNIT:
        return None
    return plausible_dpi([value * 2.54 for value in dpi]) if unit == CENTIMETRE else dpi


def _says_adobe(tags: Image.Exif) -> bool:
    """As `_is_adobe`; tags that point nowhere, as careless programs leave them, say nothing of colours."""
    try:
        space = tags.get_ifd(ExifTags.IFD.Exif).get(COLOR_SPACE)
        index = tags.get_ifd(ExifTags.IFD.Interop).get(INDEX)
    except Exception:  # Pillow parses EXIF with whatever its bytes raise
        return False
    return _is_adobe(space, str(index or ""))


def _is_adobe(space: Any, index: str) -> bool:
    """Whether a camera states Adobe RGB: the number 2, or the index R03 where the space is unset or uncalibrated."""
    if space == ADOBE_BY_NUMBER:
        return True
    return space in (None, UNCALIBRATED) and index.strip("\0 ").upper() == ADOBE_INDEX
