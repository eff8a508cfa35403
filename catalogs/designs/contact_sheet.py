"""A contact sheet: designs in a grid of garments and styles, every row and column named."""

import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image

from catalogs.errors import CatalogsError
from catalogs.images.codec import MAX_PIXELS, decode
from catalogs.typesetting.fitting import fit_line
from catalogs.typesetting.fonts import SANS
from catalogs.typesetting.raster import draw_line

PAPER, INK, SOFT = (250, 249, 247), (34, 32, 30), (128, 124, 118)
GAP = 14
MOST = 12
"""Rows and columns that a sheet shows at most."""


@dataclass(frozen=True)
class Label:
    """An id and a title, and a function that reads their picture (the bytes of a PNG, JPEG, ...)."""

    name: str
    title: str
    picture: Callable[[], bytes] | None = None


Cell = Callable[[], bytes] | None


def contact_sheet(
    title: str,
    garments: Sequence[Label],
    styles: Sequence[Label],
    cell: Callable[[int, int], Cell],
    side: int = 220,
    max_pixels: int = MAX_PIXELS,
) -> bytes:
    """PNG of a grid, a garment a row and a style a column; originals stand in the first row and column.

    `cell(row, column)` gives the reader of a design's picture, or None where there is no design. Only the first
    twelve rows and columns are shown, and the title says so. `side` is the width of a cell in pixels.
    """
    rows, columns = list(garments)[:MOST], list(styles)[:MOST]
    if len(rows) < len(garments) or len(columns) < len(styles):
        title += (
            f" - the first {len(rows)} x {len(columns)} of {len(garments)} garments x {len(styles)} styles"
        )
    sheet = _Sheet(len(rows), len(columns), side, title, max_pixels)
    for c, style in enumerate(columns):
        sheet.put(0, c + 1, style.picture, style, cover=True)
    for r, garment in enumerate(rows):
        sheet.put(r + 1, 0, garment.picture, garment)
        for c in range(len(columns)):
            sheet.put(r + 1, c + 1, cell(r, c), None)
    return sheet.png()


class _Sheet:
    def __init__(self, rows: int, columns: int, side: int, title: str, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._side, self._caption, self._head = side, 40, 54
        self._height = int(side * 1.25)
        width = (columns + 1) * (side + GAP) + GAP
        height = self._head + (rows + 1) * (self._height + self._caption + GAP)
        self._image = Image.new("RGB", (max(width, 480), height), PAPER)
        self._write((GAP, 16), title, 20, INK, width - 2 * GAP)

    def put(self, row: int, column: int, read: Cell, label: Label | None, *, cover: bool = False) -> None:
        """Place a picture and a label in a cell; `cover` cuts the picture to fill the cell."""
        x = GAP + column * (self._side + GAP)
        y = self._head + row * (self._height + self._caption + GAP)
        if read:
            # A picture that was removed or damaged in the meantime leaves its cell empty.
            with suppress(CatalogsError):
                self._picture(x, y, read(), cover)
        if label:
            self._write((x, y + self._height + 5), label.title or label.name, 14, INK, self._side)
            self._write((x, y + self._height + 23), label.name, 12, SOFT, self._side)

    def _picture(self, x: int, y: int, data: bytes, cover: bool) -> None:
        decoded = decode(data, max_pixels=self._max_pixels)
        picture = Image.fromarray(decoded.rgb)
        picture.putalpha(Image.fromarray(decoded.alpha) if decoded.alpha is not None else 255)
        box = (self._side, self._height)
        scale = (max if cover else min)(box[0] / picture.width, box[1] / picture.height)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        left, top = max(0, (size[0] - box[0]) // 2), max(0, (size[1] - box[1]) // 2)
        picture = picture.crop((left, top, left + min(box[0], size[0]), top + min(box[1], size[1])))
        place = x + (box[0] - picture.width) // 2, y + (box[1] - picture.height) // 2
        self._image.paste(picture, place, picture)

    def _write(
        self, place: tuple[int, int], text: str, size: int, ink: tuple[int, int, int], room: int
    ) -> None:
        draw_line(self._image, (place[0], place[1] + size), fit_line(text, SANS, size, room), SANS, size, ink)

    def png(self) -> bytes:
        """The bytes of the sheet as a PNG."""
        buffer = io.BytesIO()
        self._image.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()
