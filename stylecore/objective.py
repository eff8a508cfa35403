"""The objective of one level: targets taken once, then a loss a pair for any picture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from stylecore import tiling
from stylecore.encoders import Encoder, Features
from stylecore.guides import layer_guide
from stylecore.laplacian import matting_stencil, photorealism_loss
from stylecore.losses import (
    ENERGY_FLOOR,
    Normalisation,
    content_distance,
    content_scaled,
    gradient_map,
    lighting_loss,
    low_pass_light,
    saliency_loss,
    style_loss,
    variation_loss,
)
from stylecore.recipe import TERMS, Recipe
from stylecore.statistics import STATISTICS

Named = Mapping[str, Tensor]


@dataclass(frozen=True)
class Targets:
    """What a batch of pairs is drawn to, at one level; every tensor leads with B.

    `content` and `style` are by layer, the style's with P parts: B x P x ...; `floors` are energies, B x P;
    `guides` B x P x h x w by layer; `weights` one value a pair by term; `kept` holds the guide of the
    cloth and what the garment's own light, edges and colours are (guide, lighting, saliency, photorealism).
    """

    content: Named
    style: Named
    floors: Named
    guides: Named
    weights: Named
    kept: Named

    def of_pair(self, pair: int) -> "Targets":
        """The targets of one pair, as a batch of one; views, not copies."""
        return self._each(lambda tensor: tensor[pair : pair + 1])

    def room_for(self, pairs: int) -> "Targets":
        """Zeros for so many pairs of the same shapes."""
        return self._each(lambda tensor: tensor.new_zeros((pairs, *tensor.shape[1:])))

    def put(self, pair: int, other: "Targets") -> None:
        """Overwrite one pair's targets, in place."""
        for field in fields(self):
            for name, tensor in getattr(self, field.name).items():
                tensor[pair : pair + 1].copy_(getattr(other, field.name)[name])

    def _each(self, work: Callable[[Tensor], Tensor]) -> "Targets":
        return Targets(
            *({name: work(t) for name, t in getattr(self, field.name).items()} for field in fields(self))
        )


@dataclass(frozen=True)
class Terms:
    """Weighted terms of the objective, B values each; 0 where the recipe has no such term."""

    content: Tensor
    style: Tensor
    variation: Tensor
    lighting: Tensor
    saliency: Tensor
    photorealism: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        total_B: Tensor = sum((getattr(self, name) for name in TERMS[1:]), start=self.content)
        return total_B


def content_targets(
    encoder: Encoder, recipe: Recipe, content_13HW: Tensor, guide_1PHW: Tensor, tile: int = 0
) -> Targets:
    """What a garment is held to at one level: its features, guides, energies, light and edges.

    `content_13HW` is in [0, 1]; `guide_1PHW` has a channel a part, in [0, 1]. A picture with a side longer
    than `tile` px is looked at window by window (stylecore/tiling.py); 0 looks at any at once.
    """
    names = [layer for layer, _ in recipe.content_layers]
    with torch.no_grad():
        guides = {
            layer: layer_guide(guide_1PHW, tiling.grid(encoder, layer, content_13HW))
            for layer in recipe.layers
        }
        seen = _seen(
            encoder,
            recipe,
            content_13HW,
            guides,
            tile,
            lambda found, _: {name: found[name] for name in names},
        )
        cloth = guide_1PHW.sum(1, keepdim=True).clamp(0, 1)
        kept = {"guide": cloth} | {
            name: make(content_13HW, cloth) for name, make in KEPT.items() if recipe.has(name)
        }
        content = {
            name: tiling.assembled(
                encoder, name, content_13HW, [(one.window, one.content[name]) for one in seen]
            )
            for name in names
        }
    energy = STATISTICS[recipe.statistic].energy
    own = _together(recipe, seen)
    floors = {layer: ENERGY_FLOOR * energy(own[layer].flatten(0, 1))[None] for layer in own}
    return Targets(content, {}, floors, guides, {}, kept)


