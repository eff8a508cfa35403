"""The objective of one level: targets taken once, then a loss a pair for any picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from stylecore.encoders import Encoder, Features
from stylecore.guides import layer_guide
from stylecore.losses import ENERGY_FLOOR, Normalisation, content_loss, style_loss, variation_loss
from stylecore.recipe import Recipe
from stylecore.statistics import gram_matrix

Precision = str
"""float32 or bfloat16: of the encoder's features; statistics and losses are always float32."""


@dataclass(frozen=True)
class Targets:
    """What a batch of pairs is drawn to, at one level."""

    content: Features
    grams: Mapping[str, Tensor]
    floors: Mapping[str, Tensor]
    layer_guides: Mapping[str, Tensor]
    guide_B1HW: Tensor

    def of_pair(self, pair: int) -> "Targets":
        """The targets of one pair, as a batch of one."""
        one = slice(pair, pair + 1)
        return Targets(
            content={layer: found[one] for layer, found in self.content.items()},
            grams={layer: gram[one] for layer, gram in self.grams.items()},
            floors={layer: floor[one] for layer, floor in self.floors.items()},
            layer_guides={layer: guide[one] for layer, guide in self.layer_guides.items()},
            guide_B1HW=self.guide_B1HW[one],
        )


@dataclass(frozen=True)
class Terms:
    """Weighted terms of the objective, B values each."""

    content: Tensor
    style: Tensor
    variation: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.content + self.style + self.variation


def take_targets(
    encoder: Encoder,
    recipe: Recipe,
    content_B3HW: Tensor,
    styles: Sequence[Tensor],
    guide_B1HW: Tensor,
    precision: Precision = "float32",
) -> Targets:
    """Features of the contents and Gram matrices of the styles, each style (1 x 3 x h x w) in its own size."""
    if content_B3HW.is_cuda or len(content_B3HW) == 1:
        return _take_targets(encoder, recipe, content_B3HW, styles, guide_B1HW, precision)
    return _joined(
        [
            _take_targets(encoder, recipe, content, [style], guide, precision)
            for content, style, guide in zip(content_B3HW.split(1), styles, guide_B1HW.split(1), strict=True)
        ]
    )


def _take_targets(
    encoder: Encoder,
    recipe: Recipe,
    content_B3HW: Tensor,
    styles: Sequence[Tensor],
    guide_B1HW: Tensor,
    precision: Precision,
) -> Targets:
    wanted = [layer for layer, _ in recipe.style_layers]
    with torch.no_grad():
        found = features(encoder, content_B3HW, precision)
        own = [features(encoder, style, precision) for style in styles]
        guides = {layer: layer_guide(guide_B1HW, _grid(found[layer])) for layer in recipe.layers}
        grams = {layer: torch.cat([gram_matrix(each[layer]) for each in own]) for layer in wanted}
        content_grams = {layer: gram_matrix(found[layer], guides[layer]) for layer in wanted}
    return Targets(
        content={layer: found[layer] for layer, _ in recipe.content_layers},
        grams=grams,
        floors={layer: ENERGY_FLOOR * gram.square().sum((1, 2)) for layer, gram in content_grams.items()},
        layer_guides=guides,
        guide_B1HW=guide_B1HW,
    )


def _joined(pairs: Sequence[Targets]) -> Targets:
    def join(named: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {layer: torch.cat([one[layer] for one in named]) for layer in named[0]}

    return Targets(
        content=join([pair.content for pair in pairs]),
        grams=join([pair.grams for pair in pairs]),
        floors=join([pair.floors for pair in pairs]),
        layer_guides=join([pair.layer_guides for pair in pairs]),
        guide_B1HW=torch.cat([pair.guide_B1HW for pair in pairs]),
    )


def terms(
    encoder: Encoder, recipe: Recipe, targets: Targets, picture_B3HW: Tensor, precision: Precision = "float32"
) -> Terms:
    """Every weighted term for the pictures.

    On a CPU pairs are taken one by one: its kernels round differently for batches, kinks and line searches
    tell the difference, and a batch is no faster there.
    """
    if picture_B3HW.is_cuda or len(picture_B3HW) == 1:
        return _terms(encoder, recipe, targets, picture_B3HW, precision)
    each = [
        _terms(encoder, recipe, targets.of_pair(pair), picture, precision)
        for pair, picture in enumerate(picture_B3HW.split(1))
    ]
    return Terms(
        *(torch.cat([getattr(one, name) for one in each]) for name in ("content", "style", "variation"))
    )


def _terms(
    encoder: Encoder, recipe: Recipe, targets: Targets, picture_B3HW: Tensor, precision: Precision
) -> Terms:
    normalisation = cast(Normalisation, recipe.normalisation)
    found = features(encoder, picture_B3HW, precision)
    zero_B = picture_B3HW.new_zeros(len(picture_B3HW))
    content_B, style_B = zero_B, zero_B
    for layer, weight in recipe.content_layers:
        distance_B = content_loss(
            found[layer], targets.content[layer], targets.layer_guides[layer], normalisation
        )
        content_B = content_B + weight * distance_B
    for layer, weight in recipe.style_layers:
        gram_BCC = gram_matrix(found[layer], targets.layer_guides[layer])
        style_B = style_B + weight * style_loss(
            gram_BCC,
            targets.grams[layer],
            normalisation,
            positions=found[layer].shape[2:].numel(),
            floor_B=targets.floors[layer],
        )
    variation_B = variation_loss(picture_B3HW, recipe.variation_exponent, targets.guide_B1HW, normalisation)
    return Terms(
        recipe.content_weight * content_B,
        recipe.style_weight * style_B,
        recipe.variation_weight * variation_B,
    )


def features(encoder: Encoder, picture_B3HW: Tensor, precision: Precision) -> Features:
    """The encoder's features; with bfloat16 its convolutions run under autocast."""
    with torch.autocast(picture_B3HW.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        return cast(Features, encoder(picture_B3HW.contiguous(memory_format=torch.channels_last)))


def _grid(features_BCHW: Tensor) -> tuple[int, int]:
    return features_BCHW.shape[-2], features_BCHW.shape[-1]
