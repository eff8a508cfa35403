"""The one place where catalog pictures become tensors, and designs become pictures again."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from catalogs.images.codec import Picture, composite, decode
from catalogs.inputs.content_digests import read_contents
from catalogs.inputs.repeats import check_proportion
from catalogs.records import Garment, Style
from catalogs.storage.store_contract import Store
from catalogs.templates.part_maps import SMALLEST_PART
from catalogs.templates.template import Template, decode_template
from flows.run.planning import DesignJob
from stylecore.canvas import Canvas, fit, fit_style, place_back
from stylecore.guides import bounding_box
from stylecore.mill import Pair
from stylecore.recipe import LARGEST, Recipe
from stylecore.tensors import resize, resize_guide, size_of


def read_template(store: Store, garment: Garment, max_pixels: int) -> Template:
    """Read and decode a garment; without a mask, alpha says what is cloth."""
    picture, mask, parts = read_contents(store, garment)
    return decode_template(picture, mask, parts, max_pixels=max_pixels)


def read_pattern(store: Store, style: Style, max_pixels: int) -> Picture:
    """Read and decode a style; RepeatError where its repeat is of quite another shape."""
    (data,) = read_contents(store, style)
    picture = decode_pattern(data, max_pixels)
    check_proportion(style, picture.size)
    return picture


def decode_pattern(data: bytes, max_pixels: int) -> Picture:
    """A style's bytes as a picture; transparent parts show white, as they would on paper."""
    picture = decode(data, max_pixels=max_pixels)
    if picture.alpha is None:
        return picture
    return composite(Picture(np.full_like(picture.rgb, 255)), picture.rgb, picture.alpha)


MOST_STRETCHED = 4096 * 4096
"""Pixels of a picture that is stretched to its repeat's shape: as many as the largest canvas has."""
PRINT_SCALE = 0.5
"""A style's longer side against the canvas's, for prints whose true size is not known."""


def to_content(template: Template, recipe: Recipe) -> Canvas:
    """A garment becomes content: fitted to the recipe's canvas, with its guide, a channel a part.

    Where the recipe paints large, the canvas has grown to the garment's own size.
    """
    guides = _parts(template) if recipe.parts else {"cloth": _cloth(template)}
    return fit(
        to_tensor(template.picture),
        torch.cat(list(guides.values()), 1),
        recipe.canvas,
        recipe.margin,
        LARGEST if recipe.large_steps else 0,
    )


def to_style_guide(
    template: Template, style_parts: Mapping[str, NDArray[np.uint8]], style: Tensor
) -> tuple[Tensor, list[str]]:
    """Where each of the garment's parts finds its style, 1 x P x h x w on the style's grid, and what to say.

    Parts are matched by name. One that the style does not have takes the whole style; one that only the
    style has is not used. Both are said.
    """
    names = list(_parts(template))
    whole = torch.ones(1, 1, *style.shape[2:])
    guides = [
        resize_guide(to_guide(style_parts[name]), size_of(style)) if name in style_parts else whole
        for name in names
    ]
    remarks = [
        f"part '{name}' is not in the style: it takes the whole style"
        for name in names
        if name not in style_parts
    ]
    remarks += [
        f"part '{name}' is only in the style: it is not used" for name in style_parts if name not in names
    ]
    return torch.cat(guides, 1), remarks


def _parts(template: Template) -> dict[str, Tensor]:
    """Every part's guide, and as `rest` the cloth that no part marks, if there is more than a seam of it."""
    cloth = _cloth(template)
    found = {name: cloth * to_guide(mask) for name, mask in template.parts.items()}
    rest = cloth - sum(found.values(), start=torch.zeros_like(cloth))
    if not found or float(rest.sum()) > SMALLEST_PART * float(cloth.sum()):
        found["rest"] = rest.clamp(0, 1)
    return found


def _cloth(template: Template) -> Tensor:
    if template.mask is None:
        return torch.ones(1, 1, *template.picture.size)
    return to_guide(template.mask)


