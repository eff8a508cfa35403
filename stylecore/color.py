"""Colour policies: whose colours a design wears.

style  the style's colours, as the optimiser paints them
keep   the content's chroma, stylized luminance       Gatys et al. (2017), luminance-only transfer
match  the style is first matched to the content's mean and covariance    Gatys et al. (2017), eq. 3
"""

from typing import Literal

import torch
from torch import Tensor

ColorPolicy = Literal["style", "keep", "match"]

YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
"""Rows: luminance Y and the chroma I, Q of sRGB values (NTSC), as Gatys et al. (2017) use."""


def to_yiq(picture_B3HW: Tensor) -> Tensor:
    """Luminance and chroma of a picture, B x 3 x H x W."""
    return torch.einsum("bchw,kc->bkhw", picture_B3HW, YIQ.to(picture_B3HW))


def from_yiq(yiq_B3HW: Tensor) -> Tensor:
    """The inverse of `to_yiq`; values may leave [0, 1]."""
    return torch.einsum("bkhw,ck->bchw", yiq_B3HW, torch.linalg.inv(YIQ).to(yiq_B3HW))


def light(picture_B3HW: Tensor) -> Tensor:
    """Luminance as one channel, B x 1 x H x W."""
    weights = YIQ[0].to(picture_B3HW).view(1, 3, 1, 1)
    return (picture_B3HW * weights).sum(1, keepdim=True)


def luminance(picture_B3HW: Tensor) -> Tensor:
    """Luminance as a picture of three equal channels."""
    return to_yiq(picture_B3HW)[:, :1].expand(-1, 3, -1, -1)


def match_luminance(style_B3HW: Tensor, content_B3HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    """The style's luminance with the content's mean and spread under the guide, as three equal channels.

    Source: Gatys et al. (2017), eq. 10: L' = (sigma_c / sigma_s) (L_s - mu_s) + mu_c. Differs from it: a
    plain garment's spread is nearly 0 and would flatten the style, so the gain is limited to 0.5 ... 2.
    """
    style, content = luminance(style_B3HW)[:, :1], luminance(content_B3HW)[:, :1]
    mean_s, variance_s = _moments(style.flatten(2), torch.ones_like(style).flatten(2))
    mean_c, variance_c = _moments(content.flatten(2), guide_B1HW.flatten(2))
    gain = (variance_c / variance_s.clamp_min(1e-6)).sqrt().clamp(0.5, 2.0)
    matched = (style - mean_s[..., None]) * gain[..., None] + mean_c[..., None]
    return matched.clamp(0, 1).expand(-1, 3, -1, -1)


def with_chroma_of(design_B3HW: Tensor, content_B3HW: Tensor) -> Tensor:
    """The design's luminance with the content's chroma, in [0, 1]."""
    mixed = torch.cat([to_yiq(design_B3HW)[:, :1], to_yiq(content_B3HW)[:, 1:]], 1)
    return from_yiq(mixed).clamp(0, 1)


def recolour(content_B3HW: Tensor, style_B3HW: Tensor, guide_B1HW: Tensor) -> Tensor:
    """The content in the style's colours, with its folds and edges: a start close to the final design, in [0, 1].

    Means are matched. Contrast of luminance is scaled by the ratio of spreads, limited to 0.5 ... 1.5; that of chroma
    by at most 1.
    Full matching (`match_mean_and_covariance`) would amplify the noise of plain cloth into rainbows.
    """
    style, content = to_yiq(style_B3HW).flatten(2), to_yiq(content_B3HW).flatten(2)
    mean_s, covariance_s = _moments(style, torch.ones_like(style[:, :1]))
    mean_c, covariance_c = _moments(content, guide_B1HW.flatten(2))
    spread = (_diagonal(covariance_s) / _diagonal(covariance_c).clamp_min(1e-6)).sqrt()
    least, most = spread.new_tensor([0.5, 0.0, 0.0]), spread.new_tensor([1.5, 1.0, 1.0])
    gain = torch.minimum(torch.maximum(spread, least), most)[..., None]
    recoloured = from_yiq(((content - mean_c) * gain + mean_s).view_as(content_B3HW)).clamp(0, 1)
    # Without cloth there is nothing to recolour.
    return torch.where(guide_B1HW.amax((2, 3), keepdim=True) > 0, recoloured, content_B3HW)


def match_mean_and_covariance(
    style_B3HW: Tensor, content_B3HW: Tensor, guide_B1HW: Tensor | None = None
) -> Tensor:
    """Recolour a style so that its pixels have the content's mean and covariance, in [0, 1].

    Source: Gatys et al. (2017), x' = A x + b with A = Sc^1/2 Ss^-1/2. With a guide only the content
    under it counts. A style of nearly one colour would have its noise amplified: the gain along each
    of its principal colours is limited to 8.
    """
    style_BCN = style_B3HW.flatten(2)
    mean_s, covariance_s = _moments(style_BCN, torch.ones_like(style_BCN[:, :1]))
    weight = torch.ones_like(content_B3HW[:, :1]) if guide_B1HW is None else guide_B1HW
    mean_c, covariance_c = _moments(content_B3HW.flatten(2), weight.flatten(2))
    gain_BCC = _root(covariance_c) @ _inverse_root(covariance_s, torch.linalg.matrix_norm(covariance_c, 2))
    matched_BCN = gain_BCC @ (style_BCN - mean_s) + mean_c
    return matched_BCN.view_as(style_B3HW).clamp(0, 1)


def _moments(pixels_BCN: Tensor, weight_B1N: Tensor) -> tuple[Tensor, Tensor]:
    share_B1N = weight_B1N / weight_B1N.sum(-1, keepdim=True).clamp_min(1e-6)
    mean_BC1 = (pixels_BCN * share_B1N).sum(-1, keepdim=True)
    centred_BCN = pixels_BCN - mean_BC1
    covariance_BCC: Tensor = (centred_BCN * share_B1N) @ centred_BCN.mT
    return mean_BC1, covariance_BCC


def _diagonal(covariance_BCC: Tensor) -> Tensor:
    return covariance_BCC.diagonal(dim1=-2, dim2=-1)


def _root(covariance_BCC: Tensor) -> Tensor:
    values_BC, vectors_BCC = torch.linalg.eigh(covariance_BCC)
    root_BCC: Tensor = vectors_BCC * values_BC.clamp_min(0).sqrt()[:, None] @ vectors_BCC.mT
    return root_BCC


def _inverse_root(covariance_BCC: Tensor, reference_B: Tensor) -> Tensor:
    values_BC, vectors_BCC = torch.linalg.eigh(covariance_BCC)
    smallest_B1 = (reference_B[:, None] / 64).clamp_min(1e-8)
    inverse_BCC: Tensor = (
        vectors_BCC * torch.maximum(values_BC, smallest_B1).rsqrt()[:, None] @ vectors_BCC.mT
    )
    return inverse_BCC
