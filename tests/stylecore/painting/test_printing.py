"""The print look: tiles against numpy's indexing, and shading against shadows that were painted on."""

import numpy as np
import pytest
import torch
from torch import Tensor

from stylecore.errors import RecipeError
from stylecore.objective.shading import SHADING_RANGE, shading
from stylecore.painting.printing import _displacement, printed, tile

HEIGHT, WIDTH = 96, 80
ONES = torch.ones(1, 1, HEIGHT, WIDTH)
REPEATS = ["full-drop", "half-drop", "half-brick", "mirror", "none"]


def integers(height: int, width: int) -> Tensor:
    """A tile of random 8-bit values."""
    return torch.randint(0, 256, (1, 3, height, width), generator=torch.Generator().manual_seed(5)).float()


def folded(positions: np.ndarray, length: int) -> np.ndarray:
    """Positions of a mirrored tile: 0 1 2 2 1 0 0 1 2..."""
    around = positions % (2 * length)
    return np.where(around < length, around, 2 * length - 1 - around)


def by_numpy(style: Tensor, size: tuple[int, int], repeat: str) -> np.ndarray:
    """Every repeat by indexing."""
    pixels = style[0].numpy()
    height, width = pixels.shape[1:]
    rows, columns = np.mgrid[: size[0], : size[1]]
    if repeat == "half-drop":
        rows = rows - columns // width % 2 * (height // 2)
    elif repeat == "half-brick":
        columns = columns - rows // height % 2 * (width // 2)
    if repeat in ("mirror", "none"):
        return pixels[:, folded(rows, height), folded(columns, width)]
    return pixels[:, rows % height, columns % width]


def cloth(colour: tuple[float, float, float], light: Tensor | float = 1.0) -> Tensor:
    """Plain cloth under a light."""
    return torch.tensor(colour).view(1, 3, 1, 1) * (light * ONES)


def folds(darkest: float) -> Tensor:
    """A shadow that falls smoothly across the cloth, from 1 to `darkest`."""
    across = torch.arange(WIDTH) / WIDTH
    return (darkest + (1 - darkest) * (0.5 + 0.5 * torch.cos(3 * torch.pi * across))).expand(
        1, 1, HEIGHT, WIDTH
    )


class TestTile:
    """A style in its repeat."""

    @pytest.mark.parametrize("repeat", REPEATS)
    @pytest.mark.parametrize("style_size", [(6, 4), (5, 7), (8, 8), (1, 3), (40, 50)])
    def test_equals_numpy(self, repeat: str, style_size: tuple[int, int]) -> None:
        """Every repeat is numpy's indexing, for even and odd tiles, larger and smaller than what they cover."""
        style = integers(*style_size)
        found = tile(style, (31, 29), repeat)
        assert found.shape == (1, 3, 31, 29)
        np.testing.assert_allclose(found[0].numpy(), by_numpy(style, (31, 29), repeat), atol=1e-3)

    @pytest.mark.parametrize("repeat", ["half drop", "", "Mirror", "brick"])
    def test_a_repeat_that_nobody_knows(self, repeat: str) -> None:
        """A word that is no repeat is refused with the nearest, and not taken for a full drop."""
        with pytest.raises(RecipeError, match=f"There is no repeat '{repeat}': .*half-drop"):
            tile(integers(6, 4), (31, 29), repeat)

    @pytest.mark.parametrize("repeat", REPEATS)
    @pytest.mark.parametrize("shift", [(0, 3), (2, 0), (-5, 4), (40, -37)])
    def test_displaced_by_whole_pixels(self, repeat: str, shift: tuple[int, int]) -> None:
        """Displaced by whole pixels, it is another stretch of the same endless cloth."""
        style = integers(6, 8)
        moved = torch.tensor(shift).float().view(2, 1, 1).expand(2, 20, 20)
        found = tile(style, (20, 20), repeat, moved)[0].numpy()
        # A start that is a multiple of two tiles each way, so that numpy needs no negative positions.
        origin = (48 + shift[0], 48 + shift[1])
        wanted = by_numpy(style, (origin[0] + 20, origin[1] + 20), repeat)[:, origin[0] :, origin[1] :]
        np.testing.assert_allclose(found, wanted, atol=1e-3)

    @pytest.mark.parametrize("repeat", REPEATS)
    @pytest.mark.parametrize("axis", [0, 1])
    def test_displaced_by_half_a_pixel(self, repeat: str, axis: int) -> None:
        """Between two pixels it is their mean, also where they belong to two tiles: no seam."""
        style = integers(6, 8)
        moved = torch.zeros(2, 30, 30)
        moved[axis] = 0.5
        found = tile(style, (30, 30), repeat, moved)[0].numpy()
        whole = by_numpy(style, (31, 31), repeat)
        neighbour = whole[:, 1:, :30] if axis == 0 else whole[:, :30, 1:]
        np.testing.assert_allclose(found, (whole[:, :30, :30] + neighbour) / 2, atol=1e-3)

    def test_mirror_has_no_edge(self) -> None:
        """Mirrored, a ramp stays continuous: no neighbours differ by more than within the tile."""
        ramp = (torch.arange(9.0)[:, None] + 2 * torch.arange(7.0)).expand(1, 3, -1, -1)
        found = tile(ramp, (60, 50), "mirror")
        assert found.diff(dim=2).abs().max() <= 1.001 and found.diff(dim=3).abs().max() <= 2.001

    def test_plain_style(self) -> None:
        """A plain style is a plain cloth, wherever it is looked up."""
        found = tile(torch.full((1, 3, 5, 4), 0.3), (20, 30), "half-drop", 10 * torch.randn(2, 20, 30))
        torch.testing.assert_close(found, torch.full((1, 3, 20, 30), 0.3))


