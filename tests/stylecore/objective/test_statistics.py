"""Gram matrices against numpy; every other statistic against its kernel, scipy, or what it promises."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor
from torch.autograd import gradcheck

from stylecore.objective.patches import ASSIGNMENTS
from stylecore.objective.statistics import (
    SAMPLES,
    STATISTICS,
    covariance,
    gram_matrix,
    mean_and_deviation,
    samples,
)
from stylecore.recipe import STATISTIC_NAMES, WHOLE_STATISTICS


def random_features(seed: int = 0, shape: tuple[int, ...] = (2, 5, 6, 7)) -> torch.Tensor:
    """Features of two pairs."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_shape() -> None:
    """B x C x h x w gives B x C x C."""
    assert gram_matrix(random_features()).shape == (2, 5, 5)


def test_known_value() -> None:
    """Two positions of two channels give the mean of the outer products."""
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]])
    assert gram_matrix(features).tolist() == [[[2.5, 6.5], [6.5, 17.0]]]


def test_equals_numpy() -> None:
    """Without a guide it is the sum of outer products over positions, divided by their number."""
    features = random_features()
    wanted = np.einsum("bihw,bjhw->bij", features.numpy(), features.numpy()) / 42
    np.testing.assert_allclose(gram_matrix(features).numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_guide_equals_numpy() -> None:
    """With a guide, positions count by their weight, and the guide's area takes their number's place."""
    features, guide = random_features(), torch.rand(2, 1, 6, 7)
    weight = guide.numpy()[:, 0]
    wanted = np.einsum("bhw,bihw,bjhw->bij", weight, features.numpy(), features.numpy())
    wanted /= weight.sum((1, 2))[:, None, None]
    np.testing.assert_allclose(gram_matrix(features, guide).numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_full_guide_changes_nothing() -> None:
    """A guide of ones gives what no guide gives."""
    features = random_features()
    torch.testing.assert_close(gram_matrix(features, torch.ones(2, 1, 6, 7)), gram_matrix(features))


def test_half_guide_is_a_crop() -> None:
    """A guide over the left half gives the left half's own Gram matrix."""
    features, guide = random_features(), torch.zeros(2, 1, 6, 7)
    guide[..., :3] = 1
    torch.testing.assert_close(gram_matrix(features, guide), gram_matrix(features[..., :3]))


def test_zero_guide() -> None:
    """An all-zero guide gives zeros and a zero gradient, and leaves the other pair alone."""
    features, guide = random_features().requires_grad_(True), torch.ones(2, 1, 6, 7)
    guide[0] = 0
    gram = gram_matrix(features, guide)
    assert (gram[0] == 0).all()
    torch.testing.assert_close(gram[1], gram_matrix(features)[1])
    gram.sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all() and (features.grad[0] == 0).all()


def test_symmetric_and_positive() -> None:
    """A Gram matrix is symmetric and has no negative eigenvalue."""
    gram = gram_matrix(random_features(shape=(3, 8, 2, 2)), torch.rand(3, 1, 2, 2))
    torch.testing.assert_close(gram, gram.mT)
    assert torch.linalg.eigvalsh(gram.double()).min() > -1e-6


def test_invariance_to_order_of_positions() -> None:
    """Positions may be shuffled: a Gram matrix knows no place."""
    features = random_features()
    shuffled = features.flatten(2)[..., torch.randperm(42)].view_as(features)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features))


