"""The one place where catalog pictures become tensors, and designs become pictures again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from catalogs.contents import read_contents
from catalogs.images import Picture, composite, decode, decode_mask
from catalogs.records import Garment, Style
from catalogs.store_contract import Store
from flows.planning import DesignJob
from stylecore.canvas import Canvas, fit, fit_style, place_back
from stylecore.mill import Pair
from stylecore.recipe import Recipe


@dataclass(frozen=True)
class Template:
    """A decoded garment: its picture, and its mask (H x W of 8 bits) or None where all of it is cloth."""

    picture: Picture
    mask: NDArray[np.uint8] | None


def read_template(store: Store, garment: Garment, max_pixels: int) -> Template:
    """Read and decode a garment; without a mask, alpha says what is cloth."""
    picture, mask = read_contents(store, garment)
    return decode_template(picture, mask or None, max_pixels)


def read_pattern(store: Store, style: Style, max_pixels: int) -> Picture:
    """Read and decode a style."""
    (picture,) = read_contents(store, style)
    return decode_pattern(picture, max_pixels)


def decode_template(picture_data: bytes, mask_data: bytes | None, max_pixels: int) -> Template:
    """A garment's bytes as a template."""
    picture = decode(picture_data, max_pixels=max_pixels)
    if mask_data is None:
        return Template(picture, picture.alpha)
    return Template(picture, decode_mask(mask_data, picture.size, max_pixels=max_pixels))


def decode_pattern(data: bytes, max_pixels: int) -> Picture:
    """A style's bytes as a picture; transparent parts show white, as they would on paper."""
    picture = decode(data, max_pixels=max_pixels)
    if picture.alpha is None:
        return picture
    return composite(Picture(np.full_like(picture.rgb, 255)), picture.rgb, picture.alpha)


def to_content(template: Template, recipe: Recipe) -> Canvas:
    """A garment becomes content: fitted to the recipe's canvas, with its guide."""
    picture = to_tensor(template.picture)
    guide = torch.ones_like(picture[:, :1]) if template.mask is None else _guide(template.mask)
    return fit(picture, guide, recipe.canvas, recipe.margin)


def to_style(pattern: Picture, recipe: Recipe) -> Tensor:
    """A style becomes style: 1 x 3 x h x w, scaled to the recipe's canvas."""
    return fit_style(to_tensor(pattern), recipe.canvas, recipe.style_scale)


def to_pair(job: DesignJob, canvas: Canvas, pattern: Picture, recipe: Recipe, tag: Any = None) -> Pair:
    """A garment on its canvas and a style become a pair of the mill."""
    style = to_style(pattern, recipe)
    size = "x".join(map(str, style.shape[2:]))
    return Pair(
        content=canvas.content,
        style=style,
        guide=canvas.guide,
        recipe=recipe,
        repeat=job.style.repeat,
        content_key=job.garment.digest,
        style_key=f"{job.style.digest}:{size}",
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


def _guide(mask: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(mask.copy())[None, None].float() / 255
