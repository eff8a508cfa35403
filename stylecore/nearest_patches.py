"""Nearest patches: how like each 3 x 3 neighbourhood of features is to the nearest one of another picture.

Patches are gathered and compared in chunks, so that memory does not grow with the pictures' size.

Shape suffixes: C channels, H rows, W columns, N = H * W positions, K chosen positions, D = 9 C values of a patch.
"""

import torch
from torch import Tensor
from torch.nn import functional

LARGEST_MATRIX = 2**24
"""The most values of any matrix here (64 MiB in float32): of a chunk's patches, and of two chunks' cosines."""


def nearest_cosines(
    design_1CHW: Tensor, style_1CHW: Tensor, positions_K: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the cosine of each design patch to its nearest style patch (K values), and the reverse (N values).

    The features of both pictures may have any floating precision and different heights and widths; `positions_K`
    numbers the design's positions row by row (all positions for None), and no other design patch is looked at.
    Patches have zero padding, are centred by the style's mean patch and scaled to unit length. Both returned
    vectors are float32 in [-1, 1]. A patch that equals the mean patch has cosine 0 to every other. Without any
    position the first vector is empty and the second one is -1.
    """
    design_HWC, style_HWC = _padded(design_1CHW), _padded(style_1CHW)
    if positions_K is None:
        positions_K = torch.arange(design_1CHW.shape[2:].numel(), device=design_1CHW.device)
    every_N = torch.arange(style_1CHW.shape[2:].numel(), device=style_1CHW.device)
    mean_D = _mean_patch(style_HWC)
    forward_K, backward_N = (mean_D.new_full((len(each),), -1.0) for each in (positions_K, every_N))
    step = _patches_at_once(len(mean_D))
    for i in range(0, len(positions_K), step):
        design_KD = _unit_patches(design_HWC, positions_K[i : i + step], mean_D)
        for j in range(0, len(every_N), step):
            style_ND = _unit_patches(style_HWC, every_N[j : j + step], mean_D)
            cosines_KN = (design_KD @ style_ND.T).clamp_(-1, 1)
            forward_K[i : i + step] = torch.maximum(forward_K[i : i + step], cosines_KN.amax(1))
            backward_N[j : j + step] = torch.maximum(backward_N[j : j + step], cosines_KN.amax(0))
    return forward_K, backward_N


def _patches_at_once(length: int) -> int:
    """Patches of `length` values of which a chunk may consist."""
    return max(1, min(LARGEST_MATRIX // length, int(LARGEST_MATRIX**0.5)))


def _padded(features_1CHW: Tensor) -> Tensor:
    """Channels last, (H + 2) x (W + 2) x C in float32: a patch's rows lie together in memory."""
    return functional.pad(features_1CHW[0].float(), (1, 1, 1, 1)).permute(1, 2, 0).contiguous()


def _mean_patch(padded_HWC: Tensor) -> Tensor:
    height, width = padded_HWC.shape[0] - 2, padded_HWC.shape[1] - 2
    shifted = [padded_HWC[r : r + height, c : c + width] for r in range(3) for c in range(3)]
    return torch.cat([each_HWC.mean((0, 1)) for each_HWC in shifted])


def _unit_patches(padded_HWC: Tensor, positions_K: Tensor, mean_D: Tensor) -> Tensor:
    width, around = padded_HWC.shape[1] - 2, torch.arange(3, device=padded_HWC.device)
    rows_K31 = (positions_K // width)[:, None, None] + around[:, None]
    columns_K13 = (positions_K % width)[:, None, None] + around
    patches_KD = padded_HWC[rows_K31, columns_K13].flatten(1)
    return functional.normalize(patches_KD - mean_D, dim=1)
