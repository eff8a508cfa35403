"""The objective of one level: targets are taken once, then every picture has its terms.

Shape suffixes: B pairs, P parts, H rows, W columns.
"""

from dataclasses import replace

import torch
from torch import Tensor

from stylecore.encoders.encoder import Encoder, Features
from stylecore.objective import windows
from stylecore.objective.guides import cloth_guide, layer_guide
from stylecore.objective.losses import ENERGY_FLOOR, content_distance
from stylecore.objective.observation import (
    features_of,
    layer_features,
    observe_windows,
    picture_features,
    whole_statistics,
)
from stylecore.objective.patches import assign, garment_energy, patch_source
from stylecore.objective.statistics import STATISTICS
from stylecore.objective.targets import ByStatistic, ContentTargets, Named, StyleTargets, Targets
from stylecore.objective.terms import TERMS, Comparison, TermValues
from stylecore.recipe import TERM_NAMES, Recipe, Structure


def content_targets(
    encoder: Encoder, structure: Structure, content_13HW: Tensor, guide_1PHW: Tensor, tile: int = 0
) -> ContentTargets:
    """What a garment is held to at one level: its features, guides, energies, light and edges.

    `content_13HW` is in [0, 1]; `guide_1PHW` has a channel a part, in [0, 1]. A picture with a side longer
    than `tile` px is looked at window by window (stylecore/objective/windows.py); 0 looks at any at once.
    """
    names = [layer for layer, _ in structure.content_layers]
    cloth_11HW = cloth_guide(guide_1PHW)
    with torch.no_grad():
        guides = {
            layer: layer_guide(guide_1PHW, windows.layer_grid(encoder, layer, content_13HW))
            for layer in structure.layers
        }
        views = observe_windows(
            encoder, structure, content_13HW, guides, tile, features_of((*names, *structure.patch_names))
        )
        features = layer_features(encoder, content_13HW, views, names)
        patches = layer_features(encoder, content_13HW, views, structure.patch_names)
        floors = _energy_floors(structure, whole_statistics(structure, views), patches, guides)
        term_targets = {
            name: target(content_13HW, cloth_11HW)
            for name in structure.terms
            if (target := TERMS[name].target) is not None
        }
    return ContentTargets(features, guides, floors, cloth_11HW, term_targets)


def _energy_floors(
    structure: Structure, statistics: ByStatistic, features: Named, guides: Named
) -> ByStatistic:
    """The share of the garment's own energies that a pale style's are not taken for less than, 1 x P."""
    moments = {
        each.name: {
            layer: ENERGY_FLOOR
            * STATISTICS[each.name].energy(statistics[each.name][layer].flatten(0, 1))[None]
            for layer, _ in each.layers
        }
        for each in structure.moments
    }
    patches = {
        each.name: {
            layer: ENERGY_FLOOR * garment_energy(features[layer], guides[layer]) for layer, _ in each.layers
        }
        for each in structure.patches
    }
    return moments | patches


def style_targets(
    encoder: Encoder,
    structure: Structure,
    style_13HW: Tensor,
    guide_1PHW: Tensor | None,
    parts: int,
    tile: int = 0,
) -> StyleTargets:
    """Statistics and patches of a style in its own size, part by part; without a guide every part takes the whole.

    `style_13HW` and `guide_1PHW` are in [0, 1]; `parts` is P where there is no guide; `tile` is that of
    `content_targets`.
    """
    with torch.no_grad():
        guides = None
        if guide_1PHW is not None:
            guides = {
                layer: layer_guide(guide_1PHW, windows.layer_grid(encoder, layer, style_13HW))
                for layer in structure.style_names
            }
        # Descriptors are taken of the whole style, and a part that it does not have takes all of it.
        views = observe_windows(
            encoder,
            structure,
            style_13HW,
            guides,
            tile,
            features_of(structure.patch_names),
            everywhere=bool(structure.patches),
        )
        statistics = whole_statistics(structure, views)
        if guides is None:
            statistics = {
                name: {layer: _repeated(whole, parts) for layer, whole in by_layer.items()}
                for name, by_layer in statistics.items()
            }
        patches = {
            layer: patch_source(
                features,
                _repeated(torch.ones_like(features[:, :1]), parts) if guides is None else guides[layer],
            )
            for layer, features in layer_features(encoder, style_13HW, views, structure.patch_names).items()
        }
    return StyleTargets(statistics, patches)


