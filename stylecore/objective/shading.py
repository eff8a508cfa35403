"""Shading: the light and shadow on a garment, told apart from the colours of its cloth.

A print, a logo or a panel of another colour is no shadow.
"""

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.color import YIQ

SHADING_RANGE = (0.25, 1.25)
"""How much darker and lighter than the cloth a fold may be."""
DARK = 0.12
"""Luminance under which cloth is shaded by differences of light, not by ratios: black cloth is mostly noise."""
REGIONS = 3
"""Colours of cloth that are told apart before shading is read: panels and prints are no shadows."""


def shading(content_13HW: Tensor, cloth_11HW: Tensor) -> Tensor:
    """Light and shadow on the cloth, 1 x 1 x H x W: 1 where it is as light as its colour usually is.

    Luminance over the typical one of cloth of that colour, so that a dark sleeve is no shadow and a white
    logo no light; colours are told apart by k-means over `REGIONS` centres, of which those that may be one
    colour in light and shade count as one.
    """
    light = (content_13HW * YIQ[0].to(content_13HW).view(1, 3, 1, 1)).sum(1, keepdim=True)
    usual = _usual_light(content_13HW, light, cloth_11HW)
    # Light over usual light, but for dark cloth: there a step of noise would be a shadow.
    return (1 + (light - usual) / usual.clamp_min(DARK)).clamp(*SHADING_RANGE)


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
    """k-means from evenly spread quantiles of luminance: deterministic."""
    pixels = pixels_N3[:: max(1, len(pixels_N3) // 20_000)]
    order = pixels.sum(1).argsort()
    centres = pixels[order[torch.linspace(0, len(pixels) - 1, REGIONS + 2).long()[1:-1]]]
    for _ in range(20):
        nearest = torch.cdist(pixels, centres).argmin(1)
        centres = torch.stack(
            [
                pixels[nearest == k].mean(0) if (nearest == k).any() else centres[k]
                for k in range(len(centres))
            ]
        )
    return centres


def _merged(centres_K3: Tensor) -> Tensor:
    """Centres that differ as one colour does in light and shade become one: hue near, luminance within 2.2."""
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
    return ratio < 2.2 and float((hues[0] - hues[1]).abs().max()) < 0.08
