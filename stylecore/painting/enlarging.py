"""Enlarging: a design larger than its canvas, with the style's own pixels.

A canvas of 320 px that is stretched to 1,000 looks like a thumbnail. But each place of a design is like one of the
style's, and the style is there in its own size. So every pixel of the canvas is assigned a pixel of the style, coarse
layers first (stylecore/objective/assignment.py), and around it the style is copied at full size: nine copies overlap,
each counts by its distance, as in Kwatra et al. (2005), "Texture Optimization for Example-based Synthesis". The copy
takes the design's coarse light, and where it differs from the design, the stretched design shows instead.

Shape suffixes: B = 1, P parts, H rows, W columns of the canvas, N = H * W; h, w of the style at the canvas's scale.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.color import luminance
from stylecore.objective.assignment import OFFSETS, Side, choose_in_balance, find_finer_places, find_places
from stylecore.objective.guides import layer_guide
from stylecore.objective.patches import PatchSource, describe, patch_source
from stylecore.painting.pyramid import scaled
from stylecore.tensors import Size, resize, resize_guide, size_of

COARSEST = 4
"""Pixels between two places of the layer that the assignment begins in, at most."""
SPREAD = 0.8
"""Standard deviation, px of the canvas, of the weight of a copy."""
LIGHT_CELL = 10
"""Pixels of the canvas along a cell in which a copy takes the design's light."""
TOLERANCE = 0.15
"""Difference of a copy from the design, root mean square in units of the picture's range, at which it counts 1 / e."""


class Enlargement(NamedTuple):
    """How much larger than its canvas a design becomes, and the style as large: 1 x 3 x h' x w' in [0, 1]."""

    style: Tensor
    factor: float


def enlarge(
    features: Mapping[str, Tensor],
    style_features: Mapping[str, Tensor],
    strides: Mapping[str, int],
    picture_13HW: Tensor,
    guide_1PHW: Tensor,
    style_guide_1Phw: Tensor,
    enlargement: Enlargement,
    strength: float,
) -> Tensor:
    """The picture `enlargement.factor` times larger, with the style's own detail, in [0, 1].

    Args:
        features: the picture's by layer.
        style_features: the style's by layer, at the canvas's scale.
        strides: pixels between two places of each layer.
        picture_13HW: the design on its canvas.
        guide_1PHW: where its parts are.
        style_guide_1Phw: where the style's parts are; ones where it has none.
        enlargement: the factor, and the style at full size.
        strength: share of the style's detail, 0 (the picture stretched) to 1.
    """
    size = scaled(size_of(picture_13HW), enlargement.factor)
    stretched = resize(picture_13HW, size).clamp(0, 1)
    cloth = guide_1PHW.sum(1, keepdim=True).clamp(0, 1)
    rows, columns = pixel_places(
        features, style_features, strides, size_of(picture_13HW), guide_1PHW, style_guide_1Phw
    )
    copy = copied(rows, columns, size_of(style_guide_1Phw), enlargement.style, size)
    finer = stretched + copy - resize(resize(copy, size_of(picture_13HW)), size)
    relit = with_light_of(copy, stretched, resize_guide(cloth, size), size_of(picture_13HW))
    share = strength * agreement(relit, picture_13HW)
    detailed = share * relit + (1 - share) * (stretched + strength * (finer - stretched))
    return detailed.clamp(0, 1)


