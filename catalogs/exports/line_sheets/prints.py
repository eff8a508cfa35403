"""Pictures as they go into a line sheet: JPEGs at 200 dpi for their box, marked with XMP."""

from dataclasses import dataclass

from PIL import Image

from catalogs.designs import marked_pictures
from catalogs.exports.items import Item
from catalogs.exports.reading_ahead import read_picture
from catalogs.images.codec import decode
from catalogs.storage.store_contract import Store

PAPER = (243, 241, 238)
"""Ground of transparent pictures: the tint, as white ones would have no edge."""
DPI = 200
QUALITY = 82


@dataclass(frozen=True)
class Print:
    """A picture as it goes into the document: JPEG bytes in sRGB, marked, and its width and height in pixels."""

    jpeg: bytes
    pixels: tuple[int, int]


def make_print(item: Item, store: Store, box: tuple[float, float], *, cover: bool = False) -> Print:
    """A picture at 200 dpi for a box of points: the whole picture inside the box, or cut to cover it."""
    picture = decode(read_picture(item, store))
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        paper = Image.new("RGB", image.size, PAPER)
        paper.paste(image, mask=Image.fromarray(picture.alpha))
        image = paper
    width, height = (max(1, round(side * DPI / 72)) for side in box)
    ratios = width / image.width, height / image.height
    scale = min(1.0, (max if cover else min)(ratios))
    if cover:
        image = _cropped(image, width / height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image = image.resize(size, Image.Resampling.LANCZOS)
    jpeg = marked_pictures.save(image, "JPEG", item.packet, quality=QUALITY, optimize=True)
    return Print(jpeg, image.size)


def _cropped(image: Image.Image, ratio: float) -> Image.Image:
    """The middle of a picture, width over height = `ratio`."""
    width, height = min(image.width, image.height * ratio), min(image.height, image.width / ratio)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return image.crop((round(left), round(top), round(left + width), round(top + height)))
