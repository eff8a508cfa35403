"""Statistics of features: what a style is measured by.

The module is long because all statistics stand beside each other, with the registry that names them.

A statistic is a row of `STATISTICS`: how it is taken from features, and how far two of it are apart. The
distances are squared maximum mean discrepancies (MMD) or the like, after Li et al. (2017), "Demystifying
Neural Style Transfer", and Heitz et al. and Kolkin et al. for optimal transport. To add one, write `take`
and, where it is not the sum of squared differences, `distance` and `energy`, and add its row
(CONTRIBUTING.md shows it).

Shape suffixes: B pairs, C channels, H rows, W columns, N = H * W positions, K samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.tensors import exact

Take = Callable[[Tensor, Tensor | None], Tensor]
"""Features B x C x H x W and a guide B x 1 x H x W (or None) to B x ... in float32."""

SAMPLES = 400
"""Positions a picture that the Gaussian kernel compares: 20 x 20."""


def squared_distance(statistic: Tensor, target: Tensor) -> Tensor:
    """Sum of squared differences, B values."""
    return (statistic - target).square().flatten(1).sum(1)


def squares(target: Tensor) -> Tensor:
    """Sum of squares, B values: the energy that balances `squared_distance`."""
    return target.square().flatten(1).sum(1)


def averaged(windows_TB: Tensor, shares_TB: Tensor) -> Tensor:
    """Statistics that are means over positions: T x B x ... by every window's share of them, T x B."""
    shares = shares_TB.view(*shares_TB.shape, *(1,) * (windows_TB.ndim - 2))
    return (windows_TB * shares).sum(0)


@dataclass(frozen=True)
class Statistic:
    """A way to measure a style.

    `distance(statistic, target)` is B values, 0 where they are equal; `energy(target)` is what the distance
    from nothing at all would be, so that distance / energy does not depend on the features' scale (nearly,
    for `mean_and_deviation`; not for `covariance` and `polynomial`, which mix powers of it).
    `combine_windows(windows, shares)` is a picture's statistic from those of its windows; without it large
    pictures are looked at as a whole.
    """

    take: Take
    distance: Callable[[Tensor, Tensor], Tensor] = squared_distance
    energy: Callable[[Tensor], Tensor] = squares
    combine_windows: Callable[[Tensor, Tensor], Tensor] | None = None