def to_style(
    pattern_13HW: Tensor, recipe: Recipe, canvas: Canvas, true_scale: float | None = None
) -> tuple[Tensor, float]:
    """A style becomes style, 1 x 3 x h x w, and how many times larger it would have to be (stylecore/canvas.py).

    Its longer side is the recipe's `style_scale` times `true_scale` times the canvas's. Where the true scale is not
    known, it is 1, and for a print what most prints have.
    """
    known = true_scale or (PRINT_SCALE if recipe.init == "print" else 1.0)
    return fit_style(pattern_13HW, size_of(canvas.content), recipe.style_scale * known)


def _in_proportion(pattern_13HW: Tensor, style: Style) -> Tensor:
    """A print's picture in the proportion of its repeat, where width and height of that are both known.

    The side that is too short is stretched, so that no detail is lost, up to MOST_STRETCHED pixels or those that the
    picture has.
    """
    width_cm, height_cm = style.repeat_width_cm, style.repeat_height_cm
    if not width_cm or not height_cm:
        return pattern_13HW
    height, width = size_of(pattern_13HW)
    ratio = height_cm / width_cm
    high, wide = max(height, width * ratio), max(width, height / ratio)
    smaller = min(1.0, sqrt(max(MOST_STRETCHED, height * width) / (high * wide)))
    return resize(pattern_13HW, (round(high * smaller), round(wide * smaller))).clamp(0, 1)


def _repeat_width(style: Style, pattern_13HW: Tensor) -> float | None:
    """Width of a repeat, cm; where only its height is known, the picture's own proportion gives it."""
    height, width = size_of(pattern_13HW)
    if style.repeat_width_cm or not style.repeat_height_cm:
        return style.repeat_width_cm
    return style.repeat_height_cm * width / height


def _motif_scale(job: DesignJob, canvas: Canvas, pattern_13HW: Tensor) -> float | None:
    """The scale at which a print has its true size on the garment; None where a width is not known.

    The print width of a garment is the width of its cloth on the canvas.
    """
    garment_cm, repeat_cm = job.garment.print_width_cm, _repeat_width(job.style, pattern_13HW)
    if not garment_cm or not repeat_cm:
        return None
    _, left, _, right = bounding_box(canvas.guide[0].sum(0, keepdim=True), 0.5)
    width_px = (right - left) * repeat_cm / garment_cm
    height, width = size_of(pattern_13HW)
    return width_px * max(height, width) / width / max(size_of(canvas.content))


def to_pair(job: DesignJob, canvas: Canvas, pattern: Picture, recipe: Recipe, tag: Any = None) -> Pair:
    """A garment on its canvas and a style become a pair of the mill."""
    picture, scale = to_tensor(pattern), None
    if recipe.init == "print":
        picture = _in_proportion(picture, job.style)
        scale = _motif_scale(job, canvas, picture)
    style, enlarged = to_style(picture, recipe, canvas, scale)
    size = "x".join(map(str, style.shape[2:]))
    return Pair(
        content=canvas.content,
        style=style,
        guide=canvas.guide,
        recipe=recipe,
        repeat=job.style.repeat,
        enlarged=enlarged,
        # The margin is a pair's own and shapes its content.
        content_key=f"{job.garment.digest}:{recipe.margin}",
        style_key=f"{job.style.digest}:{size}:{enlarged}",
        tag=tag,
    )


def to_design(design_13HW: Tensor, canvas: Canvas, template: Template, recipe: Recipe) -> Picture:
    """A finished tensor becomes the design's picture, at the template's own size."""
    whole = place_back(design_13HW.cpu(), to_tensor(template.picture), canvas.placement, recipe.detail)
    painted = (whole[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return composite(template.picture, painted, template.mask)


def to_tensor(picture: Picture) -> Tensor:
    """1 x 3 x H x W in [0, 1]."""
    return torch.from_numpy(picture.rgb.copy()).permute(2, 0, 1)[None].float() / 255


def to_guide(mask: NDArray[np.uint8]) -> Tensor:
    """1 x 1 x H x W in [0, 1]."""
    return torch.from_numpy(mask.copy())[None, None].float() / 255
