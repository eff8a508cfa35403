"""Enlarging: copies of the style's pixels against the style itself, at known places."""

import dataclasses

import pytest
import torch
from torch import Tensor

from stylecore.color import luminance
from stylecore.encoders.embedded import embedded_encoder
from stylecore.painting.enlarging import (
    Enlargement,
    agreement,
    copied,
    enlarge,
    pixel_places,
    with_light_of,
)
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe
from stylecore.tensors import resize

LAYERS = ("relu1_1", "relu2_1", "relu3_1")
ENCODER = embedded_encoder(LAYERS)
ONES = torch.ones(1, 1, 64, 48)


def texture(height: int, width: int, seed: int = 1) -> Tensor:
    """A style with shapes of many sizes, each place unlike the others, 1 x 3 x H x W in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    noise = (torch.rand(1, 3, side, side, generator=generator) for side in (4, 12, 36))
    mixed = torch.stack([resize(each, (height, width)) for each in noise]).mean(0)
    return ((mixed - 0.5) * 3 + 0.5).clamp(0, 1)


FINE = texture(192, 144)
STYLE = resize(FINE, (64, 48)).clamp(0, 1)


def enlarged(picture: Tensor, strength: float = 1.0, guide: Tensor = ONES, factor: float = 3.0) -> Tensor:
    """The picture with the style's detail."""
    return enlarge(
        ENCODER(picture), ENCODER(STYLE), ENCODER.strides, picture, guide, torch.ones(1, guide.shape[1], 64, 48),
        Enlargement(FINE, factor), strength,
    )  # fmt: skip


class TestPlaces:
    """Which pixel of the style each pixel of the design is."""

    def test_the_style_itself(self) -> None:
        """A design that is its style is assigned its own pixels."""
        rows, columns = pixel_places(ENCODER(STYLE), ENCODER(STYLE), ENCODER.strides, (64, 48), ONES, ONES)
        assert (rows == torch.arange(64)[:, None]).float().mean() > 0.98
        assert (columns == torch.arange(48)[None]).float().mean() > 0.98

    def test_a_shifted_style(self) -> None:
        """A design that is its style, moved by eight pixels, is assigned the pixels that were moved there."""
        moved = STYLE.roll(8, 2)
        rows, _ = pixel_places(ENCODER(moved), ENCODER(STYLE), ENCODER.strides, (64, 48), ONES, ONES)
        assert (rows[20:56, 8:40] == torch.arange(12, 48)[:, None]).float().mean() > 0.9

    def test_parts_take_their_own(self) -> None:
        """Each part is assigned pixels of its own part of the style."""
        halves = torch.zeros(1, 2, 64, 48)
        halves[:, 0, :32], halves[:, 1, 32:] = 1, 1
        swapped = halves.flip(1)
        rows, _ = pixel_places(ENCODER(STYLE), ENCODER(STYLE), ENCODER.strides, (64, 48), halves, swapped)
        assert (rows[:30] >= 30).all() and (rows[34:] < 34).all()

    @pytest.mark.parametrize("size", [(65, 49), (70, 55)])
    def test_sides_that_are_no_multiples(self, size: tuple[int, int]) -> None:
        """Every pixel has a place, also where a layer's grid does not reach the last row."""
        picture = texture(*size, seed=2)
        strides = {"relu2_1": 2, "relu3_1": 4}
        guide = torch.ones(1, 1, *size)
        rows, columns = pixel_places(ENCODER(picture), ENCODER(STYLE), strides, size, guide, ONES)
        assert rows.shape == columns.shape == size


class TestCopies:
    """The style's pixels around assigned ones."""

    @pytest.mark.parametrize("size", [(192, 144), (160, 120), (64, 48)])
    def test_own_places_give_the_style(self, size: tuple[int, int]) -> None:
        """Where each pixel is assigned its own, the copy is the style in that size."""
        rows, columns = torch.meshgrid(torch.arange(64), torch.arange(48), indexing="ij")
        found = copied(rows, columns, (64, 48), FINE, size)
        wanted = torch.nn.functional.grid_sample(
            FINE, torch.nn.functional.affine_grid(torch.eye(2, 3)[None], [1, 3, *size], align_corners=False),
            mode="bilinear", padding_mode="reflection", align_corners=False,
        )  # fmt: skip
        torch.testing.assert_close(found, wanted.clamp(0, 1), atol=1e-4, rtol=0)

    def test_moved_places_move_the_copy(self) -> None:
        """Where each pixel is assigned one two rows lower, the copy is the style moved up by as much."""
        rows, columns = torch.meshgrid(torch.arange(64), torch.arange(48), indexing="ij")
        found = copied((rows + 2).clamp_max(63), columns, (64, 48), FINE, (192, 144))
        torch.testing.assert_close(found[..., 6:150, :], FINE[..., 12:156, :], atol=2e-3, rtol=0)

    def test_light(self) -> None:
        """A copy takes the light of a design in coarse cells and keeps its own detail."""
        folds = torch.linspace(0.6, 1, 192).view(1, 1, 192, 1)
        design = torch.full((1, 3, 192, 144), 0.5) * folds
        lit = with_light_of(FINE * 0.5 + 0.25, design, torch.ones(1, 1, 192, 144), (64, 48))
        rows = luminance(lit)[0, 0].mean(1)
        assert float(rows[-40:].mean() / rows[:40].mean()) == pytest.approx(0.96 / 0.64, rel=0.15)
        assert lit.std() > 0.5 * (FINE * 0.5).std() * 0.6

    def test_agreement(self) -> None:
        """A copy that shows what the canvas shows counts fully, and one that shows something else hardly."""
        assert agreement(FINE, STYLE).min() > 0.95
        assert agreement(1 - FINE, STYLE).mean() < 0.1


