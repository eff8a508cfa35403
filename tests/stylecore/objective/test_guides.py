"""Guides: averaged to a grid, widened, and boxed."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from stylecore.objective.guides import bounding_box, grow, layer_guide


def disc(height: int = 40, width: int = 32) -> torch.Tensor:
    """A guide of one disc."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (((rows - 18) ** 2 + (columns - 15) ** 2) < 81).float()[None, None]


class TestLayerGuide:
    """A guide on a layer's grid."""

    def test_known_value(self) -> None:
        """Each position counts by the share of it that is covered."""
        guide = torch.tensor([[1.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]])[None, None]
        assert layer_guide(guide, (2, 2)).tolist() == [[[[0.75, 0], [0, 0.5]]]]

    @pytest.mark.parametrize("size", [(20, 16), (5, 4), (7, 5), (40, 32)])
    def test_equals_numpy(self, size: tuple[int, int]) -> None:
        """Grids that do not divide the guide average the pixels that each position touches."""
        guide = torch.rand(1, 1, 40, 32)
        wanted = np.empty(size)
        for row in range(size[0]):
            for column in range(size[1]):
                top, bottom = row * 40 // size[0], math.ceil((row + 1) * 40 / size[0])
                left, right = column * 32 // size[1], math.ceil((column + 1) * 32 / size[1])
                wanted[row, column] = guide[0, 0, top:bottom, left:right].mean()
        np.testing.assert_allclose(layer_guide(guide, size)[0, 0].numpy(), wanted, atol=1e-6)

    def test_thin_parts_stay(self) -> None:
        """A strap of one pixel still counts on a grid 16 times coarser."""
        guide = torch.zeros(1, 1, 64, 64)
        guide[..., 37] = 1
        assert layer_guide(guide, (4, 4))[0, 0].tolist() == [[0, 0, 0.0625, 0]] * 4

    def test_full_and_empty(self) -> None:
        """A full guide stays full, an empty one empty, and a mask of whole numbers is taken too."""
        assert (layer_guide(torch.ones(1, 1, 13, 11), (3, 2)) == 1).all()
        assert (layer_guide(torch.zeros(1, 1, 13, 11, dtype=torch.uint8), (3, 2)) == 0).all()


class TestGrow:
    """A guide widened."""

    @pytest.mark.parametrize("pixels", [1, 3, 8])
    def test_equals_scipy(self, pixels: int) -> None:
        """It is a grey dilation by a square, up to the frame's edges."""
        guide = disc() * torch.rand(1, 1, 40, 32)
        side = 2 * pixels + 1
        wanted = ndimage.grey_dilation(guide[0, 0].numpy(), size=(side, side), mode="constant")
        assert np.array_equal(grow(guide, pixels)[0, 0].numpy(), wanted)

    @pytest.mark.parametrize("pixels", [0, -1])
    def test_nothing_to_grow(self, pixels: int) -> None:
        """No pixels, no change."""
        guide = disc()
        assert grow(guide, pixels) is guide


class TestBoundingBox:
    """The frame of what counts."""

    def test_equals_scipy(self) -> None:
        """It is the box of everything above zero."""
        guide = disc()[0]
        (rows, columns) = ndimage.find_objects((guide[0].numpy() > 0).astype(int))[0]
        assert bounding_box(guide) == (rows.start, columns.start, rows.stop, columns.stop)

    @pytest.mark.parametrize(
        ("place", "box"),
        [
            ((slice(0, 3), slice(0, 2)), (0, 0, 3, 2)),
            ((slice(37, 40), slice(30, 32)), (37, 30, 40, 32)),
            ((slice(0, 40), slice(0, 32)), (0, 0, 40, 32)),
            ((slice(7, 8), slice(9, 10)), (7, 9, 8, 10)),
        ],
    )
    def test_edges(self, place: tuple[slice, slice], box: tuple[int, int, int, int]) -> None:
        """Guides that touch the frame, fill it, or are one faint pixel are boxed exactly."""
        guide = torch.zeros(1, 40, 32)
        guide[0][place] = 1e-3
        assert bounding_box(guide) == box

    def test_two_parts(self) -> None:
        """Two parts give one box about both."""
        guide = torch.zeros(1, 40, 32)
        guide[0, 3, 20], guide[0, 30, 5] = 1, 1
        assert bounding_box(guide) == (3, 5, 31, 21)

    def test_empty(self) -> None:
        """An empty guide gives the whole frame."""
        assert bounding_box(torch.zeros(1, 40, 32)) == (0, 0, 40, 32)