def pixel_places(
    features: Mapping[str, Tensor],
    style_features: Mapping[str, Tensor],
    strides: Mapping[str, int],
    size: Size,
    guide_1PHW: Tensor,
    style_guide_1Phw: Tensor,
) -> tuple[Tensor, Tensor]:
    """Row and column of the style's pixel for each of the design's, H x W each; parts take their own part's."""
    layers = _coarse_to_fine(strides)
    guides = {layer: layer_guide(guide_1PHW, size_of(features[layer])) for layer in layers}
    sources = {
        layer: patch_source(
            style_features[layer], layer_guide(style_guide_1Phw, size_of(style_features[layer]))
        )
        for layer in layers
    }
    descriptors = {
        layer: describe(features[layer], sources[layer].basis, sources[layer].offset) for layer in layers
    }
    by_part = [
        _part_places(
            [Side(descriptors[layer], guides[layer][:, part]) for layer in layers], sources, layers, part
        )
        for part in range(guide_1PHW.shape[1])
    ]
    finest = layers[-1]
    of_part_HW = guides[finest][0].argmax(0)
    places_HW = torch.stack(by_part).view(-1, *of_part_HW.shape).gather(0, of_part_HW[None])[0]
    width = size_of(style_features[finest])[1]
    return _every_pixel(places_HW // width, places_HW % width, strides[finest], size)


def _coarse_to_fine(strides: Mapping[str, int]) -> list[str]:
    """A layer a stride, from `COARSEST` down; the finest alone where all are coarser."""
    by_stride = {stride: layer for layer, stride in reversed(list(strides.items()))}
    fine = {stride: layer for stride, layer in by_stride.items() if stride <= COARSEST}
    return [
        layer
        for _, layer in sorted((fine or {min(by_stride): by_stride[min(by_stride)]}).items(), reverse=True)
    ]


def _part_places(
    design: list[Side], sources: Mapping[str, PatchSource], layers: list[str], part: int
) -> Tensor:
    """Places in the finest layer for one part, layer by layer."""
    style = [Side(sources[layer].descriptors, sources[layer].guide[:, part]) for layer in layers]
    places = find_places(choose_in_balance, design[0], style[0])
    for level in range(1, len(layers)):
        places = find_finer_places(places, design[level - 1], style[level - 1], design[level], style[level])
    return places


def _every_pixel(rows_HW: Tensor, columns_HW: Tensor, stride: int, size: Size) -> tuple[Tensor, Tensor]:
    """Rows and columns of a layer's places as pixels of the whole canvas."""
    down = torch.arange(size[0], device=rows_HW.device)
    right = torch.arange(size[1], device=rows_HW.device)
    cell_row = (down // stride).clamp_max(rows_HW.shape[0] - 1)[:, None]
    cell_column = (right // stride).clamp_max(rows_HW.shape[1] - 1)[None]
    rows = rows_HW[cell_row, cell_column] * stride + down[:, None] - cell_row * stride
    columns = columns_HW[cell_row, cell_column] * stride + right[None] - cell_column * stride
    return rows, columns


def copied(rows_HW: Tensor, columns_HW: Tensor, scaled_from: Size, style_13hw: Tensor, size: Size) -> Tensor:
    """The style's pixels around each assigned one, at a larger `size`: 1 x 3 x size.

    `rows_HW` and `columns_HW` are pixels of the style in the size `scaled_from`; `style_13hw` is the style in any size.
    """
    height, width = rows_HW.shape
    down, up_row = _canvas_position(size[0], height, rows_HW.device)
    right, up_column = _canvas_position(size[1], width, rows_HW.device)
    total = style_13hw.new_zeros(1, 3, *size)
    weights = style_13hw.new_zeros(size)
    for below, beside in OFFSETS:
        row, column = (up_row + below).clamp(0, height - 1), (up_column + beside).clamp(0, width - 1)
        away_row, away_column = down - row, right - column
        at_row = rows_HW[row[:, None], column[None]] + away_row[:, None]
        at_column = columns_HW[row[:, None], column[None]] + away_column[None]
        grid = torch.stack(
            [(at_column + 0.5) / scaled_from[1] * 2 - 1, (at_row + 0.5) / scaled_from[0] * 2 - 1], -1
        )
        copy = functional.grid_sample(
            style_13hw,
            grid[None].to(style_13hw),
            mode="bilinear",
            padding_mode="reflection",
            align_corners=False,
        )
        weight = torch.exp(-(away_row.square()[:, None] + away_column.square()[None]) / (2 * SPREAD**2))
        total += copy * weight
        weights += weight
    return (total / weights).clamp(0, 1)


def _canvas_position(length: int, canvas: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where each of `length` pixels lies on the canvas, in its pixels, and the nearest of those."""
    position = (torch.arange(length, device=device) + 0.5) * canvas / length - 0.5
    return position, position.round().long().clamp(0, canvas - 1)


def with_light_of(copy_13HW: Tensor, design_13HW: Tensor, cloth_11HW: Tensor, canvas: Size) -> Tensor:
    """A copy with the design's light in cells of `LIGHT_CELL` px of the canvas: the folds, which the style has not."""
    cells = (max(1, canvas[0] // LIGHT_CELL), max(1, canvas[1] // LIGHT_CELL))
    cloth = functional.adaptive_avg_pool2d(cloth_11HW, cells)
    design, copy = (
        functional.adaptive_avg_pool2d(luminance(each)[:, :1] * cloth_11HW, cells)
        for each in (design_13HW, copy_13HW)
    )
    # Two hundredths: nearly black cells are mostly noise.
    ratio = torch.where(cloth > 0.01, (design + 0.02 * cloth) / (copy + 0.02 * cloth).clamp_min(1e-6), 1.0)
    smooth = functional.interpolate(
        ratio.clamp(0.4, 2.5), size=size_of(copy_13HW), mode="bicubic", align_corners=False
    )
    return (copy_13HW * smooth.clamp(0.4, 2.5)).clamp(0, 1)


def agreement(copy_13HW: Tensor, picture_13HW: Tensor) -> Tensor:
    """How far a copy shows what the canvas shows, 0 to 1, 1 x 1 x the copy's size."""
    difference = (resize(copy_13HW, size_of(picture_13HW)) - picture_13HW).square().mean(1, keepdim=True)
    around = functional.avg_pool2d(difference, 5, stride=1, padding=2, count_include_pad=False)
    return resize_guide(torch.exp(-around / TOLERANCE**2), size_of(copy_13HW))