def test_invariance_to_size() -> None:
    """A texture tiled twice has the same Gram matrix, since it is divided by the area."""
    features = random_features()
    torch.testing.assert_close(gram_matrix(features.repeat(1, 1, 2, 2)), gram_matrix(features))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_float32_out(dtype: torch.dtype) -> None:
    """Half-precision features give a float32 matrix, summed in float32."""
    features = random_features().to(dtype)
    gram = gram_matrix(features, torch.ones(2, 1, 6, 7))
    assert gram.dtype == torch.float32
    torch.testing.assert_close(gram, gram_matrix(features.float()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_big_activations_do_not_overflow(dtype: torch.dtype) -> None:
    """Activations of 18000, as VGG has them, give their square and not infinity."""
    features = torch.full((1, 2, 64, 64), 18000.0, dtype=dtype)
    square = features[0, 0, 0, 0].double().item() ** 2
    torch.testing.assert_close(gram_matrix(features), torch.full((1, 2, 2), square), rtol=2**-16, atol=0)


def test_gradient() -> None:
    """The gradient of its squared norm equals the closed form 4 G F / M."""
    features = random_features().requires_grad_(True)
    gram = gram_matrix(features)
    (gradient,) = torch.autograd.grad(gram.square().sum(), features)
    wanted = 4 * (gram @ features.flatten(2)).view_as(features) / 42
    torch.testing.assert_close(gradient, wanted)


every = pytest.mark.parametrize("name", list(STATISTICS))
Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]


def distance(name: str, features: Tensor, other: Tensor, guide: Tensor | None = None) -> Tensor:
    """Distance of features, under their guide, from others."""
    statistic = STATISTICS[name]
    return statistic.distance(statistic.take(features, guide), statistic.take(other, None))


def relative(name: str, features: Tensor, other: Tensor) -> Tensor:
    """The same over the other's energy."""
    statistic = STATISTICS[name]
    return distance(name, features, other) / statistic.energy(statistic.take(other, None))


def activations(seed: int, shape: tuple[int, ...] = (2, 5, 6, 7)) -> Tensor:
    """Features as rectified layers have them: not centred, channels of different scale and correlated."""
    generator = torch.Generator().manual_seed(seed)
    raw = torch.randn(shape, generator=generator)
    scales = torch.linspace(0.5, 2, shape[1]).view(1, -1, 1, 1)
    return (raw + 0.5 * raw.roll(1, 1) + 0.3).relu() * scales


def mean_discrepancy(x_NC: np.ndarray, y_NC: np.ndarray, kernel: Kernel, weight_N: np.ndarray) -> float:
    """The squared MMD as it is defined: the kernel's weighted mean over all pairs of positions."""
    even = np.full(len(y_NC), 1 / len(y_NC))
    share = weight_N / weight_N.sum()
    return float(
        share @ kernel(x_NC, x_NC) @ share
        + even @ kernel(y_NC, y_NC) @ even
        - 2 * share @ kernel(x_NC, y_NC) @ even
    )


def gaussian_of(y_NC: np.ndarray) -> Kernel:
    """The Gaussian kernel whose width is the mean squared distance within y."""
    width = np.mean(((y_NC[:, None] - y_NC) ** 2).sum(-1))
    return lambda a, b: np.exp(-((a[:, None] - b) ** 2).sum(-1) / width)


class TestEvery:
    """What holds for every statistic."""

    def test_recipes_know_them(self) -> None:
        """What a recipe may name is what there is."""
        assert set(STATISTIC_NAMES) == {*STATISTICS, *ASSIGNMENTS}

    @every
    def test_zero_to_itself(self, name: str) -> None:
        """The same features are at no distance, to 1e-5 of their energy; the gradient there is finite."""
        features = activations(1).requires_grad_(True)
        found = relative(name, features, features.detach())
        assert (found.abs() < 1e-5).all()
        (gradient,) = torch.autograd.grad(found.sum(), features)
        assert gradient.isfinite().all()

    @every
    def test_positive_to_another(self, name: str) -> None:
        """Other features are at a distance of more than 1 % of the energy, and of one value a pair."""
        found = relative(name, activations(1) ** 2, activations(2))
        assert found.shape == (2,)
        assert (found > 0.01).all()

    @every
    def test_pairs_are_their_own(self, name: str) -> None:
        """Every pair of a batch is at the distance it is at alone."""
        features, other, guide = activations(1), activations(2), torch.rand(2, 1, 6, 7)
        together = distance(name, features, other, guide)
        for pair in range(2):
            one = slice(pair, pair + 1)
            alone = distance(name, features[one], other[one], guide[one])
            torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-6)

    @pytest.mark.parametrize(
        "name", ["gram", "wasserstein", "mmd_linear", "mmd_gaussian", "mean_and_deviation"]
    )
    @pytest.mark.parametrize("scale", [0.1, 10.0, 1000.0])
    def test_scale(self, name: str, scale: float) -> None:
        """Distance over energy does not depend on the features' scale; where a root is softened, nearly."""
        one = relative(name, activations(1), activations(2))
        other = relative(name, scale * activations(1), scale * activations(2))
        torch.testing.assert_close(other, one, rtol=2e-2 if name == "mean_and_deviation" else 1e-4, atol=1e-6)

    @every
    def test_energy(self, name: str) -> None:
        """The energy is the distance of nothing at all, as under an empty guide."""
        statistic, target = STATISTICS[name], activations(2)
        wanted = statistic.energy(statistic.take(target, None))
        assert (wanted > 0).all()
        nothing = distance(name, activations(1), target, torch.zeros(2, 1, 6, 7))
        torch.testing.assert_close(nothing, wanted, rtol=1e-3, atol=1e-4)

    @every
    def test_full_guide_changes_nothing(self, name: str) -> None:
        """A guide of ones gives what no guide gives."""
        take = STATISTICS[name].take
        torch.testing.assert_close(take(activations(1), torch.ones(2, 1, 6, 7)), take(activations(1), None))

    @every
    def test_a_guides_scale_does_not_matter(self, name: str) -> None:
        """A guide counts by its shares: half of it everywhere is the same."""
        take, guide = STATISTICS[name].take, 0.1 + 0.9 * torch.rand(2, 1, 6, 7)
        torch.testing.assert_close(take(activations(1), guide / 2), take(activations(1), guide))

    @every
    def test_weights_are_repetitions(self, name: str) -> None:
        """A position of weight 3 counts as three positions of weight 1, and one of weight 0 as none."""
        features, other = activations(1, (1, 5, 1, 8)), activations(2, (1, 5, 1, 9))
        counts = torch.tensor([3, 0, 1, 2, 0, 1, 1, 4])
        guided = distance(name, features, other, counts.view(1, 1, 1, -1).float())
        repeated = distance(name, features.repeat_interleave(counts, 3), other)
        torch.testing.assert_close(guided, repeated, rtol=1e-4, atol=1e-5)

    @every
    def test_order_and_size(self, name: str) -> None:
        """Positions may be shuffled and the texture repeated: a style knows no place and no size."""
        features, other = activations(1, (1, 5, 6, 7)), activations(2, (1, 5, 6, 7))
        wanted = distance(name, features, other)
        shuffled = features.flatten(2)[..., torch.randperm(42)].view_as(features)
        tiled = features.repeat(1, 1, 2, 2)
        for each in (shuffled, tiled):
            torch.testing.assert_close(distance(name, each, other), wanted, rtol=1e-4, atol=1e-5)

    @every
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_float32_out(self, name: str, dtype: torch.dtype) -> None:
        """Half-precision features are summed in float32."""
        features = activations(1).to(dtype)
        found = STATISTICS[name].take(features, torch.ones(2, 1, 6, 7))
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, STATISTICS[name].take(features.float(), None), rtol=1e-5, atol=1e-5)

    @every
    def test_double_stays(self, name: str) -> None:
        """Double precision goes through, guide and all."""
        guide = torch.rand(2, 1, 6, 7)
        exact = STATISTICS[name].take(activations(1).double(), guide.double())
        assert exact.dtype == torch.float64
        torch.testing.assert_close(
            exact, STATISTICS[name].take(activations(1), guide).double(), rtol=1e-5, atol=1e-6
        )

    @every
    @pytest.mark.parametrize("guided", [False, True])
    def test_gradient(self, name: str, guided: bool) -> None:
        """The gradient of the distance passes gradcheck in float64, with a guide and without."""
        features = activations(1, (2, 3, 3, 4)).double() + 0.1 * torch.rand(2, 3, 3, 4).double()
        other = activations(2, (2, 3, 4, 4)).double()
        guide = 0.2 + torch.rand(2, 1, 3, 4).double() if guided else None
        assert gradcheck(lambda x: distance(name, x, other, guide), features.requires_grad_(True))

    @every
    def test_empty_guide(self, name: str) -> None:
        """An empty guide gives a finite distance and no gradient; the other pair does not notice."""
        guide, features = torch.ones(2, 1, 6, 7), activations(1).requires_grad_(True)
        guide[0] = 0
        found = distance(name, features, activations(2), guide)
        (gradient,) = torch.autograd.grad(found.sum(), features)
        assert found.isfinite().all() and gradient.isfinite().all()
        assert (gradient[0] == 0).all() and gradient[1].abs().max() > 0
        torch.testing.assert_close(found[1:], distance(name, activations(1), activations(2))[1:])

    @every
    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_silent_and_flat_features(self, name: str, value: float) -> None:
        """Channels that never fire, or always the same, on either side give finite values and gradients."""
        flat, lively = torch.full((2, 5, 6, 7), value), activations(2)
        for found, target in ((flat, lively), (lively, flat), (flat, flat)):
            features = found.clone().requires_grad_(True)
            values = distance(name, features, target)
            (gradient,) = torch.autograd.grad(values.sum(), features)
            assert values.isfinite().all() and gradient.isfinite().all()

    @every
    def test_not_a_number_stays_alone(self, name: str) -> None:
        """NaN features give NaN for their pair, and the other pair its value and gradient as ever."""
        features = activations(1)
        features[0] = torch.nan
        features.requires_grad_(True)
        found = distance(name, features, activations(2))
        (gradient,) = torch.autograd.grad(found.sum(), features)
        clean = activations(1).requires_grad_(True)
        wanted = distance(name, clean, activations(2))
        (wanted_gradient,) = torch.autograd.grad(wanted.sum(), clean)
        assert found[0].isnan()
        torch.testing.assert_close(found[1:], wanted[1:])
        torch.testing.assert_close(gradient[1:], wanted_gradient[1:])

    @every
    def test_descends(self, name: str) -> None:
        """Two hundred steps of descent along the gradient bring features to a tenth of the distance."""
        features, other = activations(1, (1, 4, 5, 5)), activations(2, (1, 4, 5, 5)) + 0.5
        start = relative(name, features, other).item()
        variable = features.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([variable], lr=0.02)
        for _ in range(200):
            optimizer.zero_grad()
            relative(name, variable, other).sum().backward()
            optimizer.step()
        assert relative(name, variable.detach(), other).item() < 0.1 * start


