"""Edge pictures show horizontal edges as horizontal and grain as contrast."""

import io

import numpy as np
from PIL import Image

from catalogs.designs.edge_sheet import edge_sheet, edges
from catalogs.images.codec import Picture


def test_direction() -> None:
    """A step from dark to light downwards is a horizontal edge and no vertical one, of four times its height."""
    rgb = np.zeros((40, 40, 3), np.uint8)
    rgb[20:] = 100
    assert np.isclose(edges(Picture(rgb), 0)[20, 20], 400)
    assert not edges(Picture(rgb), 1).any()


def test_sheet() -> None:
    """The sheet has six panels, and more contrast where the picture after has more grain."""
    rng = np.random.default_rng(0)
    calm = Picture(np.full((200, 160, 3), 120, np.uint8))
    grainy = Picture(rng.integers(0, 255, (200, 160, 3)).astype(np.uint8))
    sheet = np.asarray(Image.open(io.BytesIO(edge_sheet(calm, grainy))).convert("L"), float)
    before, after = (sheet[60:300, 14 + column * 234 :][:, :220] for column in (2, 5))
    assert after.std() > 3 * before.std()


def test_flat_pictures() -> None:
    """Pictures without any edge give a sheet too."""
    flat = Picture(np.full((64, 64, 3), 9, np.uint8))
    assert Image.open(io.BytesIO(edge_sheet(flat, flat))).width > 6 * 200
