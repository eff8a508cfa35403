"""Matting Laplacian: what a photorealistic result is held to, as a stencil and not as an N x N matrix.

Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting" (2008). In every 3 x 3
window of the content, a photorealistic result is nearly an affine function of the content's colours;
V^T L V sums what the windows' affine fits leave over. Entry (i, j) of L for pixels i and j is

    sum over the windows k that hold both:
        delta_ij - 1/9 (1 + (I_i - mu_k)^T (Sigma_k + epsilon/9 Id)^-1 (I_j - mu_k))

with I the content's colours, mu_k and Sigma_k a window's mean and covariance. Windows lie wholly inside
the picture. Two pixels share a window only if they are at most 2 rows and 2 columns apart, so a row of L
has 25 entries, and by symmetry 13 planes hold them all.

Shape suffixes: B pairs, C channels, K = 13 planes, P pixels of a window, H rows, W columns, N = H * W.
"""

import torch
from torch import Tensor

from stylecore.errors import PictureError

OFFSETS = ((0, 0), (0, 1), (0, 2), *((down, right) for down in (1, 2) for right in range(-2, 3)))
"""Plane k holds at pixel i the entry (i, i + OFFSETS[k]): (rows, columns), none of them backward."""

PIXELS = tuple((row, column) for row in range(3) for column in range(3))
STRIP = 1 << 14
"""Windows worked on at once: some 7 MiB in float64, near the caches, whatever the picture's size."""