class TestKernels:
    """Maximum mean discrepancies against the double sum over positions that defines them."""

    @pytest.mark.parametrize("guided", [False, True])
    @pytest.mark.parametrize(
        ("name", "kernel"),
        [
            ("gram", lambda a, b: (a @ b.T) ** 2),
            ("mmd_linear", lambda a, b: a @ b.T),
            ("mmd_polynomial", lambda a, b: (a @ b.T + 1) ** 2),
            ("mmd_gaussian", None),
        ],
    )
    def test_double_sum(self, name: str, kernel: Kernel | None, guided: bool) -> None:
        """Each is the weighted mean of its kernel within both minus twice that between them."""
        features, other = activations(1).double(), activations(2, (2, 5, 5, 8)).double()
        guide = torch.rand(2, 1, 6, 7).double() if guided else None
        found = distance(name, features, other, guide)
        for pair in range(2):
            x, y = (each[pair].flatten(1).T.numpy() for each in (features, other))
            weight = np.ones(42) if guide is None else guide[pair].flatten().numpy()
            wanted = mean_discrepancy(x, y, kernel or gaussian_of(y), weight)
            assert found[pair].item() == pytest.approx(wanted, rel=1e-9)

    @pytest.mark.parametrize("name", ["gram", "mmd_linear", "mmd_polynomial", "mmd_gaussian"])
    def test_energy_is_the_targets_own_sum(self, name: str) -> None:
        """The energy is the kernel's mean over all pairs of the target's positions."""
        other = activations(2).double()
        found = STATISTICS[name].energy(STATISTICS[name].take(other, None))
        for pair in range(2):
            y = other[pair].flatten(1).T.numpy()
            kernels: dict[str, Kernel] = {
                "gram": lambda a, b: (a @ b.T) ** 2,
                "mmd_linear": lambda a, b: a @ b.T,
                "mmd_polynomial": lambda a, b: (a @ b.T + 1) ** 2,
                "mmd_gaussian": gaussian_of(y),
            }
            assert found[pair].item() == pytest.approx(kernels[name](y, y).mean(), rel=1e-9)

    def test_samples(self) -> None:
        """Large layers are sampled evenly at 20 x 20 positions; what is filled up with counts for nothing."""
        rows, columns = torch.meshgrid(torch.arange(60.0), torch.arange(100.0), indexing="ij")
        found = samples(torch.stack([rows, columns])[None])
        assert found.shape == (1, SAMPLES, 3)
        assert found[0, :, 0].unique().tolist() == [3 * k + 1 for k in range(20)]
        assert found[0, :, 1].unique().tolist() == [5 * k + 2 for k in range(20)]
        torch.testing.assert_close(found[..., 2], torch.full((1, SAMPLES), 1 / SAMPLES))
        small = samples(torch.rand(1, 2, 3, 4))
        assert small.shape == (1, SAMPLES, 3)
        assert small[0, :12, 2].sum().item() == pytest.approx(1) and (small[0, 12:] == 0).all()


