"""Pictures of the catalogs become tensors, and finished tensors become pictures: nothing else converts them."""

from collections.abc import Callable, Mapping
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
from flows.planning.plan import DesignJob
from stylecore.objective.guides import bounding_box
from stylecore.painting.canvas import Canvas, fit, fit_style, place_back
from stylecore.painting.enlarging import Enlargement
from stylecore.painting.initialization import style_size
from stylecore.painting.pair import MakeEnlargement, Pair
from stylecore.painting.pyramid import scaled
from stylecore.recipe import LARGEST, Recipe
from stylecore.tensors import resize, resize_guide, size_of


def read_template(store: Store, garment: Garment, max_pixels: int) -> Template:
    """Read and decode a garment: picture, mask and parts; without a mask, the picture's alpha marks the cloth."""
    picture, mask, parts = read_contents(store, garment)
    return decode_template(picture, mask, parts, max_pixels=max_pixels)


def read_pattern(store: Store, style: Style, max_pixels: int) -> Picture:
    """Read and decode a style's picture; RepeatError where its repeat is of quite another shape than the picture."""
    (data,) = read_contents(store, style)
    picture = decode_pattern(data, max_pixels)
    check_proportion(style, picture.size)
    return picture


def decode_pattern(data: bytes, max_pixels: int) -> Picture:
    """Decode the bytes of a style's picture; transparent parts become white, as they would be on paper."""
    picture = decode(data, max_pixels=max_pixels)
    if picture.alpha is None:
        return picture
    return composite(Picture(np.full_like(picture.rgb, 255)), picture.rgb, picture.alpha)


MOST_STRETCHED = 4096 * 4096
"""Pixels of a picture that is stretched to its repeat's shape: as many as the largest canvas has."""
PRINT_SCALE = 0.5
"""A style's longer side against the canvas's, for prints whose true size is not known."""


def to_content(template: Template, recipe: Recipe) -> Canvas:
    """Fit a garment to the recipe's canvas, as the content, with its guide: a channel for each part.

    Where the recipe paints large, the canvas grows to the garment's own size.
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
    """Return where each of the garment's parts finds its style, 1 x P x h x w on the style's grid, and remarks.

    Parts are matched by name. A part that the style does not have takes the whole style; a part that only the style
    has is not used. A remark names each of both.
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
    """The guide of every part, and as `rest` the cloth that no part marks, if that is more than a seam."""
    cloth = _cloth(template)
    guides = {name: cloth * to_guide(mask) for name, mask in template.parts.items()}
    rest = cloth - sum(guides.values(), start=torch.zeros_like(cloth))
    if not guides or float(rest.sum()) > SMALLEST_PART * float(cloth.sum()):
        guides["rest"] = rest.clamp(0, 1)
    return guides


def _cloth(template: Template) -> Tensor:
    if template.mask is None:
        return torch.ones(1, 1, *template.picture.size)
    return to_guide(template.mask)


def to_style(
    pattern_13HW: Tensor, recipe: Recipe, canvas: Canvas, true_scale: float | None = None
) -> tuple[Tensor, float]:
    """Return a style at its size, 1 x 3 x h x w, and how many times larger it would have to be (stylecore/painting).

    Its longer side is the recipe's `style_scale` times `true_scale` times the canvas's. Where the true scale is not
    known, it is 1, and PRINT_SCALE for a print.
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
    """Make a pair of the mill from a garment on its canvas and a style; the mill gives `tag` back with the result."""

    def read_picture(device: torch.device) -> Tensor:
        """The style in its own size; a print's in its repeat's proportion."""
        picture = to_tensor(pattern, device)
        return _in_proportion(picture, job.style) if recipe.init == "print" else picture

    picture = read_picture(torch.device("cpu"))
    scale = _motif_scale(job, canvas, picture) if recipe.init == "print" else None
    style, enlarged = to_style(picture, recipe, canvas, scale)
    size = "x".join(map(str, style.shape[2:]))
    return Pair(
        content=canvas.content,
        style=style,
        guide=canvas.guide,
        recipe=recipe,
        repeat=job.style.repeat,
        enlarged=enlarged,
        enlargement=to_enlargement(read_picture, style, canvas, recipe),
        # Pairs of one garment may differ in their margin, which shapes the content.
        content_key=f"{job.garment.digest}:{recipe.margin}",
        style_key=f"{job.style.digest}:{size}:{enlarged}",
        tag=tag,
    )


def to_enlargement(
    read_picture: Callable[[torch.device], Tensor], style_13HW: Tensor, canvas: Canvas, recipe: Recipe
) -> MakeEnlargement | None:
    """How much larger the garment is than its canvas, and the style in that size, or in its own if it is smaller.

    `style_13HW` is the style at the canvas's scale, and `read_picture` gives it in its own size, on a device: it is
    called when the design is finished, so that until then all pairs of a style share one picture of bytes. None where
    the recipe takes no detail of the style, or the canvas is as large as the garment.
    """
    factor = _factor(canvas)
    if not recipe.style_detail or not recipe.assigns_patches or factor < 1.01:
        return None
    size = scaled(style_size(style_13HW, 1.0), factor)

    def make(device: torch.device) -> Enlargement:
        """The style on the device."""
        picture = read_picture(device)
        smaller = size if max(size) < max(size_of(picture)) else size_of(picture)
        return Enlargement(resize(picture, smaller).clamp(0, 1), factor)

    return make


def _factor(canvas: Canvas) -> float:
    """How much larger the garment is than its canvas, as far as the largest picture that is painted."""
    (top, left, bottom, right), inner = canvas.placement.crop, canvas.placement.inner
    growth = max((bottom - top) / (inner[2] - inner[0]), (right - left) / (inner[3] - inner[1]))
    return min(growth, LARGEST / max(size_of(canvas.content)))


def to_design(design_13HW: Tensor, canvas: Canvas, template: Template, recipe: Recipe) -> Picture:
    """Make the design's picture, at the template's own size, from a finished tensor in [0, 1].

    The tensor has the canvas's size, or is the same design so many times larger.
    """
    larger = design_13HW.shape[-2] / canvas.content.shape[-2]
    whole = place_back(
        design_13HW.cpu(),
        to_tensor(template.picture),
        canvas.placement,
        recipe.detail,
        recipe.detail_limit,
        larger,
    )
    painted = (whole[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return composite(template.picture, painted, template.mask)


def to_tensor(picture: Picture, device: torch.device | str = "cpu") -> Tensor:
    """Return a picture as a tensor, 1 x 3 x H x W in [0, 1]; it goes to the device as bytes."""
    return torch.from_numpy(picture.rgb.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def to_guide(mask: NDArray[np.uint8]) -> Tensor:
    """Return a mask of levels from 0 to 255 as a guide, 1 x 1 x H x W in [0, 1]."""
    return torch.from_numpy(mask.copy())[None, None].float() / 255
