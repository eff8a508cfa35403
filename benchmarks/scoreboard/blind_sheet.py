"""A sheet of pictures for a blind choice: template, style, and the designs in columns whose order is shuffled by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from stylecore.tensors import resize, size_of

GAP = 6
"""Pixels between pictures."""
HEADER = 28
"""Pixels of the line of letters on top, and of the column of row numbers on the left."""


@dataclass(frozen=True)
class SheetRow:
    """A pair's pictures, each 1 x 3 x h x w in [0, 1]; the designs by the names of their contestants."""

    pair: str
    template: Tensor
    style: Tensor
    designs: Mapping[str, Tensor]


def shuffle_columns(rows: Sequence[SheetRow], seed: int) -> list[list[str]]:
    """Return the contestants of each row from left to right; each row has an order of its own.

    One order for all rows would tell a person who is who after the first row that gives a contestant away.
    """
    rng = np.random.default_rng(seed)
    orders = []
    for row in rows:
        names = sorted(row.designs)
        orders.append([names[place] for place in rng.permutation(len(names))])
    return orders


def blind_sheet(rows: Sequence[SheetRow], orders: Sequence[Sequence[str]]) -> Image.Image:
    """Return the sheet: a numbered row a pair, with its template, its style, and its designs under letters."""
    height, width = size_of(rows[0].template)
    columns = 2 + max(map(len, orders))
    size = HEADER + columns * (width + GAP), HEADER + len(rows) * (height + GAP)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=18)
    for column, title in enumerate(["template", "style", *ascii_uppercase[: columns - 2]]):
        draw.text(
            (HEADER + column * (width + GAP) + width // 2, HEADER // 2), title, "black", font, anchor="mm"
        )
    for number, (row, order) in enumerate(zip(rows, orders, strict=True)):
        top = HEADER + number * (height + GAP)
        draw.text((HEADER // 2, top + height // 2), str(number + 1), "black", font, anchor="mm")
        cells = [row.template, _within(row.style, (height, width)), *(row.designs[name] for name in order)]
        for column, cell in enumerate(cells):
            sheet.paste(to_image(cell), (HEADER + column * (width + GAP), top))
    return sheet


def sheet_key(rows: Sequence[SheetRow], orders: Sequence[Sequence[str]], seed: int) -> dict[str, object]:
    """Return what a person reads after the choice: for each row its pair, and the contestant under each letter."""
    key_rows = [
        {"row": number, "pair": row.pair, "columns": dict(zip(ascii_uppercase, order, strict=False))}
        for number, (row, order) in enumerate(zip(rows, orders, strict=True), 1)
    ]
    return {"seed": seed, "rows": key_rows}


def to_image(picture_13HW: Tensor) -> Image.Image:
    """Return a picture in [0, 1] as an image of 8 bits."""
    return Image.fromarray(
        (picture_13HW[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).round().astype(np.uint8)
    )


def _within(picture_13HW: Tensor, size: tuple[int, int]) -> Tensor:
    """The picture scaled down to fit, and cut from its top left corner."""
    height, width = size_of(picture_13HW)
    scale = min(1.0, max(size[0] / height, size[1] / width))
    smaller = resize(picture_13HW, (round(height * scale), round(width * scale)))
    return smaller[..., : size[0], : size[1]]
