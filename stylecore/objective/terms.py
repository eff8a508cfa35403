"""The terms of the objective, one function a term.

A term is registered by the name of its weight: `@term("content_weight")` belongs to the field `content_weight` of a
recipe. To add a term, write that field (stylecore/recipe.py) and its function here; catalogs' records, sweeps and
reports follow (CONTRIBUTING.md shows it).

Shape suffixes: B pairs, P parts, H rows, W columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from stylecore.objective.guides import cloth_guide
from stylecore.objective.losses import (
    Normalisation,
    content_scaled,
    fold_light,
    gradient_map,
    lighting_loss,
    saliency_loss,
    style_loss,
    variation_loss,
)
from stylecore.objective.matting_laplacian import matting_stencil, photorealism_loss
from stylecore.objective.targets import ByStatistic, Named, Targets
from stylecore.recipe import Recipe, Structure
from stylecore.recipe_values import StyleStatistic


@dataclass(frozen=True)
class Comparison:
    """Pictures of a batch beside their targets: what the function of a term looks at.

    `picture_B3HW` is in [0, 1]; `content_distances` are sums of squared differences of features from the content's,
    B values by content layer; `statistics` are those of the pictures, B x P x ..., and `patch_distances` the squared
    distances of their patches from those assigned to them, B values, both by statistic and layer.
    """

    structure: Structure
    targets: Targets
    picture_B3HW: Tensor
    content_distances: Named
    statistics: ByStatistic
    patch_distances: ByStatistic

    @property
    def normalisation(self) -> Normalisation:
        """How the recipe scales terms (stylecore/objective/losses.py)."""
        return cast(Normalisation, self.structure.normalisation)

    @property
    def cloth(self) -> Tensor:
        """The guide of the cloth at the pictures' size, in [0, 1]."""
        return self.targets.content.cloth

    def target_of(self, term: str) -> Tensor:
        """The target that the term's `target` function computed from the garment."""
        return self.targets.content.term_targets[term]


@dataclass(frozen=True)
class TermValues:
    """Weighted terms of the objective by name, B values each; 0 where the recipe has no such term."""

    weighted: Named

    def __getitem__(self, term: str) -> Tensor:
        """The B values of one term."""
        return self.weighted[term]

    @property
    def total(self) -> Tensor:
        """What is minimised: the sum of the terms, B values."""
        first, *others = self.weighted.values()
        total_B: Tensor = sum(others, start=first)
        return total_B


Loss = Callable[[Comparison], Tensor]
"""Pictures beside their targets to B values, before the weight."""

TargetOf = Callable[[Tensor, Tensor], Tensor]
"""Computes the target of a term: takes a garment's picture (1 x 3 x H x W) and its cloth (1 x 1 x H x W); the first axis
of the result has size 1."""


@dataclass(frozen=True)
class Term:
    """A term of the objective: the field of a recipe that weighs it, its loss, and what it keeps of a garment."""

    weight: str
    loss: Loss
    target: TargetOf | None = None

    def weight_in(self, recipe: Recipe) -> float:
        """The term's weight in a recipe, 0 or more."""
        return float(getattr(recipe, self.weight))


TERMS: dict[str, Term] = {}
"""Every term by its name, which is its weight's without `_weight`."""


def term(weight: str, target: TargetOf | None = None) -> Callable[[Loss], Loss]:
    """Register a function as the term of a weight; `target` is taken of each garment once a level."""

    def register(loss: Loss) -> Loss:
        """Put the function into `TERMS`, under the name of its weight."""
        TERMS[weight.removesuffix("_weight")] = Term(weight, loss, target)
        return loss

    return register


@term("content_weight")
def content(comparison: Comparison) -> Tensor:
    """Squared distance of features from the garment's, every content layer by its weight; B values."""
    total_B = comparison.picture_B3HW.new_zeros(len(comparison.picture_B3HW))
    targets = comparison.targets.content
    for layer, weight in comparison.structure.content_layers:
        total_B = total_B + weight * content_scaled(
            comparison.content_distances[layer],
            targets.features[layer],
            cloth_guide(targets.guides[layer]),
            comparison.normalisation,
        )
    return total_B


