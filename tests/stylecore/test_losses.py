"""Losses against the papers' formulas, written out in numpy."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from stylecore.losses import content_loss, style_loss, variation_loss
from stylecore.statistics import gram_matrix

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
