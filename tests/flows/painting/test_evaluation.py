"""Measures of a finished design: each is its metric, under the cloth, and says NaN where it is not defined."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from catalogs.images.codec import Picture
from catalogs.templates.template import Template
from flows.painting.evaluation import Measures, count_changed_outside, measure
from stylecore import metrics
from stylecore.encoders.embedded import embedded_encoder
from stylecore.objective.terms import TermValues
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import TERM_NAMES, Recipe
from tests.stylecore.test_stylization import SHALLOW, network, pictures

ENCODER = network(SHALLOW)
CONTENT, STYLE, DESIGN = pictures(1, 1, 64, 56), pictures(2, 1, 40, 50), pictures(3, 1, 64, 56)
GUIDE = torch.zeros(1, 1, 64, 56)
GUIDE[..., 4:60, 3:53] = 1
NOTHING = TermValues(dict.fromkeys(TERM_NAMES, torch.zeros(1)))


def finished(design: Tensor, recipe: Recipe = SHALLOW, **fields: Any) -> Finished:
    """A design as the mill hands it out."""
    pair = dataclasses.replace(Pair(CONTENT, STYLE, GUIDE, recipe), **fields)
    return Finished(pair, design, None, NOTHING, NOTHING, (), 0.0, 1.0)


def test_every_measure_is_its_metric() -> None:
    """Each field is the metric of its name, of design, garment and style, under the garment's guide."""
    found = measure(ENCODER, finished(DESIGN))
    layers = ("relu1_1", "relu2_1")
    assert found == Measures(
        style_distance=metrics.style_distance(ENCODER, DESIGN, [STYLE], layers, GUIDE).item(),
        fold_correlation=metrics.fold_correlation(DESIGN, CONTENT, GUIDE).item(),
        checkerboard_peak=metrics.checkerboard_peak(DESIGN, GUIDE).item(),
        variation_ratio=metrics.variation_ratio(DESIGN, CONTENT, GUIDE).item(),
    )
    assert all(math.isfinite(value) for value in dataclasses.astuple(found))


def test_the_garment_itself() -> None:
    """A design that is its garment has its folds and its grain."""
    found = measure(ENCODER, finished(CONTENT))
    assert found.fold_correlation == pytest.approx(1, abs=1e-5)
    assert found.variation_ratio == pytest.approx(1, abs=1e-6)
    assert found.style_distance > 0.01


def test_the_style_itself() -> None:
    """A design that is its style all over is at no distance from it."""
    whole = finished(DESIGN, style=DESIGN, guide=torch.ones_like(GUIDE))
    assert measure(ENCODER, whole).style_distance == pytest.approx(0, abs=1e-6)


def test_outside_the_cloth() -> None:
    """Grain and folds outside the guide do not count."""
    other = torch.where(GUIDE > 0, DESIGN, 1 - DESIGN)
    one, two = measure(ENCODER, finished(DESIGN)), measure(ENCODER, finished(other))
    for name in ("fold_correlation", "checkerboard_peak", "variation_ratio"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-4)


def test_parts_are_one_cloth() -> None:
    """A garment in two parts is measured as a whole."""
    left = (torch.arange(56) < 28).float()
    parts = torch.cat([GUIDE * left, GUIDE * (1 - left)], 1)
    assert measure(ENCODER, finished(DESIGN, guide=parts)) == measure(ENCODER, finished(DESIGN))


def test_half_precision_encoder() -> None:
    """With a bfloat16 encoder the style distance is nearly the same, and the rest exactly."""
    exact = measure(ENCODER, finished(DESIGN))
    coarse = measure(ENCODER.in_precision(torch.bfloat16), finished(DESIGN))
    assert coarse.style_distance == pytest.approx(exact.style_distance, rel=0.05)
    assert dataclasses.replace(coarse, style_distance=exact.style_distance) == exact


def test_not_defined() -> None:
    """Without style layers, folds or any cloth, a measure is NaN and nothing fails."""
    no_style = dataclasses.replace(SHALLOW, statistics=())
    assert math.isnan(measure(ENCODER, finished(DESIGN, no_style)).style_distance)
    plain = measure(ENCODER, finished(DESIGN, content=torch.full_like(CONTENT, 0.5)))
    assert math.isnan(plain.fold_correlation) and math.isinf(plain.variation_ratio)
    nowhere = measure(ENCODER, finished(DESIGN, guide=torch.zeros_like(GUIDE)))
    assert all(math.isnan(value) for value in dataclasses.astuple(nowhere))