def style_targets(
    encoder: Encoder, recipe: Recipe, style_13HW: Tensor, guide_1PHW: Tensor | None, parts: int, tile: int = 0
) -> Targets:
    """Statistics of a style in its own size, one a part; without a guide every part takes the whole style."""
    with torch.no_grad():
        guides = None
        if guide_1PHW is not None:
            guides = {
                layer: layer_guide(guide_1PHW, tiling.grid(encoder, layer, style_13HW))
                for layer in recipe.style_names
            }
        taken = _together(recipe, _seen(encoder, recipe, style_13HW, guides, tile))
        if guides is None:
            taken = {layer: one.repeat(1, parts, *(1,) * (one.ndim - 2)) for layer, one in taken.items()}
    return Targets({}, taken, {}, {}, {}, {})


def weights(recipe: Recipe, device: torch.device) -> Targets:
    """The recipe's weights as tensors, so that pairs of one batch may differ in them."""
    values = {
        name: torch.tensor([getattr(recipe, f"{name}_weight")], device=device, dtype=torch.float32)
        for name in TERMS
    }
    return Targets({}, {}, {}, {}, values, {})


def together(content: Targets, style: Targets, weight: Targets) -> Targets:
    """The targets of a pair from its garment's, its style's and its recipe's."""
    return Targets(content.content, style.style, content.floors, content.guides, weight.weights, content.kept)


def terms(encoder: Encoder, recipe: Recipe, targets: Targets, picture_B3HW: Tensor, tile: int = 0) -> Terms:
    """Every weighted term for the pictures; those with a side longer than `tile` are looked at by windows.

    On a CPU pairs are taken one by one: its kernels round differently for batches, kinks and line searches
    tell the difference, and a batch is no faster there.
    """
    if picture_B3HW.is_cuda or len(picture_B3HW) == 1:
        return _terms(encoder, recipe, targets, picture_B3HW, tile)
    each = [
        _terms(encoder, recipe, targets.of_pair(pair), picture, tile)
        for pair, picture in enumerate(picture_B3HW.split(1))
    ]
    return Terms(*(torch.cat([getattr(one, field.name) for one in each]) for field in fields(Terms)))


def _terms(encoder: Encoder, recipe: Recipe, targets: Targets, picture_B3HW: Tensor, tile: int) -> Terms:
    def distances(found: Features, part: tiling.Part) -> Named:
        return {
            layer: content_distance(
                found[layer], part(layer, targets.content[layer]), part(layer, cloth[layer])
            )
            for layer, _ in recipe.content_layers
        }

    cloth = {
        layer: targets.guides[layer].sum(1, keepdim=True).clamp(0, 1) for layer, _ in recipe.content_layers
    }
    seen = _seen(encoder, recipe, picture_B3HW, targets.guides, tile, distances) if recipe.layers else []
    nothing_B = picture_B3HW.new_zeros(len(picture_B3HW))
    guide, kept = targets.kept["guide"], targets.kept
    normalisation = cast(Normalisation, recipe.normalisation)
    unweighted = {
        "content": _content(recipe, targets, cloth, seen, nothing_B),
        "style": _style(recipe, targets, _together(recipe, seen), nothing_B),
        "variation": variation_loss(picture_B3HW, recipe.variation_exponent, guide, normalisation),
    }
    for name, loss in KEPT_LOSSES.items():
        unweighted[name] = loss(picture_B3HW, kept[name], guide) if name in kept else nothing_B
    if normalisation == "balanced":
        # Luan et al. (2017), eq. 2, sum over positions, so their term grows with the picture; ours does not.
        unweighted["photorealism"] = unweighted["photorealism"] / picture_B3HW[0, 0].numel()
    return Terms(*(targets.weights[name] * unweighted[name] for name in TERMS))


def _content(
    recipe: Recipe, targets: Targets, cloth: Named, seen: "list[_Seen]", nothing_B: Tensor
) -> Tensor:
    total_B, normalisation = nothing_B, cast(Normalisation, recipe.normalisation)
    for layer, weight in recipe.content_layers:
        distance_B = torch.stack([one.content[layer] for one in seen]).sum(0)
        total_B = total_B + weight * content_scaled(
            distance_B, targets.content[layer], cloth[layer], normalisation
        )
    return total_B


