"""The canvas: a garment cropped to its guide and fitted, never stretched, to one shape.

Every garment of a recipe gets the same canvas, so that any pairs can share a batch. What pads the
canvas lies outside the guide and costs nothing.
"""

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from stylecore.color import luminance
from stylecore.objective.guides import bounding_box
from stylecore.painting.pyramid import scaled
from stylecore.tensors import Size, resize, resize_guide, size_of

MOST_PADDED = 4
"""Pixels of a canvas that has grown, over those of the crop in it. A scarf of 1:3 has some 2.5."""
FAINT = 1 / 8
"""Share of the guide's largest value up to which a position does not widen the crop: haze, the foot of an edge."""


@dataclass(frozen=True)
class Placement:
    """Where a canvas lies on its template: the crop (top, left, bottom, right) and its place in the canvas."""

    crop: tuple[int, int, int, int]
    inner: tuple[int, int, int, int]


@dataclass(frozen=True)
class Canvas:
    """A garment on its canvas: 1 x 3 x H x W, its guide 1 x P x H x W (a channel a part), and the way back."""

    content: Tensor
    guide: Tensor
    placement: Placement


def fit(
    template_13HW: Tensor, guide_1PHW: Tensor, size: Size, margin: float = 0.04, largest: int = 0
) -> Canvas:
    """Crop to the box of the guide above `FAINT` plus `margin` of its longer side, fit to `size`, pad by the rim.

    The crop is widened to the canvas's own proportion where the template has room, so that little is
    padding. Padding repeats the rim's pixels: a hard edge would be a feature of its own. With `largest`,
    px, the canvas grows in its proportion until the crop is there in its own size, if that is no longer, and
    while the crop is at least a share of 1 / MOST_PADDED of it: a thread on a large canvas would be nothing but padding.
    """
    box = bounding_box(guide_1PHW[0].sum(0, keepdim=True), FAINT)
    crop = _crop(box, size_of(template_13HW), size, margin)
    top, left, bottom, right = crop
    height, width = bottom - top, right - left
    growth = min(
        max(height / size[0], width / size[1]),
        largest / max(size),
        math.sqrt(MOST_PADDED * height * width / (size[0] * size[1])),
    )
    size = scaled(size, max(1.0, growth))
    scale = min(size[0] / height, size[1] / width)
    inner = min(size[0], max(1, round(height * scale))), min(size[1], max(1, round(width * scale)))
    before = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    pad = (before[1], size[1] - inner[1] - before[1], before[0], size[0] - inner[0] - before[0])
    content = resize(template_13HW[..., top:bottom, left:right], inner).clamp(0, 1)
    guide = resize_guide(guide_1PHW[..., top:bottom, left:right], inner)
    return Canvas(
        content=functional.pad(content, pad, mode="replicate"),
        guide=functional.pad(guide, pad),
        placement=Placement(crop, (before[0], before[1], before[0] + inner[0], before[1] + inner[1])),
    )


def place_back(
    design_13HW: Tensor,
    template_13HW: Tensor,
    placement: Placement,
    detail: float = 0.0,
    detail_limit: float = 1.0,
    larger: float = 1.0,
) -> Tensor:
    """Lay a design over its template, at the template's size; outside the crop it is the template.

    `detail` is the share of the template's luminance finer than the canvas (weave, seams, stitches)
    that is added to the design, so that a small canvas still gives a sharp picture. Where it is stronger than
    `detail_limit` it is a print's edge and is left out (`woven`). The design is `larger` times its canvas.
    """
    top, left, bottom, right = placement.crop
    a, b, c, d = placement.inner
    patch = template_13HW[..., top:bottom, left:right]
    upper, leftmost, lower, rightmost = (round(larger * side) for side in (a, b, c, d))
    painted = resize(design_13HW[..., upper:lower, leftmost:rightmost], size_of(patch))
    if detail:
        coarse = resize(resize(patch, (c - a, d - b)), size_of(patch))
        painted = painted + detail * woven(luminance(patch) - luminance(coarse), detail_limit)
    whole = template_13HW.clone()
    whole[..., top:bottom, left:right] = painted.clamp(0, 1)
    return whole


def woven(fine_13HW: Tensor, limit: float) -> Tensor:
    """Fine light and dark of cloth without the edges of its print: less where it is stronger than `limit` around.

    Weave and seams are weak; a print's edges are strong, and would be embossed on a design that has another pattern.
    From a limit of 1 on nothing is left out.
    """
    if limit >= 1:
        return fine_13HW
    around = functional.avg_pool2d(fine_13HW.square(), 9, stride=1, padding=4, count_include_pad=False)
    return fine_13HW / (1 + (around / limit**2) ** 2)


def fit_style(style_13HW: Tensor, size: Size, scale: float = 1.0) -> tuple[Tensor, float]:
    """Scale a style so that its longer side is `scale` times the canvas's longer side.

    It is enlarged at most twice each way: more would only blur its motifs. Returns it with how many times
    larger it would have to be.
    """
    factor = max(size) * scale / max(size_of(style_13HW))
    fitted = resize(style_13HW, scaled(size_of(style_13HW), min(2.0, factor))).clamp(0, 1)
    return fitted, max(1.0, factor / 2)


def _crop(
    box: tuple[int, int, int, int], frame: Size, size: Size, margin: float
) -> tuple[int, int, int, int]:
    top, left, bottom, right = box
    room = margin * max(bottom - top, right - left)
    height, width = bottom - top + 2 * room, right - left + 2 * room
    height, width = max(height, width * size[0] / size[1]), max(width, height * size[1] / size[0])
    rows = _span((top + bottom) / 2, height, frame[0])
    columns = _span((left + right) / 2, width, frame[1])
    return rows[0], columns[0], rows[1], columns[1]


def _span(centre: float, length: float, limit: int) -> tuple[int, int]:
    """A span of `length` about `centre`, pushed inside [0, limit] and cut there."""
    length = min(length, limit)
    start = min(max(0.0, centre - length / 2), limit - length)
    return int(start), min(limit, int(start + length + 0.999))
