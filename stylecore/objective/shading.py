"""Shading: the light and shadow on a garment, told apart from the colours of its cloth.

A print, a logo or a panel of another colour is no shadow. `shading` is read pixel by pixel; `folds` is what of it is
wide and smooth, and no print's remains.
"""

import torch
from torch import Tensor
from torch.nn import functional

from stylecore import color
from stylecore.tensors import gaussian_weights, resize, resize_guide, size_of

SHADING_RANGE = (0.25, 1.25)
"""How much darker and lighter than the cloth a fold may be."""
DARK = 0.12
"""Luminance under which cloth is shaded by differences of light, not by ratios: black cloth is mostly noise."""
REGIONS = 8
"""Colours of cloth that are told apart before shading is read: panels and prints are no shadows."""
RAREST = 0.02
"""Share of the cloth that a colour of its own has at least."""
SHADOWS = ((2.2, 0.08), (2.7, 0.05))
"""How much lighter cloth may be than its shadow, and how far the shares of red, green and blue may then differ: a deep
fold is of the cloth's very hue."""
FOLDS_SIDE = 320
"""Longer side, px, at which folds are read: they are smooth, so a larger picture has no more of them."""
FOLD_WIDTH = 0.012
"""Standard deviation of the low pass of folds, as a share of the longer side."""
OUTLIER = 0.14
"""Difference of a pixel's light from the folds' at which it counts a quarter: what differs more is print."""
ROUNDS = 6
"""Of reweighting; the first half looks three times as wide, so that a motif is seen against its ground."""
BORDER_TRUST = 0.05
"""How much a pixel on the border of two colours counts: it is a mixture, neither light nor shadow."""


def shading(content_13HW: Tensor, cloth_11HW: Tensor) -> Tensor:
    """Light and shadow on the cloth, 1 x 1 x H x W: 1 where it is as light as its colour usually is.

    Luminance over the typical one of cloth of that colour, so that a dark sleeve is no shadow and a white
    logo no light; colours are told apart by k-means over `REGIONS` centres, of which those that may be one
    colour in light and shade count as one.
    """
    light = color.light(content_13HW)
    return _over_usual(light, _usual_light(content_13HW, light, cloth_11HW))


def folds(content_13HW: Tensor, cloth_11HW: Tensor) -> Tensor:
    """The wide and smooth part of `shading`, 1 x 1 x h x w with sides of at most `FOLDS_SIDE`: folds, but no print.

    A robust low pass: iteratively reweighted means with the weights of Geman and McClure (1987), "Statistical Methods
    for Tomographic Image Reconstruction". So thin ink, buttons and what `shading` has left of a print count little. It
    is 1 where there is no cloth near.
    """
    shrink = min(1.0, FOLDS_SIDE / max(size_of(content_13HW)))
    height, width = (max(1, round(side * shrink)) for side in size_of(content_13HW))
    content, cloth = (
        resize(content_13HW, (height, width)).clamp(0, 1),
        resize_guide(cloth_11HW, (height, width)),
    )
    light_11HW = color.light(content)
    usual_11HW = _usual_light(content, light_11HW, cloth)
    # Pixels at the rim are mixed with the backdrop.
    trust_11HW = cloth * (cloth > 0.9) * torch.where(_is_border(usual_11HW), BORDER_TRUST, 1.0)
    return _robust_low_pass(_over_usual(light_11HW, usual_11HW), trust_11HW).clamp(*SHADING_RANGE)


def _is_border(usual_11HW: Tensor) -> Tensor:
    """Where the usual light of cloth differs between neighbours."""
    highest = functional.max_pool2d(usual_11HW, 3, stride=1, padding=1)
    return highest + functional.max_pool2d(-usual_11HW, 3, stride=1, padding=1) > 1e-3