def test_no_gradient_is_kept() -> None:
    """Measuring leaves the design as it was and asks for no gradient."""
    design = DESIGN.clone().requires_grad_(True)
    measure(ENCODER, finished(design))
    assert design.grad is None and torch.equal(design.detach(), DESIGN)


class TestLarge:
    """Designs beyond the canvas."""

    RECIPE = dataclasses.replace(SHALLOW, canvas=(64, 56), large_steps=1)

    @staticmethod
    def wave(seed: int, side: int) -> Tensor:
        """Crossed waves, the same whatever their size: 1 x 3 x side x side * 7 / 8."""
        generator = torch.Generator().manual_seed(seed)
        rows, columns = torch.meshgrid(
            (torch.arange(side) + 0.5) / side, (torch.arange(side * 7 // 8) + 0.5) / side, indexing="ij"
        )
        waves = torch.zeros(3, *rows.shape)
        for frequency in (2.0, 5.0, 9.0):
            along, across, phase = torch.rand(3, 3, 1, 1, generator=generator)
            waves = waves + (frequency * 6 * (along * rows + across * columns) + 6 * phase).sin()
        return (0.5 + 0.13 * waves)[None]

    def measured(self, side: int, style_side: int, enlarged: float = 1.0) -> Measures:
        """Measures of one design on one garment in one style, at a size."""
        guide = torch.zeros(1, 1, side, side * 7 // 8)
        guide[..., side // 8 : -side // 8, side // 16 : -side // 16] = 1
        return measure(
            ENCODER,
            finished(
                0.6 * self.wave(1, side) + 0.4 * self.wave(3, side),
                self.RECIPE,
                content=self.wave(1, side),
                style=self.wave(2, style_side),
                guide=guide,
                enlarged=enlarged,
            ),
        )

    def test_measured_in_the_canvas_size(self) -> None:
        """A design four times the canvas has the measures of the same design on the canvas, to 5 %."""
        small, large = (dataclasses.asdict(self.measured(side, side)) for side in (64, 256))
        assert large == pytest.approx(small, rel=0.05)

    def test_a_style_too_small(self) -> None:
        """A style that is not given as large as it should be is compared in the size it has on the canvas."""
        large, given_small = self.measured(256, 256), self.measured(256, 64, enlarged=4.0)
        assert given_small.style_distance == pytest.approx(large.style_distance, rel=0.05)


class TestChangedOutside:
    """Pixels that should not have been touched."""

    RGB = np.random.default_rng(0).integers(0, 255, (20, 16, 3), np.uint8)
    MASK = np.zeros((20, 16), np.uint8)
    MASK[5:15, 4:12] = 255
    MASK[4, 4:12] = 1

    def count(self, rows: slice, columns: slice, channel: int = 0) -> int:
        """Pixels found after a patch was changed by one level."""
        rgb = self.RGB.copy()
        rgb[rows, columns, channel] += 1
        return count_changed_outside(Picture(rgb), Template(Picture(self.RGB), self.MASK))

    def test_unchanged(self) -> None:
        """The template itself, or one changed only where the mask is above 0, counts 0."""
        assert self.count(slice(0, 0), slice(0, 0)) == 0
        assert self.count(slice(4, 15), slice(4, 12)) == 0

    @pytest.mark.parametrize("channel", [0, 1, 2])
    def test_counted_once(self, channel: int) -> None:
        """Every pixel outside counts once, by whichever channel and however little it changed."""
        assert self.count(slice(0, 2), slice(0, 3), channel) == 6
        assert self.count(slice(3, 6), slice(4, 6), channel) == 2

    def test_without_a_mask(self) -> None:
        """Where all is cloth there is no outside."""
        other = Picture(255 - self.RGB)
        assert count_changed_outside(other, Template(Picture(self.RGB), None)) == 0


def test_small_motifs_are_measured() -> None:
    """A motif that the mill paints, few pixels wide on the canvas, can be measured there too."""
    recipe = dataclasses.replace(Recipe(), canvas=(64, 48), levels=((1.0, 1),), large_steps=1)
    content, guide = torch.rand(1, 3, 256, 192), torch.ones(1, 1, 256, 192)
    pair = Pair(content, torch.rand(1, 3, 20, 20), guide, recipe)
    encoder = embedded_encoder(recipe.layers)
    (finished,) = mill([pair], encoder, slots=1)
    assert measure(encoder, finished).style_distance > 0
