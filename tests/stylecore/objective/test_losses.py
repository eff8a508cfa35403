"""Losses against the papers' formulas, written out in numpy."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from stylecore.objective.losses import (
    LIGHT_CELLS,
    SALIENCY_FLOOR,
    content_loss,
    gradient_map,
    lighting_loss,
    low_pass_light,
    saliency_loss,
    style_loss,
    variation_loss,
)
from stylecore.objective.statistics import gram_matrix

N, ROWS, COLUMNS = 5, 6, 7
M = ROWS * COLUMNS
NORMALISATIONS = ["balanced", "gatys", "johnson", "luan"]


def features(seed: int) -> torch.Tensor:
    """Features of two pairs."""
    return torch.randn(2, N, ROWS, COLUMNS, generator=torch.Generator().manual_seed(seed))


def raw_grams(f: np.ndarray) -> np.ndarray:
    """Gram matrices as the papers define them: sums over positions."""
    return np.einsum("bihw,bjhw->bij", f, f)


class TestContent:
    """The content term."""

    @pytest.mark.parametrize("normalisation", NORMALISATIONS)
    @pytest.mark.parametrize("guided", [False, True])
    def test_formula(self, normalisation: str, guided: bool) -> None:
        """Each normalisation is its paper's formula, with every position's square weighed by the guide."""
        f, p = features(1), features(2)
        guide = torch.rand(2, 1, ROWS, COLUMNS) if guided else None
        weight = guide.numpy() if guide is not None else np.ones((2, 1, 1, 1))
        distance = (weight * (f.numpy() - p.numpy()) ** 2).sum((1, 2, 3))
        wanted = {
            "balanced": distance / (weight * p.numpy() ** 2).sum((1, 2, 3)),
            "gatys": distance / 2,
            "johnson": distance / (N * M),
            "luan": distance / (2 * N * M),
        }[normalisation]
        ours = content_loss(f, p, guide, normalisation)  # type: ignore[arg-type]
        np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-5)

    @pytest.mark.parametrize("normalisation", NORMALISATIONS)
    def test_zero_at_the_target(self, normalisation: str) -> None:
        """The content itself costs nothing."""
        assert content_loss(features(1), features(1), None, normalisation).tolist() == [0, 0]  # type: ignore[arg-type]

    def test_balanced_known_value(self) -> None:
        """Balanced, features of zero cost exactly 1, whatever the content's scale and the guide."""
        target = features(1) * torch.tensor([1.0, 1000.0]).view(2, 1, 1, 1)
        guide = torch.rand(2, 1, ROWS, COLUMNS)
        torch.testing.assert_close(content_loss(torch.zeros_like(target), target, guide), torch.ones(2))

    def test_silent_target(self) -> None:
        """A content without any activation, or an empty guide, gives a finite value."""
        assert content_loss(features(1), torch.zeros_like(features(1))).isfinite().all()
        assert content_loss(features(1), features(2), torch.zeros(2, 1, ROWS, COLUMNS)).tolist() == [0, 0]

    def test_gradient(self) -> None:
        """The gradient of Gatys's term is F - P (Gatys et al. 2016, eq. 2, before rectification)."""
        f, p, guide = features(1).requires_grad_(True), features(2), torch.rand(2, 1, ROWS, COLUMNS)
        (gradient,) = torch.autograd.grad(content_loss(f, p, guide, "gatys").sum(), f)
        torch.testing.assert_close(gradient, guide * (f.detach() - p))

    def test_half_precision_features(self) -> None:
        """Half-precision features are summed in float32: large ones do not overflow."""
        big = torch.full((1, 4, 32, 32), 18000.0, dtype=torch.float16)
        loss = content_loss(big, -big, None, "gatys")
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(0.5 * 4096 * 36000.0**2, rel=1e-4)