class TestTogether:
    """A picture's statistic from those of its windows."""

    SOME = pytest.mark.parametrize("name", [name for name, one in STATISTICS.items() if one.combine_windows])

    def halves(self, name: str, features: Tensor, guide: Tensor | None) -> Tensor:
        """The statistic of features from those of their first two columns and of the rest."""
        statistic = STATISTICS[name]
        assert statistic.combine_windows is not None
        parts = [slice(0, 2), slice(2, None)]
        taken = [statistic.take(features[..., p], None if guide is None else guide[..., p]) for p in parts]
        counted = torch.ones_like(features[:, :1]) if guide is None else guide
        areas = torch.stack([counted[..., p].sum((1, 2, 3)) for p in parts])
        return statistic.combine_windows(torch.stack(taken), areas / areas.sum(0))

    def test_which(self) -> None:
        """All but the kernel that compares positions with each other can be put together."""
        assert [name for name, one in STATISTICS.items() if not one.combine_windows] == ["mmd_gaussian"]

    @SOME
    @pytest.mark.parametrize("guided", [False, True])
    def test_equals_the_whole(self, name: str, guided: bool) -> None:
        """Halves that differ in size, in guide and in what they show give the statistic of the whole."""
        features = activations(1).double()
        features[..., 2:] = 3 * features[..., 2:] + 1
        guide = torch.rand(2, 1, 6, 7).double() * torch.linspace(0.1, 1, 7).double() if guided else None
        wanted = STATISTICS[name].take(features, guide)
        torch.testing.assert_close(self.halves(name, features, guide), wanted, rtol=1e-9, atol=1e-9)

    @SOME
    def test_a_window_without_cloth(self, name: str) -> None:
        """A window outside one pair's guide counts for nothing there, and as ever for the other pair."""
        features, guide = activations(1).double(), torch.ones(2, 1, 6, 7).double()
        guide[0, ..., 2:] = 0
        wanted = STATISTICS[name].take(features, guide)
        torch.testing.assert_close(self.halves(name, features, guide), wanted, rtol=1e-9, atol=1e-9)


