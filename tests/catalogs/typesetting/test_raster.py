"""Text in pictures stands where it should, whatever its script."""

import numpy as np
import pytest
from PIL import Image

from catalogs.typesetting.fonts import SANS
from catalogs.typesetting.raster import draw_line
from catalogs.typesetting.shaping import width_of

INK = (10, 20, 30)


def inked(text: str, place: tuple[int, int] = (40, 60)) -> np.ndarray:
    image = Image.new("RGB", (400, 100), "white")
    draw_line(image, place, text, SANS, 30, INK)
    return np.asarray(image)


@pytest.mark.parametrize("text", ["Tee", "חולצה", "قميص", "T恤", "เสื้อ", "🌸"])
def test_stands_on_the_baseline(text: str) -> None:
    """Ink begins at the place, ends with the line's width, stands above the baseline, and has the colour asked for."""
    rows, columns = np.nonzero((inked(text) < 128).all(axis=2))
    assert 38 <= columns.min() <= 46
    assert abs(columns.max() - 40 - width_of(text, SANS, 30)) < 6
    assert 25 <= rows.min() < 45 and rows.max() <= 72
    assert (inked(text).reshape(-1, 3).min(axis=0) == INK).all()


def test_first_letter_is_upright() -> None:
    """A letter stands on its feet: L has its bar below."""
    rows, _ = np.nonzero((inked("L") < 128).all(axis=2))
    assert np.bincount(rows).argmax() > 55


@pytest.mark.parametrize("text", ["", " ", "\u200b"])
def test_nothing_to_draw(text: str) -> None:
    """Blanks leave the picture as it was."""
    assert (inked(text) == 255).all()


def test_over_the_edge() -> None:
    """What does not fit into the picture is cut, without an error."""
    assert (inked("long " * 20, (-50, 5)) < 128).any()
