"""Sizes of levels, coarse to fine."""

import dataclasses
from itertools import pairwise

import pytest

from stylecore.errors import PictureError
from stylecore.painting.pyramid import Level, levels, levels_of, scaled
from stylecore.recipe import Recipe

LARGE = Recipe(canvas=(320, 256), levels=((0.25, 80), (0.5, 50), (1.0, 20)), large_steps=7)


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


class TestBeyondTheCanvas:
    """Levels of a recipe that paints large."""

    @pytest.mark.parametrize("size", [(1280, 1024), (320, 256), (100, 80)])
    def test_without_large_steps(self, size: tuple[int, int]) -> None:
        """A recipe that does not paint large has its own levels, shares of whatever size it is given."""
        assert levels_of(size, dataclasses.replace(LARGE, large_steps=0)) == levels(size, LARGE.levels)

    @pytest.mark.parametrize("size", [(320, 256), (320, 200), (256, 320), (100, 80)])
    def test_not_larger_than_the_canvas(self, size: tuple[int, int]) -> None:
        """What is no larger than the canvas has the recipe's own levels, whatever the large steps."""
        assert levels_of(size, LARGE) == levels(size, LARGE.levels)

    @pytest.mark.parametrize(
        ("size", "beyond"),
        [
            ((640, 512), [Level(1.0, (640, 512), 7, True)]),
            ((1280, 1024), [Level(0.5, (640, 512), 7, True), Level(1.0, (1280, 1024), 7, True)]),
            ((960, 768), [Level(2 / 3, (640, 512), 7, True), Level(1.0, (960, 768), 7, True)]),
            ((400, 320), [Level(1.0, (400, 320), 7, True)]),
        ],
    )
    def test_known_value(self, size: tuple[int, int], beyond: list[Level]) -> None:
        """First the levels of the canvas in its own sizes, then a level a doubling, the last the finest size."""
        found, growth = levels_of(size, LARGE), size[0] / 320
        assert [(level.size, level.steps, level.beyond) for level in found[:3]] == [
            ((80, 64), 80, False),
            ((160, 128), 50, False),
            ((320, 256), 20, False),
        ]
        assert [level.scale for level in found[:3]] == pytest.approx(
            [scale / growth for scale in (0.25, 0.5, 1)]
        )
        assert found[3:] == beyond

    @pytest.mark.parametrize("side", range(330, 4097, 161))
    def test_at_most_doubled(self, side: int) -> None:
        """Whatever the size, no level beyond has more than twice the side of the one before, but for rounding."""
        found = levels_of((side, side * 4 // 5), LARGE)
        assert found[-1] == Level(1.0, (side, side * 4 // 5), 7, True)
        assert [level.beyond for level in found] == [False] * 3 + [True] * (len(found) - 3)
        for before, level in pairwise(found[2:]):
            assert 1 < level.size[0] / before.size[0] < 2.02

    def test_a_rounded_canvas(self) -> None:
        """A pixel more than twice or four times the canvas, as rounding gives, is no further level."""
        assert [level.size for level in levels_of((641, 513), LARGE)[3:]] == [(641, 513)]
        assert len(levels_of((1282, 1025), LARGE)) == 3 + 2

    def test_smallest_level(self) -> None:
        """A canvas whose coarsest level would vanish is refused, however large the garment."""
        small = dataclasses.replace(LARGE, canvas=(40, 32))
        with pytest.raises(PictureError, match="10 x 8 px at the coarsest"):
            levels_of((1280, 1024), small)