def _robust_low_pass(light_11HW: Tensor, trust_11HW: Tensor) -> Tensor:
    fine, wide = (FOLD_WIDTH * times * max(size_of(light_11HW)) for times in (1, 3))
    smooth = _low_pass(light_11HW, trust_11HW, wide)
    for turn in range(ROUNDS):
        weight = trust_11HW / (1 + ((light_11HW - smooth) / OUTLIER).square()).square()
        smooth = _low_pass(light_11HW, weight, wide if turn < ROUNDS // 2 else fine)
    return smooth


def _low_pass(values_11HW: Tensor, weight_11HW: Tensor, sigma: float) -> Tensor:
    """Weighted mean around each place; 1 where nothing near has a weight (normalised convolution)."""
    down_HH, right_WW = (gaussian_weights(length, sigma).to(values_11HW) for length in size_of(values_11HW))
    total, weight = (down_HH @ each @ right_WW for each in (values_11HW * weight_11HW, weight_11HW))
    return torch.where(weight > 1e-4, total / weight.clamp_min(1e-4), 1.0)


def _over_usual(light_11HW: Tensor, usual_11HW: Tensor) -> Tensor:
    """Light over usual light, but for dark cloth: there a step of noise would be a shadow."""
    return (1 + (light_11HW - usual_11HW) / usual_11HW.clamp_min(DARK)).clamp(*SHADING_RANGE)


def _usual_light(content_13HW: Tensor, light_11HW: Tensor, cloth_11HW: Tensor) -> Tensor:
    pixels_N3 = content_13HW[0].flatten(1).T[cloth_11HW.flatten() > 0.5]
    if len(pixels_N3) < REGIONS:
        return torch.full_like(light_11HW, float(light_11HW.mean()))
    centres_K3 = _merged(_centres(pixels_N3))
    distances = torch.cdist(content_13HW[0].flatten(1).T, centres_K3)
    regions_11HW = distances.argmin(1).reshape(light_11HW.shape)
    usual = torch.zeros_like(light_11HW)
    for region in range(len(centres_K3)):
        in_region = regions_11HW == region
        inside = in_region & (cloth_11HW > 0.5)
        value = light_11HW[inside].median() if inside.any() else light_11HW.mean()
        usual = usual + value * _soft(in_region.to(light_11HW))
    return usual


def _soft(region_11HW: Tensor) -> Tensor:
    """A region with edges three pixels wide, so that a panel's border is no line of light."""
    return functional.avg_pool2d(region_11HW, 3, stride=1, padding=1, count_include_pad=False)


def _centres(pixels_N3: Tensor) -> Tensor:
    """k-means from colours that lie far apart, the median first: deterministic."""
    pixels = pixels_N3[:: max(1, len(pixels_N3) // 20_000)]
    chosen = [pixels.median(0).values]
    distances = (pixels - chosen[0]).square().sum(1)
    for _ in range(REGIONS - 1):
        # Not the farthest pixel: a few pixels are no colour of the cloth.
        chosen.append(pixels[distances.argsort()[int((1 - RAREST) * (len(pixels) - 1))]])
        distances = torch.minimum(distances, (pixels - chosen[-1]).square().sum(1))
    centres = torch.stack(chosen)
    for _ in range(10):
        nearest = torch.cdist(pixels, centres).argmin(1)
        centres = torch.stack(
            [
                pixels[nearest == k].mean(0) if (nearest == k).any() else centres[k]
                for k in range(len(centres))
            ]
        )
    return centres


def _merged(centres_K3: Tensor) -> Tensor:
    """Centres that differ as one colour does in light and shade become one (`SHADOWS`)."""
    kept: list[Tensor] = []
    for centre in sorted(centres_K3, key=lambda c: -float(c.sum())):
        same = [other for other in kept if _one_color(other, centre)]
        if not same:
            kept.append(centre)
    return torch.stack(kept)


def _one_color(lighter_3: Tensor, darker_3: Tensor) -> bool:
    """Whether two centres may be one colour in light and shade. The hue of what is nearly black is noise."""
    sums = lighter_3.sum().clamp_min(DARK), darker_3.sum().clamp_min(DARK)
    ratio, hues = float(sums[0] / sums[1]), (lighter_3 / sums[0], darker_3 / sums[1])
    apart = float((hues[0] - hues[1]).abs().max())
    return any(ratio < most and apart < hue for most, hue in SHADOWS)