def _repeated(whole_11: Tensor, parts: int) -> Tensor:
    """What the whole style has, once for every part: 1 x 1 x ... to 1 x P x ..."""
    return whole_11.repeat(1, parts, *(1,) * (whole_11.ndim - 2))


def pair_targets(content: ContentTargets, style: StyleTargets, weights: Named) -> Targets:
    """The targets of one pair, to which no patches are assigned yet (`assign_patches`)."""
    return Targets(content, style.statistics, {}, weights)


def assign_patches(
    encoder: Encoder,
    structure: Structure,
    targets: Targets,
    style: StyleTargets,
    picture_13HW: Tensor,
    tile: int = 0,
) -> Targets:
    """The targets of one pair, with the style's patches assigned to the places of its picture."""
    if not structure.patches:
        return targets
    content = targets.content
    with torch.no_grad():
        features = picture_features(
            encoder, structure, picture_13HW, structure.patch_names, content.guides, tile
        )
        matches = {
            each.name: {
                layer: assign(
                    each.name,
                    features[layer],
                    content.guides[layer],
                    style.patches[layer],
                    content.energy_floors[each.name][layer],
                )
                for layer, _ in each.layers
            }
            for each in structure.patches
        }
    return replace(targets, matches=matches)


def term_weights(recipe: Recipe, device: torch.device) -> Named:
    """The recipe's weights by term, as tensors of one value, so that pairs of one batch may differ in them."""
    return {
        name: torch.tensor([TERMS[name].weight_in(recipe)], device=device, dtype=torch.float32)
        for name in TERM_NAMES
    }


def evaluate_terms(
    encoder: Encoder, structure: Structure, targets: Targets, picture_B3HW: Tensor, tile: int = 0
) -> TermValues:
    """Every weighted term for the pictures; those with a side longer than `tile` px are looked at by windows.

    On a CPU pairs are taken one by one: its kernels round differently for batches, kinks and line searches
    tell the difference, and a batch is no faster there.
    """
    if picture_B3HW.is_cuda or len(picture_B3HW) == 1:
        return _evaluate(encoder, structure, targets, picture_B3HW, tile)
    return joined_terms(
        [
            _evaluate(encoder, structure, targets.of_pair(pair), picture, tile)
            for pair, picture in enumerate(picture_B3HW.split(1))
        ]
    )


def joined_terms(values: list[TermValues]) -> TermValues:
    """The terms of several batches as those of one batch, in the order given."""
    return TermValues({name: torch.cat([value[name] for value in values]) for name in TERM_NAMES})


def _evaluate(
    encoder: Encoder, structure: Structure, targets: Targets, picture_B3HW: Tensor, tile: int
) -> TermValues:
    comparison = _compare(encoder, structure, targets, picture_B3HW, tile)
    nothing_B = picture_B3HW.new_zeros(len(picture_B3HW))
    if not structure.terms:
        # An objective of nothing: its gradient is 0, and the picture stays as it begins.
        nothing_B = 0 * picture_B3HW.mean((1, 2, 3))
    return TermValues(
        {
            name: targets.weights[name] * TERMS[name].loss(comparison)
            if name in structure.terms
            else nothing_B
            for name in TERM_NAMES
        }
    )


def _compare(
    encoder: Encoder, structure: Structure, targets: Targets, picture_B3HW: Tensor, tile: int
) -> Comparison:
    content = targets.content
    cloth = {layer: cloth_guide(content.guides[layer]) for layer, _ in structure.content_layers}

    def distances(features: Features, part: windows.Part) -> Named:
        """Sums of squared differences from the content and from assigned patches, by statistic and layer."""
        sums = {
            f"content.{layer}": content_distance(
                features[layer], part(layer, content.features[layer]), part(layer, cloth[layer])
            )
            for layer, _ in structure.content_layers
        }
        for name, by_layer in targets.matches.items():
            for layer, match in by_layer.items():
                sums[f"{name}.{layer}"] = content_distance(
                    features[layer], part(layer, match.wanted), part(layer, match.weight)
                )
        return sums

    views = observe_windows(encoder, structure, picture_B3HW, content.guides, tile, distances)
    sums = {key: torch.stack([view.taken[key] for view in views]).sum(0) for key in views[0].taken}
    return Comparison(
        structure=structure,
        targets=targets,
        picture_B3HW=picture_B3HW,
        content_distances={layer: sums[f"content.{layer}"] for layer, _ in structure.content_layers},
        statistics=whole_statistics(structure, views),
        patch_distances={
            name: {layer: sums[f"{name}.{layer}"] for layer in by_layer}
            for name, by_layer in targets.matches.items()
        },
    )