def gram_matrix(features_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Gram matrix of every pair, divided by the number of positions (or by the guide's area).

    Returns B x C x C in float32, whatever the features' precision: half-precision sums overflow.
    With a guide T, positions count with weight T: G = sum_k T_k F_ik F_jk / sum_k T_k, which is
    Gatys et al. (2016), eq. 4, divided by the area so that it does not change with the resolution.
    An all-zero guide gives a zero matrix. It is the MMD with the kernel (x . y)^2, d = 2 and c = 0.
    """
    gram_BCC: Tensor = _WeightedGram.apply(features_BCHW, guide_B1HW)
    if guide_B1HW is None:
        return gram_BCC / features_BCHW.shape[2:].numel()
    return gram_BCC / _area(exact(guide_B1HW.flatten(2)))


class _WeightedGram(torch.autograd.Function):
    """sum_k T_k F_ik F_jk with a backward pass of one product in the features' own precision.

    Autograd would multiply twice, in float32, and add: a quarter of a step on a CPU. Positions come before
    channels, as they lie in memory (channels_last), so that neither pass copies a layer.
    """

    @staticmethod
    def forward(ctx: Any, features_BCHW: Tensor, guide_B1HW: Tensor | None) -> Tensor:
        """The products, in float32 (float64 stays so)."""
        features_BNC = features_BCHW.permute(0, 2, 3, 1).flatten(1, 2)
        weighted_BNC = features_BNC
        if guide_B1HW is not None:
            weighted_BNC = features_BNC * guide_B1HW.flatten(1)[..., None].to(features_BNC.dtype)
        ctx.save_for_backward(weighted_BNC)
        ctx.grid = features_BCHW.shape[2:]
        return _products(weighted_BNC, features_BNC)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """dF_ik = T_k sum_j (D_ij + D_ji) F_jk."""
        (weighted_BNC,) = ctx.saved_tensors
        (gradient_BCC,) = gradients
        both = (gradient_BCC + gradient_BCC.mT).to(weighted_BNC.dtype)
        product_BNC = torch.bmm(weighted_BNC, both)
        return product_BNC.unflatten(1, ctx.grid).permute(0, 3, 1, 2), None


def _products(a_BNC: Tensor, b_BNC: Tensor) -> Tensor:
    """Sums over positions in float32, from half-precision features without widening them."""
    # Written bmm: `@` copies a transposed batch of one.
    if a_BNC.is_cuda and a_BNC.dtype in (torch.bfloat16, torch.float16):
        return torch.bmm(a_BNC.mT, b_BNC, out_dtype=torch.float32)
    if a_BNC.dtype != torch.bfloat16:
        return torch.bmm(exact(a_BNC).mT, exact(b_BNC))
    # A CPU sums this product in float32 but returns bfloat16. What that rounded away is the product less its
    # rounded self, and to round that costs 2^-16 of it: two quick products take half the time of a widened one.
    rounded = torch.bmm(a_BNC.mT, b_BNC)
    rest = torch.baddbmm(rounded, a_BNC.mT, b_BNC, beta=-1)
    return rounded.float() + rest.float()


def mean_and_deviation(features_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Mean and standard deviation of every channel, B x 2C: batch-norm statistics (Li et al. 2017, eq. 12)."""
    features_BCN, share_B1N = _shared(features_BCHW, guide_B1HW)
    mean_BC = (features_BCN * share_B1N).sum(-1)
    variance_BC = ((features_BCN - mean_BC[..., None]).square() * share_B1N).sum(-1)
    # The root's slope at 0 is infinite: a channel that never fires must not move anything.
    return torch.cat([mean_BC, (variance_BC + 1e-6).sqrt() - 1e-3], 1)


def pooled_deviation(windows_TBD: Tensor, shares_TB: Tensor) -> Tensor:
    """`mean_and_deviation` of a picture from its windows: variance within them and between their means."""
    means_TBC, roots_TBC = windows_TBD.chunk(2, -1)
    mean_BC = averaged(means_TBC, shares_TB)
    within_TBC = (roots_TBC + 1e-3).square() - 1e-6
    variance_BC = averaged(within_TBC + (means_TBC - mean_BC).square(), shares_TB)
    return torch.cat([mean_BC, (variance_BC + 1e-6).sqrt() - 1e-3], 1)


def mean(features_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Mean of every channel, B x C: the MMD with the linear kernel x . y (Li et al. 2017)."""
    features_BCN, share_B1N = _shared(features_BCHW, guide_B1HW)
    return (features_BCN * share_B1N).sum(-1)


def polynomial(features_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Second moments of (x, 1), B x (C+1) x (C+1): the MMD with the kernel (x . y + 1)^2, exactly.

    The kernel's feature map is the outer product of (x, 1) with itself, so its mean embedding is a Gram
    matrix with one constant channel; no sampling, as Li et al. (2017) need, is left.
    """
    constant_B1HW = torch.ones_like(features_BCHW[:, :1])
    return gram_matrix(torch.cat([features_BCHW, constant_B1HW], 1), guide_B1HW)


def covariance(features_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Mean and covariance, B x C x (C+1): the Gram matrix with the mean taken apart."""
    mean_BC, covariance_BCC = _moments(features_BCHW, guide_B1HW)
    return torch.cat([covariance_BCC, mean_BC[..., None]], -1)


def pooled_covariance(windows_TBCD: Tensor, shares_TB: Tensor) -> Tensor:
    """`covariance` of a picture from its windows: covariance within them and between their means."""
    means_TBC = windows_TBCD[..., -1]
    mean_BC = averaged(means_TBC, shares_TB)
    apart_TBC = means_TBC - mean_BC
    between_TBCC = apart_TBC[..., None] * apart_TBC[..., None, :]
    covariance_BCC = averaged(windows_TBCD[..., :-1] + between_TBCC, shares_TB)
    return torch.cat([covariance_BCC, mean_BC[..., None]], -1)


def samples(features_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Features at an even grid of positions with their share, B x K x (C+1): what a kernel compares."""
    size = [min(20, side) for side in features_BCHW.shape[-2:]]
    grid_BCK = functional.interpolate(exact(features_BCHW), size=size, mode="nearest-exact").flatten(2)
    share_B1K = torch.ones_like(grid_BCK[:, :1])
    if guide_B1HW is not None:
        guide_B1HW = guide_B1HW.to(grid_BCK.dtype)
        share_B1K = functional.interpolate(guide_B1HW, size=size, mode="nearest-exact").flatten(2)
    share_B1K = share_B1K / share_B1K.sum(-1, keepdim=True).clamp_min(1e-6)
    kept = torch.cat([grid_BCK, share_B1K], 1).mT
    # A grid smaller than the target's is filled with positions that count for nothing.
    return functional.pad(kept, (0, 0, 0, SAMPLES - kept.shape[1]))


def gaussian_discrepancy(statistic_BKD: Tensor, target_BKD: Tensor) -> Tensor:
    """Squared MMD with the Gaussian kernel, its width the mean squared distance within the target.

    Li et al. (2017) estimate it without bias from single pairs of positions; this is the weighted
    V-statistic over all pairs of `SAMPLES` positions, which has less variance and is 0 for equals.
    """
    width_B11 = _width(target_BKD)
    within_picture = _kernel_mean(statistic_BKD, statistic_BKD, width_B11)
    within_target = _kernel_mean(target_BKD, target_BKD, width_B11)
    return within_picture + within_target - 2 * _kernel_mean(statistic_BKD, target_BKD, width_B11)


def gaussian_energy(target_BKD: Tensor) -> Tensor:
    """Squared norm of the target's mean embedding."""
    return _kernel_mean(target_BKD, target_BKD, _width(target_BKD))


def wasserstein(statistic_BCD: Tensor, target_BCD: Tensor) -> Tensor:
    """Squared Wasserstein-2 distance of the Gaussians with these moments (`covariance`), B values.

    |m - n|^2 + tr S + tr T - 2 tr (T^1/2 S T^1/2)^1/2 (Olkin and Pukelsheim 1982). One batched
    eigendecomposition a layer; its derivative is written out, since autograd's is infinite where
    eigenvalues meet.
    """
    means = squared_distance(statistic_BCD[..., -1], target_BCD[..., -1])
    statistic_BCC, target_BCC = statistic_BCD[..., :-1], target_BCD[..., :-1]
    root_BCC = _power(target_BCC, 0.5)
    overlap_B: Tensor = _TraceOfRoot.apply(root_BCC @ statistic_BCC @ root_BCC)
    return (means + _trace(statistic_BCC) + _trace(target_BCC) - 2 * overlap_B).clamp_min(0)


def wasserstein_energy(target_BCD: Tensor) -> Tensor:
    """Distance of the target from a point at the origin: its second moment."""
    return squares(target_BCD[..., -1]) + _trace(target_BCD[..., :-1])


class _TraceOfRoot(torch.autograd.Function):
    """tr M^1/2 of symmetric non-negative matrices; its derivative is M^-1/2 / 2."""

    @staticmethod
    def forward(ctx: Any, matrix_BCC: Tensor) -> Tensor:
        """The sum of the roots of the eigenvalues."""
        values_BC, vectors_BCC = _eigen((matrix_BCC + matrix_BCC.mT) / 2)
        roots_BC = values_BC.clamp_min(0).sqrt()
        ctx.save_for_backward(roots_BC, vectors_BCC)
        total_B: Tensor = roots_BC.sum(-1)
        return total_B

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Directions without energy in the target pull nothing: there the derivative is cut off."""
        roots_BC, vectors_BCC = ctx.saved_tensors
        (gradient_B,) = gradients
        floor_B1 = roots_BC.amax(-1, keepdim=True) * 1e-3 + 1e-12
        inverse_BC = torch.where(roots_BC > floor_B1, 0.5 / roots_BC.clamp_min(1e-12), 0.5 / floor_B1)
        inverse_root_BCC: Tensor = (vectors_BCC * inverse_BC[:, None]) @ vectors_BCC.mT
        return gradient_B[:, None, None] * inverse_root_BCC


STATISTICS = {
    "gram": Statistic(gram_matrix, combine_windows=averaged),
    "mean_and_deviation": Statistic(mean_and_deviation, combine_windows=pooled_deviation),
    "covariance": Statistic(covariance, combine_windows=pooled_covariance),
    "wasserstein": Statistic(covariance, wasserstein, wasserstein_energy, pooled_covariance),
    "mmd_linear": Statistic(mean, combine_windows=averaged),
    "mmd_polynomial": Statistic(polynomial, combine_windows=averaged),
    "mmd_gaussian": Statistic(samples, gaussian_discrepancy, gaussian_energy),
}


def _area(guide_B1N: Tensor) -> Tensor:
    # Not the smallest float: its inverse overflows in the gradient of an empty guide.
    return guide_B1N.sum(-1, keepdim=True).clamp_min(1e-6)


def _shared(features_BCHW: Tensor, guide_B1HW: Tensor | None) -> tuple[Tensor, Tensor]:
    """Features B x C x N in float32 and every position's share, B x 1 x N, which sums to 1."""
    features_BCN = exact(features_BCHW.flatten(2))
    if guide_B1HW is None:
        return features_BCN, torch.full_like(features_BCN[:, :1], 1 / features_BCN.shape[-1])
    guide_B1N = guide_B1HW.flatten(2).to(features_BCN.dtype)
    return features_BCN, guide_B1N / _area(guide_B1N)


def _moments(features_BCHW: Tensor, guide_B1HW: Tensor | None) -> tuple[Tensor, Tensor]:
    features_BCN, share_B1N = _shared(features_BCHW, guide_B1HW)
    mean_BC = (features_BCN * share_B1N).sum(-1)
    centred_BCN = features_BCN - mean_BC[..., None]
    return mean_BC, (centred_BCN * share_B1N) @ centred_BCN.mT


def _power(matrix_BCC: Tensor, exponent: float) -> Tensor:
    values_BC, vectors_BCC = _eigen(matrix_BCC)
    power_BCC: Tensor = (vectors_BCC * values_BC.clamp_min(0).pow(exponent)[:, None]) @ vectors_BCC.mT
    return power_BCC


def _eigen(matrix_BCC: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and vectors; NaN for a matrix that is not finite, for which eigh refuses the whole batch."""
    good_B11 = matrix_BCC.isfinite().all(2, keepdim=True).all(1, keepdim=True)
    values_BC, vectors_BCC = torch.linalg.eigh(matrix_BCC.where(good_B11, torch.zeros_like(matrix_BCC)))
    return values_BC.where(good_B11[..., 0], torch.full_like(values_BC, torch.nan)), vectors_BCC


def _trace(matrix_BCC: Tensor) -> Tensor:
    return matrix_BCC.diagonal(dim1=-2, dim2=-1).sum(-1)


def _squared_distances(a_BKD: Tensor, b_BKD: Tensor) -> Tensor:
    a, b = a_BKD[..., :-1], b_BKD[..., :-1]
    products = a @ b.mT
    return (a.square().sum(-1)[..., None] + b.square().sum(-1)[:, None] - 2 * products).clamp_min(0)


def _shares(a_BKD: Tensor, b_BKD: Tensor) -> Tensor:
    return a_BKD[..., -1][..., None] * b_BKD[..., -1][:, None]


def _width(target_BKD: Tensor) -> Tensor:
    distances = _squared_distances(target_BKD, target_BKD) * _shares(target_BKD, target_BKD)
    return distances.sum((1, 2)).clamp_min(1e-12)[:, None, None]


def _kernel_mean(a_BKD: Tensor, b_BKD: Tensor, width_B11: Tensor) -> Tensor:
    kernel = torch.exp(-_squared_distances(a_BKD, b_BKD) / width_B11)
    return (kernel * _shares(a_BKD, b_BKD)).sum((1, 2))