class TestMoments:
    """Means, deviations and covariances against numpy."""

    def test_mean_and_deviation(self) -> None:
        """It is every channel's mean and standard deviation, under the guide's weights, to 1e-3."""
        features, guide = activations(1), torch.rand(2, 1, 6, 7)
        found = mean_and_deviation(features, guide)
        for pair in range(2):
            x, weight = features[pair].flatten(1).numpy(), guide[pair].flatten().numpy()
            mean = np.average(x, axis=1, weights=weight)
            deviation = np.sqrt(np.average((x - mean[:, None]) ** 2, axis=1, weights=weight))
            np.testing.assert_allclose(found[pair], np.concatenate([mean, deviation]), atol=1.1e-3)

    def test_a_channel_that_never_fires(self) -> None:
        """Its deviation is 0 and moves nothing."""
        features = activations(1)
        features[:, 2] = 0
        features.requires_grad_(True)
        found = mean_and_deviation(features)
        assert found[:, 7].abs().max() < 1e-8
        (gradient,) = torch.autograd.grad(found[:, 7].sum(), features)
        assert (gradient == 0).all()

    def test_covariance(self) -> None:
        """It is numpy's weighted covariance, with the mean in a column of its own."""
        features, counts = activations(1), torch.randint(1, 5, (2, 1, 6, 7))
        found = covariance(features, counts.float())
        for pair in range(2):
            x, weight = features[pair].flatten(1).numpy(), counts[pair].flatten().numpy()
            np.testing.assert_allclose(
                found[pair, :, :-1], np.cov(x, fweights=weight, bias=True), rtol=1e-4, atol=1e-5
            )
            np.testing.assert_allclose(found[pair, :, -1], np.average(x, axis=1, weights=weight), rtol=1e-5)


