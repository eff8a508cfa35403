"""Sizes of levels, coarse to fine."""

import pytest

from stylecore.errors import PictureError
from stylecore.pyramid import Level, levels, scaled


def test_known_value() -> None:
    """Each level has its scale's share of the finest size and its own steps."""
    assert levels((384, 320), [(0.25, 100), (0.5, 80), (1.0, 50)]) == [
        Level(0.25, (96, 80), 100),
        Level(0.5, (192, 160), 80),
        Level(1.0, (384, 320), 50),
    ]


def test_finest_level_is_exact() -> None:
    """The finest level has the picture's own size, odd sides included."""
    assert levels((65, 63), [(0.5, 1), (1.0, 2)])[-1].size == (65, 63)


@pytest.mark.parametrize(
    ("size", "scale", "wanted"),
    [
        ((65, 63), 0.5, (32, 32)),
        ((100, 50), 0.33, (33, 16)),
        ((3, 3), 0.01, (1, 1)),
        ((31, 33), 2.0, (62, 66)),
    ],
)
def test_scaled(size: tuple[int, int], scale: float, wanted: tuple[int, int]) -> None:
    """A scaled size is rounded and never vanishes."""
    assert scaled(size, scale) == wanted


def test_smallest_level() -> None:
    """16 px at the coarsest level are enough, 15 px are refused with both sizes and a remedy."""
    assert levels((32, 64), [(0.5, 1), (1.0, 1)])[0].size == (16, 32)
    with pytest.raises(PictureError, match=r"30 x 64 px is 15 x 32 px at the coarsest.*drop that level"):
        levels((30, 64), [(0.5, 1), (1.0, 1)])
