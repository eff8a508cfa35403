"""Guides: where on a picture, and so on every layer's grid, a term counts."""

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.tensors import Size, exact


def layer_guide(guide_B1HW: Tensor, size: Size) -> Tensor:
    """Bring a guide to a layer's grid by averaging: each position counts by its covered share.

    Differs from Luan et al. (2017), whose code takes the nearest pixel: averaging keeps thin parts.
    """
    return functional.adaptive_avg_pool2d(exact(guide_B1HW), size)


def cloth_guide(guide_BPHW: Tensor) -> Tensor:
    """The guide of all parts together, B x 1 x H x W in [0, 1]: where there is cloth."""
    return guide_BPHW.sum(1, keepdim=True).clamp(0, 1)


def grow(guide_B1HW: Tensor, pixels: int) -> Tensor:
    """Widen a guide by `pixels`, so that cloth under a tight mask's rim is painted too."""
    if pixels <= 0:
        return guide_B1HW
    return functional.max_pool2d(guide_B1HW, 2 * pixels + 1, stride=1, padding=pixels)


def bounding_box(guide_1HW: Tensor, least: float = 0.0) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of the positions above `least` of the guide's largest value.

    `least` is a share in [0, 1): 0.5 gives the box of what is clearly marked, without a soft edge. Bottom and
    right are exclusive. An empty guide gives the whole frame.
    """
    above = guide_1HW[0] > least * guide_1HW[0].max()
    rows, columns = torch.nonzero(above.any(1)), torch.nonzero(above.any(0))
    if not len(rows):
        return 0, 0, guide_1HW.shape[-2], guide_1HW.shape[-1]
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