class TestPrinted:
    """The style printed on the cloth."""

    @pytest.mark.parametrize("repeat", REPEATS)
    def test_plain_cloth_is_the_tile(self, repeat: str) -> None:
        """On plain cloth in even light the print is the tile itself: nothing bends, nothing darkens."""
        style = torch.rand(1, 3, 20, 14)
        found = printed(style, cloth((0.6, 0.6, 0.6)), ONES, repeat)
        torch.testing.assert_close(found, tile(style, (HEIGHT, WIDTH), repeat), rtol=0, atol=1e-4)

    def test_plain_style_is_the_shading(self) -> None:
        """A plain style on folded cloth shows the folds and nothing else."""
        content = cloth((0.6, 0.7, 0.6), folds(0.6))
        found = printed(torch.full((1, 3, 9, 9), 0.5), content, ONES)
        torch.testing.assert_close(
            found, 0.5 * shading(content, ONES).expand(-1, 3, -1, -1), rtol=0, atol=1e-5
        )

    def test_bends_along_folds(self) -> None:
        """Over a fold the print moves, across the fold and not along it, by at most 2 % of the longer side."""
        height, width = 192, 160
        across = torch.arange(width) / width
        light = (0.75 + 0.25 * torch.cos(4 * torch.pi * across)).expand(1, 1, height, width)
        content, guide = 0.7 * light.expand(-1, 3, -1, -1), torch.ones(1, 1, height, width)
        shade = shading(content, guide)
        # Styles that say where they were looked up: their colour is the position.
        rows, columns = (
            axis.expand(1, 3, height, width) / 400
            for axis in (torch.arange(height).view(-1, 1), torch.arange(width).view(1, -1))
        )
        down, right = (
            400 * printed(style, content, guide, "mirror") / shade - 400 * style for style in (rows, columns)
        )
        middle = (slice(None), slice(None), slice(10, -10), slice(10, -10))
        assert down[middle].abs().max() < 0.05
        assert right[middle].abs().max() > 0.5
        assert right[middle].abs().max() <= 0.02 * height + 0.05

    @pytest.mark.parametrize("size", [(320, 256), (64, 200)])
    def test_bends_only_so_far(self, size: tuple[int, int]) -> None:
        """At the sharpest edge of light and shadow the print moves by 2 % of the longer side."""
        shade = torch.full((1, 1, *size), SHADING_RANGE[0])
        shade[..., size[1] // 2 :] = SHADING_RANGE[1]
        found = _displacement(shade)
        assert found.abs().max().item() == pytest.approx(0.02 * max(size))
        assert found[0].abs().max() < 1e-4

    @pytest.mark.parametrize("repeat", REPEATS)
    def test_range(self, repeat: str) -> None:
        """Whatever the pictures, the print is a picture of the content's size in [0, 1]."""
        extreme = (torch.rand(1, 3, HEIGHT, WIDTH) > 0.5).float()
        found = printed(
            (torch.rand(1, 3, 33, 17) > 0.5).float(), extreme, torch.rand(1, 1, HEIGHT, WIDTH), repeat
        )
        assert found.shape == extreme.shape
        assert found.min() >= 0 and found.max() <= 1