class TestStyle:
    """The style term."""

    @pytest.mark.parametrize("normalisation", NORMALISATIONS)
    def test_formula(self, normalisation: str) -> None:
        """Each normalisation is its paper's formula on the paper's own Gram matrices."""
        f, s = features(1), features(2)
        g, a = raw_grams(f.double().numpy()), raw_grams(s.double().numpy())
        squares = ((g - a) ** 2).sum((1, 2))
        wanted = {
            "balanced": squares / (a**2).sum((1, 2)),
            "gatys": squares / (4 * N**2 * M**2),
            "johnson": ((g / (N * M) - a / (N * M)) ** 2).sum((1, 2)),
            "luan": squares / (2 * N**2),
        }[normalisation]
        ours = style_loss(gram_matrix(f), gram_matrix(s), normalisation, positions=M)  # type: ignore[arg-type]
        np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-4)

    def test_balanced_known_value(self) -> None:
        """Balanced, a Gram matrix of zero costs exactly 1, however large the style's is."""
        target = gram_matrix(features(1)) * torch.tensor([1.0, 1e4]).view(2, 1, 1)
        torch.testing.assert_close(style_loss(torch.zeros_like(target), target), torch.ones(2))

    def test_floor(self) -> None:
        """A floor takes the energy's place for the pair whose style is paler, and for that pair alone."""
        gram, target = gram_matrix(features(1)), gram_matrix(features(2))
        energy = target.square().sum((1, 2))
        floor = energy * torch.tensor([4.0, 0.25])
        without, under = style_loss(gram, target), style_loss(gram, target, floor_B=floor)
        torch.testing.assert_close(under, without * torch.tensor([0.25, 1.0]))

    def test_floor_does_not_touch_the_papers(self) -> None:
        """The floor belongs to the balanced normalisation."""
        gram, target = gram_matrix(features(1)), gram_matrix(features(2))
        for normalisation in ("gatys", "johnson", "luan"):
            assert torch.equal(
                style_loss(gram, target, normalisation, floor_B=1e9),  # type: ignore[arg-type]
                style_loss(gram, target, normalisation),  # type: ignore[arg-type]
            )

    def test_silent_style(self) -> None:
        """A style without any activation gives a finite value."""
        assert style_loss(gram_matrix(features(1)), torch.zeros(2, N, N)).isfinite().all()

    @pytest.mark.parametrize("normalisation", NORMALISATIONS)
    def test_gradient(self, normalisation: str) -> None:
        """The gradient passes gradcheck in float64, floor included."""
        gram = gram_matrix(features(1)).double().requires_grad_(True)
        target = gram_matrix(features(2)).double()
        floor = target.square().sum((1, 2)) * torch.tensor([2.0, 0.5])

        def loss(g: torch.Tensor) -> torch.Tensor:
            return style_loss(g, target, normalisation, positions=M, floor_B=floor)  # type: ignore[arg-type]

        assert gradcheck(loss, gram)

    def test_gradient_is_the_papers(self) -> None:
        """Through the features it is 1/(N^2 M^2) (G - A) F (Gatys et al. 2016, eq. 6, before rectification)."""
        f, target = features(1).requires_grad_(True), gram_matrix(features(2))
        (gradient,) = torch.autograd.grad(style_loss(gram_matrix(f), target, "gatys").sum(), f)
        flat = f.detach().flatten(2)
        wanted = (flat @ flat.mT - target * M) @ flat / (N**2 * M**2)
        torch.testing.assert_close(gradient.flatten(2), wanted)


class TestVariation:
    """Total variation."""

    PICTURE = torch.rand(2, 3, 9, 8, generator=torch.Generator().manual_seed(5))

    @pytest.mark.parametrize("exponent", [1, 2])
    @pytest.mark.parametrize("normalisation", NORMALISATIONS)
    def test_formula(self, exponent: int, normalisation: str) -> None:
        """Differences to the power are summed as the papers do; balanced, it is their mean."""
        x = self.PICTURE.numpy()
        down, right = np.abs(np.diff(x, axis=2)) ** exponent, np.abs(np.diff(x, axis=3)) ** exponent
        wanted = down.sum((1, 2, 3)) + right.sum((1, 2, 3))
        if normalisation == "balanced":
            wanted = wanted / (3 * (8 * 8 + 9 * 7))
        ours = variation_loss(self.PICTURE, exponent, None, normalisation)  # type: ignore[arg-type]
        np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-5)

    @pytest.mark.parametrize("exponent", [1, 2])
    @pytest.mark.parametrize("normalisation", ["balanced", "gatys"])
    def test_guide_crops(self, exponent: int, normalisation: str) -> None:
        """A guide over a rectangle gives the rectangle's own variation: its rim counts for nothing."""
        guide = torch.zeros(2, 1, 9, 8)
        guide[..., 2:7, 1:6] = 1
        under = variation_loss(self.PICTURE, exponent, guide, normalisation)  # type: ignore[arg-type]
        crop = variation_loss(self.PICTURE[..., 2:7, 1:6], exponent, None, normalisation)  # type: ignore[arg-type]
        torch.testing.assert_close(under, crop)

    @pytest.mark.parametrize("normalisation", ["balanced", "gatys"])
    def test_full_guide_changes_nothing(self, normalisation: str) -> None:
        """A guide of ones gives what no guide gives."""
        ones = torch.ones(2, 1, 9, 8)
        torch.testing.assert_close(
            variation_loss(self.PICTURE, 2, ones, normalisation),  # type: ignore[arg-type]
            variation_loss(self.PICTURE, 2, None, normalisation),  # type: ignore[arg-type]
        )

    def test_empty_guide(self) -> None:
        """An empty guide costs nothing."""
        assert variation_loss(self.PICTURE, 2, torch.zeros(2, 1, 9, 8)).tolist() == [0, 0]

    @pytest.mark.parametrize(("exponent", "wanted"), [(1, 0.01), (2, 0.0001)])
    def test_balanced_ramp_does_not_grow_with_size(self, exponent: int, wanted: float) -> None:
        """A ramp of 0.01 a pixel along both sides costs 0.01 to the power, at any size."""
        for side in (10, 20, 45):
            ramp = 0.01 * (torch.arange(side)[:, None] + torch.arange(side)).expand(1, 3, -1, -1)
            assert variation_loss(ramp, exponent).item() == pytest.approx(wanted, rel=1e-3)

    @pytest.mark.parametrize("exponent", [1, 2])
    def test_gradient(self, exponent: int) -> None:
        """The gradient passes gradcheck in float64, under a guide."""
        picture = self.PICTURE[:, :, :4, :4].double().requires_grad_(True)
        guide = torch.rand(2, 1, 4, 4, dtype=torch.float64)
        assert gradcheck(lambda x: variation_loss(x, exponent, guide), picture)


