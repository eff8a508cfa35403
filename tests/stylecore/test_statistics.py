"""Gram matrices against numpy."""

import numpy as np
import pytest
import torch

from stylecore.statistics import gram_matrix


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
    torch.testing.assert_close(gram_matrix(features), torch.full((1, 2, 2), square), rtol=1e-5, atol=0)


def test_gradient() -> None:
    """The gradient of its squared norm equals the closed form 4 G F / M."""
    features = random_features().requires_grad_(True)
    gram = gram_matrix(features)
    (gradient,) = torch.autograd.grad(gram.square().sum(), features)
    wanted = 4 * (gram @ features.flatten(2)).view_as(features) / 42
    torch.testing.assert_close(gradient, wanted)