def _style(recipe: Recipe, targets: Targets, found: Named, nothing_B: Tensor) -> Tensor:
    """Every layer's and part's distance; balanced parts count by their share of the cloth.

    Luan et al. (2017), eq. 5, sum over parts as they are; so do the papers' normalisations here.
    """
    total_B = nothing_B
    for layer, weight in recipe.style_layers:
        guide = targets.guides[layer]
        share_BP = guide.sum((2, 3)) / guide.sum((1, 2, 3)).clamp_min(1e-6)[:, None]
        for part in range(guide.shape[1]):
            distance_B = style_loss(
                found[layer][:, part],
                targets.style[layer][:, part],
                cast(Normalisation, recipe.normalisation),
                statistic=recipe.statistic,
                positions=guide.shape[2:].numel(),
                floor_B=targets.floors[layer][:, part],
            )
            balanced = share_BP[:, part] if recipe.normalisation == "balanced" else 1.0
            total_B = total_B + weight * balanced * distance_B
    return total_B


@dataclass(frozen=True)
class _Seen:
    """What a window shows: of the content what was asked for, and statistics with their areas, by layer.

    Statistics are B x P x ..., areas B x P.
    """

    window: tiling.Window
    content: Named
    statistics: Named
    areas: Named


def _seen(
    encoder: Encoder,
    recipe: Recipe,
    picture_B3HW: Tensor,
    guides: Named | None,
    tile: int,
    of_content: Callable[[Features, tiling.Part], Named] = lambda _found, _part: {},
) -> list[_Seen]:
    """Every window of a picture; there is one, the whole, unless a side is longer than `tile`."""

    def see(picture_B3HW: Tensor, window: tiling.Window) -> _Seen:
        found, part = tiling.look(encoder, channels_last(picture_B3HW), window)
        own = {} if guides is None else {layer: part(layer, guides[layer]) for layer in recipe.style_names}
        statistics, areas = {}, {}
        for layer in recipe.style_names:
            statistics[layer] = _statistics(recipe, found[layer], own.get(layer))
            everywhere = torch.full((1, 1), float(found[layer][0, 0].numel()), device=picture_B3HW.device)
            areas[layer] = own[layer].sum((2, 3)) if own else everywhere
        return _Seen(window, of_content(found, part), statistics, areas)

    side = tile if STATISTICS[recipe.statistic].together else 0
    windows = tiling.windows(picture_B3HW, side, encoder, guides)
    if len(windows) == 1:
        return [see(picture_B3HW, windows[0])]
    # A window's activations are forgotten until its gradient is taken: memory is one window's.
    return [
        checkpoint(see, picture_B3HW, window, use_reentrant=False, preserve_rng_state=False)
        for window in windows
    ]


def _together(recipe: Recipe, seen: list[_Seen]) -> Named:
    """Statistics of the whole picture, B x P x ... by layer, from those of its windows."""
    if len(seen) == 1:
        return seen[0].statistics
    together = STATISTICS[recipe.statistic].together
    if not seen or together is None:
        return {}
    found = {}
    for layer in recipe.style_names:
        windows = torch.stack([one.statistics[layer].flatten(0, 1) for one in seen])
        areas = torch.stack([one.areas[layer].flatten() for one in seen])
        shares = areas / areas.sum(0).clamp_min(1e-6)
        found[layer] = together(windows, shares).unflatten(0, seen[0].statistics[layer].shape[:2])
    return found


def _statistics(recipe: Recipe, features_BCHW: Tensor, guide_BPHW: Tensor | None) -> Tensor:
    """A layer's statistic of every part, B x P x ...; without a guide of the whole picture, B x 1 x ..."""
    take = STATISTICS[recipe.statistic].take
    parts = [None] if guide_BPHW is None else list(guide_BPHW.split(1, dim=1))
    return torch.stack([take(features_BCHW, guide) for guide in parts], 1)


KEPT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "lighting": low_pass_light,
    "saliency": lambda content, _guide: gradient_map(content),
    "photorealism": lambda content, _guide: matting_stencil(content),
}
"""What of the garment a term holds on to: the picture and the cloth's guide to its target."""

KEPT_LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "lighting": lighting_loss,
    "saliency": saliency_loss,
    "photorealism": lambda picture, stencil, _guide: photorealism_loss(picture, stencil),
}
"""Their losses: picture, target and the cloth's guide to B values."""


def channels_last(picture_B3HW: Tensor) -> Tensor:
    """The memory format in which convolutions are quickest."""
    return picture_B3HW.contiguous(memory_format=torch.channels_last)
