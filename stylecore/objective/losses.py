"""Losses as functions of features, statistics and pictures. Each returns one value a pair: B.

Normalisations (the papers' texts differ, so weights do not port between them; docs/method.md):

    balanced  distance / energy of the target: no tuning across garments, styles and sizes (ours)
    gatys     content 1/2 sum (F-P)^2, style 1/(4 N^2 M^2) sum (G-A)^2   Gatys et al. (2016), eq. 1, 4
    johnson   content mean (F-P)^2, style sum (G-A)^2 with G = FF^T/(NM)  Johnson et al. (2016), eq. 2, 4
    luan      content 1/(2NM) sum (F-P)^2, style 1/(2 N^2) sum (G-A)^2    Luan et al. (2017), eq. 1

N is the number of channels and M the number of positions of a layer. Gram matrices come in already
divided by M (`statistics.gram_matrix`), which the factors below take into account.
"""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from stylecore import color
from stylecore.objective.shading import shading
from stylecore.objective.statistics import STATISTICS
from stylecore.tensors import exact

Normalisation = Literal["balanced", "gatys", "johnson", "luan"]

ENERGY_FLOOR = 0.1
"""A pale style's Gram matrix has little energy and its term would drown the rest; see `style_loss`."""

SALIENCY_FLOOR = 1e-4
"""Mean squared slope that a garment's edges are never taken for less than (0.01 a pixel); the plainest
of the 48 sample garments has 4e-4. Flat cloth has none, and its term would drown the rest."""

LIGHT_CELLS = 16
"""Cells along a canvas's longer side that lighting is compared in: wider than most motifs, whose own light and dark it
would even out (white grounds became grey with 32)."""


def content_loss(
    features_BCHW: Tensor,
    target_BCHW: Tensor,
    guide_B1HW: Tensor | None = None,
    normalisation: Normalisation = "balanced",
) -> Tensor:
    """Squared distance of features from the content's, under the guide; B values."""
    distance_B = content_distance(features_BCHW, target_BCHW, guide_B1HW)
    return content_scaled(distance_B, target_BCHW, guide_B1HW, normalisation)


