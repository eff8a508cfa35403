"""The picture convention, stated once (docs/conventions.md) and checked here.

A picture is B x 3 x H x W, sRGB, float32, in [0, 1]. A guide is B x 1 x H x W, float32, in [0, 1],
1 where a term counts fully. Sizes are (height, width), px.
"""

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.errors import PictureError

Size = tuple[int, int]


def check_picture(picture: Tensor, name: str, channels: int = 3) -> Tensor:
    """Return a picture (or, with one channel, a guide) unchanged; PictureError if it breaks the convention."""
    shape = f"B x {channels} x H x W"
    if picture.ndim != 4 or picture.shape[1] != channels:
        hint = " Add the batch axis with x[None]." if picture.ndim == 3 else ""
        raise PictureError(f"{name} has shape {tuple(picture.shape)}, but must be {shape}.{hint}")
    if not picture.is_floating_point():
        raise PictureError(
            f"{name} is {picture.dtype}, but must be float32 in [0, 1]: divide 8-bit values by 255."
        )
    if not picture.numel():
        raise PictureError(f"{name} has shape {tuple(picture.shape)}: it holds no pixel.")
    low, high = picture.aminmax()
    if not (low >= 0 and high <= 1):
        raise PictureError(f"{name} spans {low.item():.3g} to {high.item():.3g}, but must lie in [0, 1].")
    return picture.float()


def exact(tensor: Tensor) -> Tensor:
    """Widened to float32; double stays double, so that a computation can be held against itself without rounding."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def size_of(picture: Tensor) -> Size:
    """Height and width of a picture, px."""
    return picture.shape[-2], picture.shape[-1]


def resize(picture: Tensor, size: Size) -> Tensor:
    """Resize to (height, width) without aliasing; bicubic, so values may leave [0, 1] by a little."""
    if tuple(picture.shape[-2:]) == tuple(size):
        return picture
    return functional.interpolate(picture, size=size, mode="bicubic", align_corners=False, antialias=True)


def resize_guide(guide: Tensor, size: Size) -> Tensor:
    """Resize a guide to (height, width); linear, so that it stays in [0, 1]."""
    if tuple(guide.shape[-2:]) == tuple(size):
        return guide
    smaller = functional.interpolate(guide, size=size, mode="bilinear", align_corners=False, antialias=True)
    # Rounding may leave 1.0000001.
    return smaller.clamp(0, 1)


def gaussian_weights(length: int, sigma: float) -> Tensor:
    """Weights of a Gaussian of every position of a line for every other, length x length; no kernel to cut off.

    Rows do not sum to 1: the caller divides by what the same weights make of its guide (normalised convolution).
    """
    place_L = torch.arange(length)
    return (-0.5 * ((place_L[:, None] - place_L) / sigma).square()).exp()