@term("style_weight")
def style(comparison: Comparison) -> Tensor:
    """Distance of every statistic from the style's, by its weight, in each of its layers; B values."""
    total_B = comparison.picture_B3HW.new_zeros(len(comparison.picture_B3HW))
    for statistic in comparison.structure.statistics:
        compare = _patches if statistic.is_of_patches else _moments
        total_B = total_B + statistic.weight * compare(comparison, statistic)
    return total_B


def _patches(comparison: Comparison, statistic: StyleStatistic) -> Tensor:
    """Squared distance of patches from those assigned to them, part by part, every layer by its weight; B values."""
    distances = comparison.patch_distances[statistic.name]
    total_B = comparison.picture_B3HW.new_zeros(len(comparison.picture_B3HW))
    for layer, weight in statistic.layers:
        total_B = total_B + weight * (
            distances[layer] + comparison.targets.matches[statistic.name][layer].rest
        )
    return total_B


def _moments(comparison: Comparison, statistic: StyleStatistic) -> Tensor:
    """Distance of a statistic of whole layers from the style's, part by part, every layer by its weight; B values.

    Balanced parts count by their share of the cloth. Luan et al. (2017), eq. 5, sum over parts as they are; so do
    the papers' normalisations here.
    """
    total_B = comparison.picture_B3HW.new_zeros(len(comparison.picture_B3HW))
    for layer, weight in statistic.layers:
        guide_BPHW = comparison.targets.content.guides[layer]
        share_BP = guide_BPHW.sum((2, 3)) / guide_BPHW.sum((1, 2, 3)).clamp_min(1e-6)[:, None]
        for part in range(guide_BPHW.shape[1]):
            share = share_BP[:, part] if comparison.normalisation == "balanced" else 1.0
            total_B = total_B + weight * share * _part_distance(comparison, statistic.name, layer, part)
    return total_B


def _part_distance(comparison: Comparison, name: str, layer: str, part: int) -> Tensor:
    targets = comparison.targets
    return style_loss(
        comparison.statistics[name][layer][:, part],
        targets.statistics[name][layer][:, part],
        comparison.normalisation,
        statistic=name,
        positions=targets.content.guides[layer].shape[2:].numel(),
        floor_B=targets.content.energy_floors[name][layer][:, part],
    )


@term("variation_weight")
def variation(comparison: Comparison) -> Tensor:
    """Total variation of the cloth: differences between neighbours to the power `variation_exponent`; B values."""
    return variation_loss(
        comparison.picture_B3HW,
        comparison.structure.variation_exponent,
        comparison.cloth,
        comparison.normalisation,
    )


@term("lighting_weight", target=fold_light)
def lighting(comparison: Comparison) -> Tensor:
    """Distance of the cloth's coarse light from the garment's folds and shading; B values."""
    return lighting_loss(comparison.picture_B3HW, comparison.target_of("lighting"), comparison.cloth)


@term("saliency_weight", target=lambda content_13HW, _cloth: gradient_map(content_13HW))
def saliency(comparison: Comparison) -> Tensor:
    """Distance of the cloth's edges from the garment's; B values."""
    return saliency_loss(comparison.picture_B3HW, comparison.target_of("saliency"), comparison.cloth)


@term("photorealism_weight", target=lambda content_13HW, _cloth: matting_stencil(content_13HW))
def photorealism(comparison: Comparison) -> Tensor:
    """What the garment's matting Laplacian leaves over; B values.

    Luan et al. (2017), eq. 2, sum over positions, so their term grows with the picture; the balanced one is the mean.
    """
    loss_B = photorealism_loss(comparison.picture_B3HW, comparison.target_of("photorealism"))
    if comparison.normalisation == "balanced":
        return loss_B / comparison.picture_B3HW[0, 0].numel()
    return loss_B
