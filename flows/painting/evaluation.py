"""The quality measures of a finished design, as its record holds them; stylecore/metrics.py defines each of them."""

from dataclasses import dataclass

import numpy as np
import torch

from catalogs.images.codec import Picture
from catalogs.templates.template import Template
from stylecore import metrics
from stylecore.encoders.encoder import Encoder
from stylecore.painting.initialization import style_size
from stylecore.painting.pair import Finished
from stylecore.painting.pyramid import scaled
from stylecore.tensors import resize, resize_guide, size_of


@dataclass(frozen=True)
class Measures:
    """Quality measures of a design on its canvas; NaN where a measure is not defined, as folds of a plain garment."""

    style_distance: float
    fold_correlation: float
    checkerboard_peak: float
    variation_ratio: float


def measure(encoder: Encoder, finished: Finished) -> Measures:
    """Measure a design against its garment and style, under the garment's guide, by the recipe's encoder.

    A design larger than its recipe's canvas is measured at the size of the canvas, so that figures compare.
    """
    pair = finished.pair
    scale = min(1.0, max(pair.recipe.canvas) / max(size_of(pair.content)))
    size, device = scaled(size_of(pair.content), scale), finished.picture_13HW.device
    smaller = style_size(pair.style, min(1.0, scale * pair.enlarged))
    design, content, style = (
        resize(each.to(device), wanted).clamp(0, 1)
        for each, wanted in ((finished.picture_13HW, size), (pair.content, size), (pair.style, smaller))
    )
    guide = resize_guide(pair.guide.sum(1, keepdim=True).clamp(0, 1).to(device), size)
    layers = pair.recipe.structure().style_names
    with torch.no_grad():
        distance = metrics.style_distance(encoder, design, [style], layers, guide) if layers else torch.nan
        return Measures(
            style_distance=float(distance),
            fold_correlation=float(metrics.fold_correlation(design, content, guide)),
            checkerboard_peak=float(metrics.checkerboard_peak(design, guide)),
            variation_ratio=float(metrics.variation_ratio(design, content, guide)),
        )


def count_changed_outside(picture: Picture, template: Template) -> int:
    """Return how many pixels of the finished picture differ from the template where the mask is 0; it must be 0."""
    if template.mask is None:
        return 0
    differs = (picture.rgb != template.picture.rgb).any(-1)
    return int(np.count_nonzero(differs & (template.mask == 0)))