def luminance(picture: Tensor) -> np.ndarray:
    """NTSC luminance, B x H x W."""
    return np.einsum("bchw,c->bhw", picture.double().numpy(), [0.299, 0.587, 0.114])


def cell_sums(values: np.ndarray, side: int) -> np.ndarray:
    """Sums over square cells."""
    pairs, height, width = values.shape
    return values.reshape(pairs, height // side, side, width // side, side).sum((2, 4))


class TestLight:
    """Low-pass luminance and the lighting term."""

    PICTURE = 0.1 + 0.8 * torch.rand(2, 3, 96, 72, generator=torch.Generator().manual_seed(6))
    GUIDE = torch.rand(2, 1, 96, 72, generator=torch.Generator().manual_seed(7))

    def relative(self, picture: Tensor, guide: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """By numpy: mean luminance of the cloth of every cell of 6 x 6 px over that of all cloth; cells' cloth."""
        weight = guide[:, 0].double().numpy()
        light, cloth = cell_sums(luminance(picture) * weight, 6), cell_sums(weight, 6)
        mean = (luminance(picture) * weight).sum((1, 2)) / weight.sum((1, 2))
        return light / cloth / mean[:, None, None], cloth

    def test_equals_numpy(self) -> None:
        """Every cell has the mean luminance of its cloth over the mean of all cloth."""
        found = low_pass_light(self.PICTURE, self.GUIDE)
        assert found.shape == (2, 1, 16, 12)
        np.testing.assert_allclose(found[:, 0].numpy(), self.relative(self.PICTURE, self.GUIDE)[0], rtol=1e-4)

    @pytest.mark.parametrize(
        ("size", "cells"),
        [((320, 256), (16, 13)), ((256, 320), (13, 16)), ((12, 10), (12, 10)), ((64, 2), (16, 1))],
    )
    def test_cells(self, size: tuple[int, int], cells: tuple[int, int]) -> None:
        """There are 16 cells along the longer side, square as far as pixels allow, or one a pixel."""
        assert LIGHT_CELLS == 16
        assert low_pass_light(torch.rand(1, 3, *size), torch.ones(1, 1, *size)).shape[2:] == cells

    @pytest.mark.parametrize("size", [(96, 72), (50, 33), (16, 16)])
    def test_plain(self, size: tuple[int, int]) -> None:
        """Plain cloth of any colour and size is 1 wherever there is cloth and 0 elsewhere."""
        guide = torch.zeros(1, 1, *size)
        guide[..., : size[1] // 2] = 1
        picture = torch.where(guide > 0, torch.tensor([0.7, 0.2, 0.3]).view(1, 3, 1, 1), 0.9)
        found = low_pass_light(picture, guide)
        torch.testing.assert_close(found[found != 0], torch.ones(int((found != 0).sum())), rtol=0, atol=1e-4)
        assert 0.4 < (found != 0).float().mean() < 0.65

    def test_brightness_does_not_matter(self) -> None:
        """Darker cloth under the same light has the same light, and costs nothing."""
        target = low_pass_light(self.PICTURE, self.GUIDE)
        torch.testing.assert_close(low_pass_light(0.3 * self.PICTURE, self.GUIDE), target, rtol=1e-4, atol=0)
        assert lighting_loss(0.3 * self.PICTURE, target, self.GUIDE).max() < 1e-8

    def test_colour_does_not_matter(self) -> None:
        """A picture of the same luminance in other colours has the same light."""
        grey = torch.from_numpy(luminance(self.PICTURE)).float()[:, None].expand(-1, 3, -1, -1)
        torch.testing.assert_close(
            low_pass_light(grey, self.GUIDE), low_pass_light(self.PICTURE, self.GUIDE), rtol=1e-4, atol=0
        )

    def test_what_is_not_cloth_does_not_matter(self) -> None:
        """Pixels outside the guide change neither the light nor the term, nor get a gradient."""
        guide = torch.zeros(2, 1, 96, 72)
        guide[..., 10:50] = 1
        other = torch.where(guide > 0, self.PICTURE, 1 - self.PICTURE)
        target = low_pass_light(self.PICTURE, guide)
        assert torch.equal(low_pass_light(other, guide), target)
        picture = (self.PICTURE**2).requires_grad_(True)
        (gradient,) = torch.autograd.grad(lighting_loss(picture, target, guide).sum(), picture)
        assert (gradient[..., :10] == 0).all() and (gradient[..., 50:] == 0).all()
        assert gradient[..., 10:50].abs().max() > 0

    def test_loss_equals_numpy(self) -> None:
        """The term is the mean squared difference of the lights, cells counting by their cloth."""
        design = self.PICTURE.flip(3) ** 2
        found = lighting_loss(design, low_pass_light(self.PICTURE, self.GUIDE), self.GUIDE)
        own, cloth = self.relative(design, self.GUIDE)
        wanted = self.relative(self.PICTURE, self.GUIDE)[0]
        difference = ((own - wanted) ** 2 * cloth).sum((1, 2)) / cloth.sum((1, 2))
        np.testing.assert_allclose(found.numpy(), difference, rtol=1e-3)

    def test_known_value(self) -> None:
        """A design that darkens the left half to a half, on even light: (2/3 - 1)^2 and (4/3 - 1)^2 on average."""
        design, ones = torch.full((1, 3, 64, 64), 0.8), torch.ones(1, 1, 64, 64)
        design[..., :32] = 0.4
        found = lighting_loss(design, low_pass_light(torch.full((1, 3, 64, 64), 0.6), ones), ones)
        assert found.item() == pytest.approx(1 / 9, rel=1e-4)

    def test_grain_does_not_matter(self) -> None:
        """A pattern finer than a cell costs nothing: light is what is coarse."""
        board = ((torch.arange(96)[:, None] // 6 + torch.arange(96) // 6) % 2).float()
        fine = (torch.arange(192)[:, None] + torch.arange(192)) % 2
        ones = torch.ones(1, 1, 192, 192)
        flat = low_pass_light(torch.full((1, 3, 192, 192), 0.5), ones)
        cost = lighting_loss(0.3 + 0.4 * fine.expand(1, 3, -1, -1), flat, ones).item()
        assert cost < 1e-8
        ones = torch.ones(1, 1, 96, 96)
        flat = low_pass_light(torch.full((1, 3, 96, 96), 0.5), ones)
        assert lighting_loss(0.3 + 0.4 * board.expand(1, 3, -1, -1), flat, ones).item() == pytest.approx(
            0.16, rel=1e-3
        )

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_black_cloth_and_empty_guides(self, value: float) -> None:
        """Black cloth, or none at all, gives finite values and gradients."""
        guide = torch.full((2, 1, 96, 72), value)
        target = low_pass_light(self.PICTURE, guide)
        picture = torch.zeros(2, 3, 96, 72).requires_grad_(True)
        found = lighting_loss(picture, target, guide)
        (gradient,) = torch.autograd.grad(found.sum(), picture)
        assert found.isfinite().all() and gradient.isfinite().all()
        assert (found == 0).all() == (value == 0)

    def test_gradient(self) -> None:
        """The gradient passes gradcheck in float64, where cells overlap and where some hold no cloth."""
        picture = (0.2 + 0.6 * torch.rand(2, 3, 36, 5).double()).requires_grad_(True)
        guide = torch.rand(2, 1, 36, 5).double()
        guide[0, :, :10] = 0
        target = low_pass_light(torch.rand(2, 3, 36, 5).double(), guide)
        assert gradcheck(lambda x: lighting_loss(x, target, guide), picture)
        assert gradcheck(lambda x: low_pass_light(x, guide), picture)


class TestSaliency:
    """Edge strength and the saliency term."""

    PICTURE = torch.rand(2, 3, 20, 16, generator=torch.Generator().manual_seed(8))
    GUIDE = torch.rand(2, 1, 20, 16, generator=torch.Generator().manual_seed(9))

    @staticmethod
    def by_numpy(picture: Tensor) -> np.ndarray:
        """Root of the summed squares of differences to the right and down; 0 beyond the last."""
        light = luminance(picture)
        right = np.diff(light, axis=2, append=light[:, :, -1:])
        down = np.diff(light, axis=1, append=light[:, -1:])
        return np.sqrt(right**2 + down**2 + 1e-6) - 1e-3

    def test_equals_numpy(self) -> None:
        """It is the strength of the luminance's slope at every pixel."""
        found = gradient_map(self.PICTURE)
        assert found.shape == (2, 1, 20, 16)
        np.testing.assert_allclose(found[:, 0].numpy(), self.by_numpy(self.PICTURE), atol=1e-6)

    @pytest.mark.parametrize(("down", "right"), [(0.0, 0.05), (0.03, 0.04), (0.02, 0.0)])
    def test_ramp(self, down: float, right: float) -> None:
        """A ramp has its own steepness everywhere but at the last row and column."""
        ramp = down * torch.arange(10.0)[:, None] + right * torch.arange(12.0)
        found = gradient_map(ramp.expand(1, 3, -1, -1))[..., :-1, :-1]
        torch.testing.assert_close(found, torch.full_like(found, np.hypot(down, right)), rtol=0, atol=1e-3)

    def test_chroma_is_no_edge(self) -> None:
        """Two colours of one luminance have no edge between them."""
        picture = torch.full((1, 3, 8, 8), 0.5)
        picture[:, 0, :, 4:] += 0.1
        picture[:, 1, :, 4:] -= 0.1 * 0.299 / 0.587
        assert gradient_map(picture).abs().max() < 1e-4

    def test_flat_cloth(self) -> None:
        """Flat cloth has no edge and moves nothing."""
        flat = torch.full((1, 3, 8, 8), 0.4).requires_grad_(True)
        found = gradient_map(flat)
        (gradient,) = torch.autograd.grad(found.sum(), flat)
        assert found.abs().max() < 1e-7 and gradient.abs().max() < 1e-4

    def test_loss_equals_numpy(self) -> None:
        """The term is the guided squared difference of edges over the garment's own edges."""
        design = self.PICTURE.flip(3)
        found = saliency_loss(design, gradient_map(self.PICTURE), self.GUIDE)
        own, wanted, weight = self.by_numpy(design), self.by_numpy(self.PICTURE), self.GUIDE[:, 0].numpy()
        ratio = (weight * (own - wanted) ** 2).sum((1, 2)) / (weight * wanted**2).sum((1, 2))
        np.testing.assert_allclose(found.numpy(), ratio, rtol=1e-4)

    def test_known_values(self) -> None:
        """The garment itself costs nothing; a design without any edge costs exactly 1, under any guide."""
        target = gradient_map(self.PICTURE)
        assert saliency_loss(self.PICTURE, target, self.GUIDE).tolist() == [0, 0]
        plain = saliency_loss(torch.full_like(self.PICTURE, 0.5), target, self.GUIDE)
        torch.testing.assert_close(plain, torch.ones(2), rtol=1e-4, atol=0)

    @pytest.mark.parametrize("side", [16, 160])
    def test_flat_garment(self, side: int) -> None:
        """On a garment without edges the term is bounded, and does not grow with the picture.

        It is measured against a slope of 0.01: a design with slopes of 0.05 costs 25, not a million.
        """
        flat, ones = torch.full((1, 3, side, side), 0.5), torch.ones(1, 1, side, side)
        design = 0.05 * torch.arange(side).remainder(2).expand(1, 3, side, side)
        cost = saliency_loss(design, gradient_map(flat), ones).item()
        assert SALIENCY_FLOOR == 0.01**2
        assert cost == pytest.approx(25, rel=0.15)

    def test_empty_guide(self) -> None:
        """An empty guide costs nothing."""
        assert saliency_loss(
            self.PICTURE, gradient_map(self.PICTURE) + 1, torch.zeros(2, 1, 20, 16)
        ).tolist() == [0, 0]

    def test_gradient(self) -> None:
        """The gradient passes gradcheck in float64, under a guide."""
        picture, other = self.PICTURE[..., :5, :6].double(), self.PICTURE[..., 5:10, :6].double()
        guide = self.GUIDE[..., :5, :6].double()
        assert gradcheck(gradient_map, picture.requires_grad_(True))
        assert gradcheck(lambda x: saliency_loss(x, gradient_map(other), guide), picture)
