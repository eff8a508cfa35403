"""What the scoreboard measures of a composed design, and how a contestant's figures of all pairs become one row."""

import math
from typing import Any

import pandas as pd
from skimage.filters import sobel
from skimage.metrics import structural_similarity
from torch import Tensor

from benchmarks.scoreboard.pairs import JudgedPair
from stylecore import metrics
from stylecore.color import luminance
from stylecore.encoders.encoder import Encoder
from stylecore.objective.guides import cloth_guide
from stylecore.recipe_values import STYLE_LAYERS

STYLE_NAMES = tuple(name for name, _ in STYLE_LAYERS)
"""Layers of the style distance, those of docs/embedded_encoder.md: relu1_1 to relu5_1."""
PATCH_NAMES = ("relu3_1", "relu4_1")
"""Layers of the patch distance: those at which Li and Wand (2016) and Kolkin et al. (2022) compare patches."""
SUMMARIES = {
    "style_distance": "mean",
    "patch_distance": "mean",
    "fold_correlation": "median",
    "edge_ssim": "mean",
    "leak": "sum",
    "seconds": "mean",
}
"""What a contestant's row holds of each measure. Folds take the median: a garment without any has no correlation."""


def measure_design(
    judge: Encoder, pair: JudgedPair, painted_13HW: Tensor, design_13HW: Tensor
) -> dict[str, float]:
    """Return the measures of one design, painted and composed under the mask; NaN where a measure is not defined.

    Distances are the painted picture's, under the guide: at the rim of a composed one features would see the template's
    backdrop, which no contestant has painted. The judge is VGG-19 with STYLE_NAMES and PATCH_NAMES. The style has the
    size at which the rivals saw it.
    """
    content, guide = pair.canvas.content, cloth_guide(pair.canvas.guide)
    styles = [pair.style_13HW]
    return {
        "style_distance": float(metrics.style_distance(judge, painted_13HW, styles, STYLE_NAMES, guide)),
        "patch_distance": float(metrics.patch_distance(judge, painted_13HW, styles, PATCH_NAMES, guide)),
        "fold_correlation": float(metrics.fold_correlation(design_13HW, content, guide)),
        "edge_ssim": edge_ssim(design_13HW, content, guide),
        "leak": float(metrics.changed_outside(design_13HW, content, guide)),
    }


def edge_ssim(design_13HW: Tensor, template_13HW: Tensor, guide_11HW: Tensor) -> float:
    """Return the structural similarity of the luminance's edges under the guide, -1 to 1: 1 = the template's edges.

    Edges are the Sobel magnitude; the similarity is that of Wang et al. (2004) with a Gaussian window of sigma 1.5 and
    the constants of a range of 1, so that edges which no eye sees do not count. Source of SSIM on edges: Chen et al.
    (2006). Windows at the rim see past the guide, where a composed design is its template.
    """
    edges = [
        sobel(luminance(each)[0, 0].numpy())  # type: ignore[no-untyped-call] # it has no types
        for each in (design_13HW, template_13HW)
    ]
    _, similarity_HW = structural_similarity(  # type: ignore[no-untyped-call] # as above
        *edges, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    weight_HW = guide_11HW[0, 0].numpy()
    return float((similarity_HW * weight_HW).sum() / weight_HW.sum()) if weight_HW.any() else math.nan


def summarise(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return each contestant's row of the scoreboard by its name, in the order of their first rows.

    SUMMARIES says how each measure is summarised; undefined values are passed over, and None stands where all are.
    `median_fold_correlation` is `fold_correlation` under the name that says what it is.
    """
    board = {}
    for name, group in rows.groupby("contestant", sort=False):
        summary = {measure: _finite(group[measure].agg(how)) for measure, how in SUMMARIES.items()}
        board[str(name)] = {
            **summary,
            "median_fold_correlation": summary["fold_correlation"],
            "pairs": len(group),
        }
    return board


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