class TestWasserstein:
    """The squared Wasserstein-2 distance of Gaussians."""

    @staticmethod
    def by_scipy(x_CN: np.ndarray, y_CN: np.ndarray) -> float:
        """|m - n|^2 + tr(S + T - 2 (T^1/2 S T^1/2)^1/2), with scipy's roots."""
        s, t = np.cov(x_CN, bias=True), np.cov(y_CN, bias=True)
        root = sqrtm(t)
        overlap = np.trace(np.real(sqrtm(root @ s @ root)))
        return float(((x_CN.mean(1) - y_CN.mean(1)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * overlap)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("channels", [3, 16, 64])
    def test_equals_scipy(self, channels: int, dtype: torch.dtype) -> None:
        """It is the closed form with scipy's matrix roots, in float32 to 1e-3, in float64 to 1e-8."""
        features, other = (activations(seed, (2, channels, 12, 11)).to(dtype) for seed in (1, 2))
        found = distance("wasserstein", features, other)
        for pair in range(2):
            wanted = self.by_scipy(*(each[pair].flatten(1).double().numpy() for each in (features, other)))
            assert found[pair].item() == pytest.approx(wanted, rel=1e-3 if dtype == torch.float32 else 1e-8)

    def test_fewer_positions_than_channels(self) -> None:
        """Singular covariances, as deep layers of small pictures have, are no obstacle."""
        features, other = (activations(seed, (1, 32, 3, 4)).double() for seed in (1, 2))
        wanted = self.by_scipy(*(each[0].flatten(1).numpy() for each in (features, other)))
        assert distance("wasserstein", features, other).item() == pytest.approx(wanted, rel=1e-4)

    def test_shift_and_stretch(self) -> None:
        """Shifted features are as far as the shift; stretched about their mean, as far as the spread grew."""
        other = activations(2).double()
        shift = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0]).double().view(1, -1, 1, 1)
        torch.testing.assert_close(
            distance("wasserstein", other + shift, other), shift.square().sum().expand(2)
        )
        mean = other.mean((2, 3), keepdim=True)
        spread = (other - mean).square().mean((2, 3)).sum(1)
        torch.testing.assert_close(distance("wasserstein", mean + 3 * (other - mean), other), 4 * spread)

    def test_symmetric(self) -> None:
        """There is as far as back."""
        one, other = activations(1).double(), activations(2).double()
        torch.testing.assert_close(distance("wasserstein", one, other), distance("wasserstein", other, one))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("guided", [False, True])
def test_half_precision_features_are_summed_in_float32(dtype: torch.dtype, guided: bool) -> None:
    """The Gram matrix of half-precision features is that of the same features in double, to bfloat16's unit squared."""
    features = (torch.rand(2, 8, 40, 30) * 3).to(dtype)
    guide = (torch.rand(2, 1, 40, 30) > 0.3).float() if guided else None
    found = gram_matrix(features, guide)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, gram_matrix(features.double(), guide).float(), rtol=2**-16, atol=1e-6)


def test_what_cannot_be_put_together_is_named_in_the_recipe() -> None:
    """Recipes refuse to paint large by exactly the statistics that windows cannot be put together for."""
    assert {name for name, one in STATISTICS.items() if one.combine_windows is None} == set(WHOLE_STATISTICS)
