"""Windows: a large picture looked at piece by piece, with the sums of the whole.

A window's features are right where it has the encoder's `reach` of the picture around them (or the
picture's own border), so statistics that are put together from windows are those of the whole picture, and
so are their gradients: there is no seam, and nothing drifts. It costs the rims, which are looked at twice,
and a second forward pass, since a window's activations are kept only while its gradient is taken.

Shape suffixes: B pairs, C channels, H rows, W columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylecore.encoders.encoder import Encoder, Features
from stylecore.tensors import Size, size_of

Part = Callable[[str, Tensor], Tensor]
"""A layer's name and a map on its grid over the whole picture, to the part of it in a window."""


@dataclass(frozen=True)
class Window:
    """Rows and columns, px (top, left, bottom, right), that are looked at, and of those, that count."""

    outer: tuple[int, int, int, int]
    inner: tuple[int, int, int, int]


def split_into_windows(
    picture_B3HW: Tensor, side: int, encoder: Encoder, guides: Mapping[str, Tensor] | None = None
) -> list[Window]:
    """Windows that cover a picture once with their inner parts, about `side` px each way.

    Where no side is longer (or `side` is 0) it is the whole. Windows in which no guide is above 0 (guides
    are maps by layer) count for nothing and are left out.
    """
    size = size_of(picture_B3HW)
    if not side or max(size) <= side:
        return [Window((0, 0, *size), (0, 0, *size))]
    stride = max(encoder.strides.values())
    # Inner parts and rims begin on the coarsest grid, so that a window's grids are cut out of the whole's.
    step, rim = _rounded_up(side, stride), _rounded_up(encoder.reach, stride)
    everywhere = [
        Window(
            (max(0, top - rim), max(0, left - rim), min(size[0], bottom + rim), min(size[1], right + rim)),
            (top, left, bottom, right),
        )
        for top, bottom in _spans(size[0], step, stride)
        for left, right in _spans(size[1], step, stride)
    ]
    if not guides:
        return everywhere
    covered = [
        window
        for window in everywhere
        # Every layer's: on a side that is no multiple of the grids' cells, their averages reach differently far.
        if any(_cut(map_, encoder.strides[layer], size, window).any() for layer, map_ in guides.items())
    ]
    return covered or everywhere[:1]


def window_features(encoder: Encoder, picture_B3HW: Tensor, window: Window) -> tuple[Features, Part]:
    """Features of a window's inner part by layer, and how maps of the whole picture are cut to it."""
    top, left, bottom, right = window.outer
    size, strides = size_of(picture_B3HW), encoder.strides
    features_by_layer = encoder(picture_B3HW[..., top:bottom, left:right])
    inner = {
        layer: _cut(features, strides[layer], size, window, (top, left))
        for layer, features in features_by_layer.items()
    }
    return inner, lambda layer, whole: _cut(whole, strides[layer], size, window)


def layer_grid(encoder: Encoder, layer: str, picture_B3HW: Tensor) -> Size:
    """Rows and columns of a layer's grid over a picture; pooling drops an odd last one."""
    height, width = size_of(picture_B3HW)
    return height // encoder.strides[layer], width // encoder.strides[layer]


def assemble_layer(
    encoder: Encoder, layer: str, picture_B3HW: Tensor, parts: Sequence[tuple[Window, Tensor]]
) -> Tensor:
    """A layer's features of the whole picture from those of windows; 0 where no window was looked at."""
    first, wanted = parts[0][1], layer_grid(encoder, layer, picture_B3HW)
    if size_of(first) == wanted:
        return first
    whole = first.new_zeros(*first.shape[:2], *wanted)
    for window, features in parts:
        _cut(whole, encoder.strides[layer], size_of(picture_B3HW), window).copy_(features)
    return whole.contiguous(memory_format=torch.channels_last)


def _cut(
    map_BCHW: Tensor, stride: int, size: Size, window: Window, origin: tuple[int, int] = (0, 0)
) -> Tensor:
    top, left, bottom, right = window.inner
    rows = slice((top - origin[0]) // stride, _end(bottom, size[0], stride, origin[0]))
    columns = slice((left - origin[1]) // stride, _end(right, size[1], stride, origin[1]))
    return map_BCHW[..., rows, columns]


def _end(end: int, whole: int, stride: int, origin: int) -> int | None:
    # Pooling drops an odd last row, so the last window ends where the grid does.
    return None if end == whole else (end - origin) // stride


def _rounded_up(length: int, stride: int) -> int:
    return -(-length // stride) * stride


def _spans(length: int, step: int, stride: int) -> list[tuple[int, int]]:
    """Spans of `step`; a last one thinner than the coarsest grid's cell joins the one before."""
    starts = list(range(0, length, step))
    if len(starts) > 1 and length - starts[-1] < stride:
        starts.pop()
    return list(zip(starts, [*starts[1:], length], strict=True))
