"""Statistics of features: what a style is measured by.

Shape suffixes: B pairs, C channels, H rows, W columns, N = H * W positions.
"""

from torch import Tensor


def gram_matrix(features_BCHW: Tensor, guide_B1HW: Tensor | None = None) -> Tensor:
    """Gram matrix of every pair, divided by the number of positions (or by the guide's area).

    Returns B x C x C in float32, whatever the features' precision: half-precision sums overflow.
    With a guide T, positions count with weight T: G = sum_k T_k F_ik F_jk / sum_k T_k, which is
    Gatys et al. (2016), eq. 4, divided by the area so that it does not change with the resolution.
    An all-zero guide gives a zero matrix.
    """
    features_BCN = features_BCHW.flatten(2).float()
    if guide_B1HW is None:
        return features_BCN @ features_BCN.mT / features_BCN.shape[-1]
    guide_B1N = guide_B1HW.flatten(2).float()
    # Not the smallest float: its inverse overflows in the gradient of an empty guide.
    area_B11 = guide_B1N.sum(-1, keepdim=True).clamp_min(1e-6)
    return (features_BCN * guide_B1N) @ features_BCN.mT / area_B11
