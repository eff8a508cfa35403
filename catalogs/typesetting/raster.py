"""Lines of text in pictures."""

import numpy as np
import uharfbuzz as hb
from PIL import Image

from catalogs.typesetting.shaping import shape_line


def draw_line(
    image: Image.Image, place: tuple[int, int], text: str, style: str, size: float, ink: tuple[int, int, int]
) -> None:
    """Write a line into an RGB picture: `place` is where its first glyph stands on the baseline, pixels."""
    outlines, x = hb.RasterDraw(), float(place[0])
    for stretch in shape_line(text, style).stretches:
        scale = size / stretch.font.em
        for glyph in stretch.glyphs:
            outlines.transform = (scale, 0, 0, scale, x + glyph.right * size, glyph.up * size)
            outlines.draw_glyph(stretch.font.shaped, glyph.number)
            x += glyph.advance * size
    drawn = outlines.render()
    if drawn is None or not (extents := drawn.extents).width:
        return
    # Rows come from below, and may be longer than the picture.
    rows = np.frombuffer(bytes(drawn.buffer), np.uint8).reshape(extents.height, extents.stride)
    mask = Image.fromarray(np.ascontiguousarray(rows[::-1, : extents.width]))
    top = place[1] - extents.y_origin - extents.height
    image.paste(ink, (extents.x_origin, top), mask)
