"""A drawn garment on its picture, and its mask, in a size in which marks, straps and hatching differ."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from catalogs.images.codec import Picture
from catalogs.templates.masks import Mask, decode_mask
from tests.conftest import picture, saved

Levels = NDArray[np.uint8]
HEIGHT, WIDTH = 400, 320
TEE = [
    (0.3, 0.15), (0.68, 0.12), (0.9, 0.32), (0.8, 0.44), (0.7, 0.38), (0.7, 0.86), (0.3, 0.9), (0.3, 0.4),
    (0.2, 0.46), (0.1, 0.34),
]  # fmt: skip


def tee(height: int = HEIGHT, width: int = WIDTH) -> Levels:
    """A T-shirt, white on black, that is no mirror of itself."""
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).polygon([(int(x * width), int(y * height)) for x, y in TEE], fill=255)
    return np.asarray(image)


CLOTH = tee()
TEXTURE = picture(3, HEIGHT, WIDTH)


def worn(mask: Levels = CLOTH) -> Picture:
    """A picture of patterned cloth on a plain pale ground, where a mask has it."""
    pattern = picture(3, *mask.shape)
    return Picture(np.where(mask[..., None] > 127, pattern // 2, 235).astype(np.uint8))


def blurred(levels: Levels, radius: float) -> Levels:
    """Levels with a soft edge."""
    return np.asarray(Image.fromarray(levels).filter(ImageFilter.GaussianBlur(radius)))


def read(levels: Levels | bytes, of: Picture | None = None, kind: str = "PNG", **options: object) -> Mask:
    """What a mask of these levels is read as, over the picture of the tee."""
    data = levels if isinstance(levels, bytes) else saved(Image.fromarray(levels), kind, **options)
    return decode_mask(data, of or worn())


def wrong(mask: Mask, cloth: Levels = CLOTH) -> float:
    """Share of the cloth's pixels that are read on the wrong side."""
    return float(np.mean((mask.coverage >= 128) != (cloth >= 128)) / np.mean(cloth >= 128))


def loaded(data: bytes) -> Levels:
    """A file's grey levels, by Pillow alone."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))