class TestEnlarge:
    """The whole."""

    def test_detail_is_the_styles(self) -> None:
        """A design that is its style on a small canvas is nearer to the style in full size than by stretching."""
        found, stretched = enlarged(STYLE), resize(STYLE, (192, 144))
        assert (found - FINE).square().mean() < 0.5 * (stretched - FINE).square().mean()

    def test_strength_0_is_stretching(self) -> None:
        """Without strength the canvas is stretched, and half is between."""
        stretched = resize(STYLE, (192, 144)).clamp(0, 1)
        torch.testing.assert_close(enlarged(STYLE, 0.0), stretched)
        whole, half = enlarged(STYLE), enlarged(STYLE, 0.5)
        assert (half - stretched).abs().mean() < (whole - stretched).abs().mean()

    def test_the_canvas_stays(self) -> None:
        """Seen at the canvas's size, the design is nearly what was painted."""
        picture = texture(64, 48, seed=3)
        assert (resize(enlarged(picture), (64, 48)) - picture).abs().mean() < 0.08

    def test_without_cloth(self) -> None:
        """An empty guide gives finite pixels."""
        assert bool(enlarged(STYLE, guide=torch.zeros_like(ONES)).isfinite().all())


class TestMill:
    """The mill finishes pairs that have an enlargement."""

    RECIPE = Recipe(levels=((0.5, 3), (1.0, 3)), start_noise=0.0)

    def finish(self, **fields: object) -> Finished:
        """One pair, finished."""
        recipe = dataclasses.replace(self.RECIPE, **fields)  # type: ignore[arg-type]
        pair = Pair(
            texture(64, 48, 4), STYLE, ONES, recipe, enlargement=lambda _device: Enlargement(FINE, 3.0)
        )
        (finished,) = mill([pair], embedded_encoder(recipe.layers), slots=1)
        assert finished.failure is None
        return finished

    @pytest.mark.parametrize("color", ["style", "keep", "match"])
    def test_large_and_small_are_one_design(self, color: str) -> None:
        """The canvas's picture is the large one made smaller, by every colour policy."""
        finished = self.finish(color=color, shading=0.0)
        assert finished.large_13HW is not None and finished.large_13HW.shape == (1, 3, 192, 144)
        assert finished.largest is finished.large_13HW
        smaller = resize(finished.large_13HW, (64, 48)).clamp(0, 1)
        # Chroma is laid over each size by itself, and clipped where it leaves the range.
        assert (smaller - finished.picture_13HW).abs().mean() < (0.04 if color == "keep" else 1e-5)

    def test_without(self) -> None:
        """Without style_detail a design stays on its canvas."""
        finished = self.finish(style_detail=0.0)
        assert finished.large_13HW is None and finished.largest is finished.picture_13HW

    @pytest.mark.parametrize("size", [(1, 1), (3, 48), (64, 2)])
    @pytest.mark.parametrize("guided", [False, True])
    def test_thin_styles(self, size: tuple[int, int], guided: bool) -> None:
        """A style that is thinner than the deepest layer's cell gives detail as any other."""
        pair = Pair(
            texture(64, 48, 4), texture(*size), ONES, self.RECIPE,
            style_guide=torch.ones(1, 1, *size) if guided else None,
            enlargement=lambda _device: Enlargement(texture(3 * size[0], 3 * size[1]), 3.0),
        )  # fmt: skip
        (finished,) = mill([pair], embedded_encoder(self.RECIPE.layers), slots=1)
        assert finished.failure is None and finished.largest.shape == (1, 3, 192, 144)
        assert bool(finished.largest.isfinite().all())
