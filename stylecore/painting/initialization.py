"""What goes into a level and what the optimiser starts from: contents, styles and starts, at its size."""

import torch
from torch import Tensor
from torch.nn import functional

from stylecore import color
from stylecore.objective.shading import SHADING_RANGE, folds
from stylecore.painting.printing import UNTOLD, printed
from stylecore.painting.pyramid import SMALLEST, Level, scaled
from stylecore.recipe import Recipe
from stylecore.tensors import Size, resize, resize_guide, size_of


def content_at(content_13HW: Tensor, recipe: Recipe, level: Level) -> Tensor:
    """The content as a level sees it; where its colours are kept, its luminance."""
    picture_13HW = color.luminance(content_13HW) if recipe.color == "keep" else content_13HW
    return resize(picture_13HW, level.size).clamp(0, 1)


def style_at(
    style_13HW: Tensor,
    content_13HW: Tensor,
    guide_1PHW: Tensor,
    recipe: Recipe,
    level: Level,
    enlarged: float = 1.0,
) -> Tensor:
    """The style as a level sees it: recoloured by the recipe's policy, and shrunk with the canvas.

    A style that would have to be `enlarged` so many times more at the finest level is taken as it is there.
    """
    recoloured = recoloured_style(style_13HW, content_13HW, guide_1PHW, recipe)
    return resize(recoloured, style_size(style_13HW, min(1.0, level.scale * enlarged))).clamp(0, 1)


def recoloured_style(style_13HW: Tensor, content_13HW: Tensor, guide_1PHW: Tensor, recipe: Recipe) -> Tensor:
    """The style in the colours that the recipe's policy gives it."""
    cloth = guide_1PHW.sum(1, keepdim=True).clamp(0, 1)
    if recipe.color == "match":
        return color.match_mean_and_covariance(style_13HW, content_13HW, cloth)
    if recipe.color == "keep":
        # Luminance alone is transferred; the content's chroma comes back at the end.
        return color.match_luminance(style_13HW, color.luminance(content_13HW), cloth)
    return style_13HW


KEPT_AS_THEY_ARE = ("noise", "style", "shaded")
"""Starts that are not brought out of the light of folds: the first two have none, and in the third it says where dark
and light motifs begin."""


def start_at(
    style_13HW: Tensor,
    content_13HW: Tensor,
    guide_1PHW: Tensor,
    recipe: Recipe,
    level: Level,
    repeat: str = UNTOLD,
    enlarged: float = 1.0,
    known_folds: Tensor | None = None,
) -> Tensor:
    """The picture that the first level starts from, 1 x 3 x H x W in [0, 1].

    `known_folds` are the garment's (`shading.folds`) where the caller has them; else they are read where init asks.
    """
    if recipe.init == "noise":
        # The seed's noise, whatever the pair, so that a batch equals single runs.
        generator = torch.Generator().manual_seed(recipe.seed)
        return torch.rand(1, 3, *level.size, generator=generator).to(content_13HW)
    style = recoloured_style(style_13HW, content_13HW, guide_1PHW, recipe)
    if recipe.init == "style":
        return _cover(style, level.size)
    content = color.luminance(content_13HW) if recipe.color == "keep" else content_13HW
    cloth = guide_1PHW.sum(1, keepdim=True).clamp(0, 1)
    if recipe.init == "recoloured":
        content = color.recolour(content, style, cloth)
    elif recipe.init == "shaded":
        of_garment = folds(content_13HW, cloth) if known_folds is None else known_folds
        light = light_over(of_garment, size_of(content), 1.0)
        # Without cloth there is nothing to shade.
        content = torch.where(cloth.amax() > 0, style.mean((2, 3), keepdim=True) * light, content)
    elif recipe.init == "print":
        content = printed(style, content, cloth, repeat, enlarged)
    return resize(content, level.size).clamp(0, 1)


def light_over(folds_11hw: Tensor, size: Size, strength: float) -> Tensor:
    """The light of folds at a size, 1 x 1 x H x W: 1 where they change nothing; `strength` is a recipe's `shading`."""
    light = functional.interpolate(folds_11hw, size=size, mode="bicubic", align_corners=False)
    return (1 + strength * (light - 1)).clamp(*SHADING_RANGE)


def unlit(picture_13HW: Tensor, fold_light: Tensor | None) -> Tensor:
    """A picture as it would be without the light of folds: what is painted lies under it again when it is finished."""
    return picture_13HW if fold_light is None else (picture_13HW / fold_light).clamp(0, 1)


def with_noise(start_13HW: Tensor, guide_1PHW: Tensor, recipe: Recipe) -> Tensor:
    """A start with the recipe's noise on the cloth: the seed's for every pair, so that a batch equals single runs."""
    if not recipe.start_noise or recipe.init == "noise":
        return start_13HW
    generator = torch.Generator().manual_seed(recipe.seed)
    noise = torch.randn(start_13HW.shape, generator=generator).to(start_13HW)
    cloth = resize_guide(guide_1PHW.to(start_13HW).sum(1, keepdim=True).clamp(0, 1), size_of(start_13HW))
    return (start_13HW + recipe.start_noise * cloth * noise).clamp(0, 1)


def carried(picture_13HW: Tensor, start_13HW: Tensor) -> Tensor:
    """A level's picture in the size of the next one, with what is finer in that level's own start.

    Beyond the canvas there are only few steps: weave, seams and a print's edges would not come by themselves.
    """
    size = size_of(start_13HW)
    finer = start_13HW - resize(resize(start_13HW, size_of(picture_13HW)), size)
    return (resize(picture_13HW, size) + finer).clamp(0, 1)


def finished(
    picture_13HW: Tensor,
    content_13HW: Tensor,
    recipe: Recipe,
    failure: str | None,
    fold_light: Tensor | None = None,
) -> Tensor:
    """The design under the light of its folds, if any; the content in its own colours where the pair failed."""
    if failure:
        return content_13HW
    design = picture_13HW if fold_light is None else (picture_13HW * fold_light).clamp(0, 1)
    return color.with_chroma_of(design, content_13HW) if recipe.color == "keep" else design


def style_size(style_13HW: Tensor, scale: float) -> Size:
    """Size of a style at a scale; a small one is not shrunk below what the deepest layer needs."""
    height, width = scaled(size_of(style_13HW), scale)
    grow = max(1.0, SMALLEST / min(height, width))
    return round(height * grow), round(width * grow)


def _cover(style_13HW: Tensor, size: Size) -> Tensor:
    scale = max(size[0] / style_13HW.shape[-2], size[1] / style_13HW.shape[-1])
    wanted = scaled(size_of(style_13HW), scale)
    covering = resize(style_13HW, (max(size[0], wanted[0]), max(size[1], wanted[1])))
    top, left = (covering.shape[-2] - size[0]) // 2, (covering.shape[-1] - size[1]) // 2
    return covering[..., top : top + size[0], left : left + size[1]].clamp(0, 1)