def matting_stencil(content_B3HW: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Matting Laplacian of a content, sRGB in [0, 1]: B x 13 x H x W in float32, in the order of `OFFSETS`.

    Entries whose second pixel is outside the picture are 0. `epsilon`, 1e-12 or more, is the
    ridge of the affine fits, in squares of the content's unit: 1e-7 in Levin's and in Luan's code. Raises PictureError
    for another shape, or a side under 3 px.
    """
    if content_B3HW.ndim != 4 or content_B3HW.shape[1] != 3 or min(content_B3HW.shape[-2:]) < 3:
        raise PictureError(
            f"content has shape {tuple(content_B3HW.shape)}, but the matting Laplacian needs B x 3 x H x W"
            " of at least 3 x 3 px: give a larger content, or set the weight of the photorealism term to 0."
        )
    content_B3HW = content_B3HW.detach()
    pairs, _, height, width = content_B3HW.shape
    stencil_BKHW = content_B3HW.new_zeros((pairs, 13, height, width), dtype=torch.float32)
    rows = max(1, STRIP // width)
    for content_3HW, stencil_KHW in zip(content_B3HW, stencil_BKHW, strict=True):
        # A strip's windows reach two rows into the next strip: these sums are handed on.
        shared_K2W = content_B3HW.new_zeros((13, 2, width), dtype=torch.float64)
        for top in range(0, height - 2, rows):
            sums_KHW = _sum_windows(content_3HW[:, top : top + rows + 2].double(), epsilon)
            sums_KHW[:, :2] += shared_K2W
            stencil_KHW[:, top : top + sums_KHW.shape[1]] = sums_KHW
            shared_K2W = sums_KHW[:, -2:]
    # Rows of L add up to 0. A centre taken from its rounded neighbours keeps a flat picture's cost at 0.
    stencil_BKHW[:, :1] = -apply_stencil(stencil_BKHW, torch.ones_like(stencil_BKHW[:, :1]).double())
    return stencil_BKHW


def _sum_windows(strip_3HW: Tensor, epsilon: float) -> Tensor:
    """Entries of L that a strip's windows add up to, centres left at 0: 13 x H x W in float64."""
    height, width = strip_3HW.shape[1:]
    basis_P3HW = _affine_basis(strip_3HW, epsilon)
    sums_KHW = strip_3HW.new_zeros((13, height, width))
    for first, (own_3HW, (row, column)) in enumerate(zip(basis_P3HW, PIXELS, strict=True)):
        at_first_HW = (slice(row, height - 2 + row), slice(column, width - 2 + column))
        # The later pixels of one row of the window go to planes that follow each other.
        for down in range(int(column == 2), 3 - row):
            start, stop = max(first + 1, 3 * (row + down)), 3 * (row + down + 1)
            plane = OFFSETS.index((down, start % 3 - column))
            projections_PHW = basis_P3HW[start:stop, 0] * own_3HW[0] + 1 / 9
            projections_PHW.addcmul_(basis_P3HW[start:stop, 1], own_3HW[1])
            projections_PHW.addcmul_(basis_P3HW[start:stop, 2], own_3HW[2])
            sums_KHW[(slice(plane, plane + stop - start), *at_first_HW)] -= projections_PHW
    return sums_KHW


def _affine_basis(strip_3HW: Tensor, epsilon: float) -> Tensor:
    """Whitened centred colours Q of every window: Q Q^T is the equation's 1/9 (...), but for its 1.

    That is C (C^T C + epsilon Id)^-1 C^T, C the nine centred colours. Gram-Schmidt on C's columns is the
    Cholesky factorisation of the middle: a closed-form inverse would lose all digits where a window is
    nearly grey, and so would a covariance of colours that are not centred first.
    """
    height, width = strip_3HW.shape[1:]
    basis_P3HW = torch.stack([strip_3HW[:, y : height - 2 + y, x : width - 2 + x] for y, x in PIXELS])
    basis_P3HW -= basis_P3HW.mean(0, keepdim=True)
    for channel in range(3):
        colour_PHW = basis_P3HW[:, channel]
        square_HW = colour_PHW.square().sum(0) + epsilon
        # All overlaps before any subtraction: the ridge's part of the columns is not stored.
        overlaps = [(colour_PHW * basis_P3HW[:, done]).sum(0) for done in range(channel)]
        for done, overlap_HW in enumerate(overlaps):
            square_HW -= overlap_HW.square()
            colour_PHW.addcmul_(overlap_HW, basis_P3HW[:, done], value=-1)
        colour_PHW *= square_HW.rsqrt()
    return basis_P3HW


@torch.no_grad()
def apply_stencil(stencil_BKHW: Tensor, picture_BCHW: Tensor) -> Tensor:
    """L V of every channel: B x C x H x W, in float32 or, if that is wider, in the picture's precision.

    Carries no gradient; `photorealism_loss` does. Raises PictureError where stencil and picture differ in size.
    """
    if stencil_BKHW.shape[-2:] != picture_BCHW.shape[-2:]:
        raise PictureError(
            f"picture has shape {tuple(picture_BCHW.shape)}, but the stencil is of a content of"
            f" {stencil_BKHW.shape[-2]} x {stencil_BKHW.shape[-1]} px: build it from the content at this size."
        )
    dtype = torch.promote_types(picture_BCHW.dtype, torch.float32)
    picture_BCN, stencil_BKN = picture_BCHW.to(dtype).contiguous().flatten(2), stencil_BKHW.flatten(2)
    product_BCN = stencil_BKN[:, :1].to(dtype) * picture_BCN
    for plane, (down, right) in enumerate(OFFSETS[1:], 1):
        # Whole runs of memory, half again as fast as rows: what wraps round to the next row counts 0.
        step = down * picture_BCHW.shape[-1] + right
        entries_B1N = stencil_BKN[:, plane : plane + 1, :-step].to(dtype)
        product_BCN[..., :-step].addcmul_(entries_B1N, picture_BCN[..., step:])
        product_BCN[..., step:].addcmul_(entries_B1N, picture_BCN[..., :-step])
    return product_BCN.view(picture_BCHW.shape)


def photorealism_loss(picture_B3HW: Tensor, stencil_BKHW: Tensor) -> Tensor:
    """Sum over RGB of V^T L V, pictures in [0, 1]; B values (Luan et al., 2017, eq. 2).

    Not below 0 but for rounding. A sum over the picture: it grows with its size. First derivatives only.
    """
    product_BCHW = apply_stencil(stencil_BKHW, picture_B3HW)
    # The gradient is 2 L V, L being symmetric: 2 V - V is V, but its derivative is 2, and L V is at hand.
    doubled_B3HW = 2 * picture_B3HW - picture_B3HW.detach()
    return (doubled_B3HW * product_BCHW).sum((1, 2, 3))