def content_distance(features_BCHW: Tensor, target_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Sum of squared differences under the guide, B values; sums of windows are the sum of the whole."""
    distance_B: Tensor = _GuidedSquares.apply(features_BCHW, target_BCHW, guide_B1HW)
    return distance_B


class _GuidedSquares(torch.autograd.Function):
    """Sum of T (F - P)^2 with a backward pass that reads one tensor: autograd's passes over memory more often.

    Positions come before channels, as they lie in memory (channels_last), so that nothing is copied.
    """

    @staticmethod
    def forward(ctx: Any, features_BCHW: Tensor, target_BCHW: Tensor, guide_B1HW: Tensor | None) -> Tensor:
        """B sums in float32 (float64 stays so)."""
        difference = exact(features_BCHW) - exact(target_BCHW)
        weighted = difference if guide_B1HW is None else difference * guide_B1HW
        ctx.save_for_backward(weighted)
        ctx.dtype = features_BCHW.dtype
        return (weighted.permute(0, 2, 3, 1).flatten(1) * difference.permute(0, 2, 3, 1).flatten(1)).sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """2 T (F - P), times each sum's own gradient."""
        (weighted,) = ctx.saved_tensors
        (gradient_B,) = gradients
        return (weighted * (2 * gradient_B).view(-1, 1, 1, 1)).to(ctx.dtype), None, None


def content_scaled(
    distance_B: Tensor, target_BCHW: Tensor, guide_B1HW: Tensor | None, normalisation: Normalisation
) -> Tensor:
    """A layer's whole `content_distance` as the normalisation has it."""
    if normalisation == "balanced":
        return distance_B / _guided_sum(exact(target_BCHW).square(), guide_B1HW).clamp_min(1e-8)
    channels, positions = target_BCHW.shape[1], target_BCHW.shape[2:].numel()
    factor = {"gatys": 0.5, "johnson": 1 / (channels * positions), "luan": 0.5 / (channels * positions)}
    return distance_B * factor[normalisation]


def style_loss(
    measured: Tensor,
    target: Tensor,
    normalisation: Normalisation = "balanced",
    *,
    statistic: str = "gram",
    positions: int = 1,
    floor_B: Tensor | float = 0.0,
) -> Tensor:
    """Distance of a layer's statistic (B x C x C for Gram matrices) from the style's; B values.

    `positions` is M of the design's layer (`johnson` and `luan` need it). `floor_B` is an energy that
    the balanced normaliser does not fall below. The papers' normalisations are defined for Gram matrices.
    """
    distance_B = STATISTICS[statistic].distance(measured, target)
    if normalisation == "balanced":
        energy_B = STATISTICS[statistic].energy(target)
        return distance_B / torch.maximum(energy_B, torch.as_tensor(floor_B)).clamp_min(1e-12)
    channels = measured.shape[-1]
    factor = {
        # 1/(4 N^2 M^2) of raw Gram matrices is 1/(4 N^2) of ours, which are divided by M.
        "gatys": 1 / (4 * channels**2),
        "johnson": 1 / channels**2,
        # Luan's Gram matrices are raw sums, so M^2 comes back in.
        "luan": positions**2 / (2 * channels**2),
    }
    return distance_B * factor[normalisation]


def variation_loss(
    picture_B3HW: Tensor,
    exponent: int = 2,
    guide_B1HW: Tensor | None = None,
    normalisation: Normalisation = "balanced",
) -> Tensor:
    """Total variation: differences between neighbours, to the power 1 or 2; B values.

    The papers sum over the picture, so their term grows with its size; the balanced one is the mean
    over the guide's neighbours, and does not.
    """
    down_BCHW = picture_B3HW.diff(dim=2).abs() ** exponent
    right_BCHW = picture_B3HW.diff(dim=3).abs() ** exponent
    if guide_B1HW is None:
        counts = down_BCHW[0].numel() + right_BCHW[0].numel()
        sums_B = down_BCHW.sum((1, 2, 3)) + right_BCHW.sum((1, 2, 3))
        return sums_B / counts if normalisation == "balanced" else sums_B
    guide_down = torch.minimum(guide_B1HW[:, :, 1:], guide_B1HW[:, :, :-1])
    guide_right = torch.minimum(guide_B1HW[..., 1:], guide_B1HW[..., :-1])
    sums_B = _guided_sum(down_BCHW, guide_down) + _guided_sum(right_BCHW, guide_right)
    if normalisation != "balanced":
        return sums_B
    counts_B = picture_B3HW.shape[1] * (guide_down.sum((1, 2, 3)) + guide_right.sum((1, 2, 3)))
    return sums_B / counts_B.clamp_min(1)


def low_pass_light(picture_B3HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    """Luminance of the cloth in coarse cells, over its mean: B x 1 x h x w, `LIGHT_CELLS` along the longer side.

    Cells without cloth are 0.
    """
    return _coarse_light(color.light(picture_B3HW), guide_B1HW)


def _coarse_light(light_B1HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    cells = _cells(light_B1HW)
    shares = functional.adaptive_avg_pool2d(guide_B1HW, cells)
    light = functional.adaptive_avg_pool2d(light_B1HW * guide_B1HW, cells)
    mean = light.sum((2, 3), keepdim=True) / shares.sum((2, 3), keepdim=True).clamp_min(1e-6)
    relative: Tensor = light / shares.clamp_min(1e-3) / mean.clamp_min(1e-3)
    return torch.where(shares > 1e-3, relative, torch.zeros_like(relative))


def fold_light(content_B3HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    """The garment's `low_pass_light` without its print: folds and shading, B x 1 x h x w, for B = 1."""
    return _coarse_light(shading(content_B3HW, guide_B1HW), guide_B1HW)


def lighting_loss(picture_B3HW: Tensor, target_B1HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    """Mean squared difference of the luminance's `low_pass_light` from the garment's folds, under the guide (ours).

    Returns B values.
    """
    shares = functional.adaptive_avg_pool2d(guide_B1HW, _cells(picture_B3HW))
    distance = (low_pass_light(picture_B3HW, guide_B1HW) - target_B1HW).square()
    return _guided_sum(distance, shares) / shares.sum((1, 2, 3)).clamp_min(1e-6)


def gradient_map(picture_B3HW: Tensor) -> Tensor:
    """Strength of the luminance's slope, B x 1 x H x W: edges, seams and prints, where the eye goes.

    Differences to the right and down neighbour (0 beyond the last), root of their summed squares.
    """
    light = color.light(picture_B3HW)
    right = functional.pad(light.diff(dim=3), (0, 1))
    down = functional.pad(light.diff(dim=2), (0, 0, 0, 1))
    # The root's slope at 0 is infinite; flat cloth must not move anything.
    return (right.square() + down.square() + 1e-6).sqrt() - 1e-3


def saliency_loss(picture_B3HW: Tensor, target_B1HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    """Squared difference of the `gradient_map` from the garment's, over the garment's own; B values.

    What the papers name "saliency kept near constant": the design's eye-catching edges stay the garment's.
    """
    distance = (gradient_map(picture_B3HW) - target_B1HW).square()
    energy_B = _guided_sum(target_B1HW.square(), guide_B1HW)
    floor_B = SALIENCY_FLOOR * guide_B1HW.sum((1, 2, 3))
    return _guided_sum(distance, guide_B1HW) / torch.maximum(energy_B, floor_B).clamp_min(1e-6)


def _cells(picture_B3HW: Tensor) -> tuple[int, int]:
    height, width = picture_B3HW.shape[-2:]
    side = max(height, width) / min(LIGHT_CELLS, max(height, width))
    return max(1, round(height / side)), max(1, round(width / side))


def _guided_sum(values_BCHW: Tensor, guide_B1HW: Tensor | None) -> Tensor:
    if guide_B1HW is not None:
        values_BCHW = values_BCHW * guide_B1HW
    return values_BCHW.sum((1, 2, 3))
