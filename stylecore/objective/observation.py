"""Observation: what the encoder shows of pictures, window by window, put together to the whole.

Shape suffixes: B pairs, C channels, P parts, H rows, W columns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from stylecore.encoders.encoder import Encoder, Features
from stylecore.objective import windows
from stylecore.objective.guides import grow
from stylecore.objective.statistics import STATISTICS
from stylecore.objective.targets import ByStatistic, Named
from stylecore.recipe import Structure

OfFeatures = Callable[[Features, windows.Part], Named]
"""A window's features, and how maps of the whole picture are cut to it, to whatever else is taken of it, by name."""


@dataclass(frozen=True)
class WindowView:
    """What one window shows.

    Statistics, B x P x ..., by statistic and layer, their areas, B x P by layer, and whatever else was taken of its
    features.
    """

    window: windows.Window
    taken: Named
    statistics: ByStatistic
    areas: Named


def observe_windows(
    encoder: Encoder,
    structure: Structure,
    picture_B3HW: Tensor,
    guides: Named | None,
    tile: int,
    of_features: OfFeatures = lambda _features, _part: {},
    *,
    everywhere: bool = False,
) -> list[WindowView]:
    """Every window of a picture; there is one, the whole, unless a side is longer than `tile` px.

    `guides` are B x P x h x w by layer, `None` for one part that is everywhere. `of_features` says what else to take
    of each window's features. Windows far from every guide are left out, unless they are wanted `everywhere`.
    """

    def view_of(picture_B3HW: Tensor, window: windows.Window) -> WindowView:
        """Look at one window of the picture."""
        features, part = windows.window_features(encoder, channels_last(picture_B3HW), window)
        cut = {} if guides is None else {layer: part(layer, guides[layer]) for layer in structure.style_names}
        areas = {}
        for layer in structure.style_names:
            whole = torch.full((1, 1), float(features[layer][0, 0].numel()), device=picture_B3HW.device)
            areas[layer] = cut[layer].sum((2, 3)) if cut else whole
        statistics = {
            each.name: {
                layer: _statistics(each.name, features[layer], cut.get(layer)) for layer, _ in each.layers
            }
            for each in structure.moments
        }
        return WindowView(window, of_features(features, part), statistics, areas)

    side = tile if all(STATISTICS[each.name].combine_windows for each in structure.moments) else 0
    covered = None if everywhere else _covered(structure, guides)
    cuts = windows.split_into_windows(picture_B3HW, side, encoder, covered)
    if len(cuts) == 1:
        return [view_of(picture_B3HW, cuts[0])]
    # A window's activations are forgotten until its gradient is taken: memory is one window's.
    return [
        checkpoint(view_of, picture_B3HW, window, use_reentrant=False, preserve_rng_state=False)
        for window in cuts
    ]


def _covered(structure: Structure, guides: Named | None) -> Named | None:
    """Where windows are needed: under the guides, and a patch's reach around them in the layers of patches."""
    if guides is None:
        return None
    return {**guides} | {layer: grow(guides[layer], 1) for layer in structure.patch_names}


def whole_statistics(structure: Structure, views: list[WindowView]) -> ByStatistic:
    """Statistics of the whole picture, B x P x ... by statistic and layer, from those of its windows."""
    if len(views) == 1:
        return views[0].statistics
    return {
        each.name: {layer: _combined(each.name, layer, views) for layer, _ in each.layers}
        for each in structure.moments
    }


def _combined(name: str, layer: str, views: list[WindowView]) -> Tensor:
    """One layer's statistic of the whole picture, B x P x ..., from those of its windows."""
    combine = STATISTICS[name].combine_windows
    # A statistic that does not combine is taken of the whole picture, so there is one window.
    assert combine is not None
    statistics = torch.stack([view.statistics[name][layer].flatten(0, 1) for view in views])
    areas = torch.stack([view.areas[layer].flatten() for view in views])
    shares = areas / areas.sum(0).clamp_min(1e-6)
    whole: Tensor = combine(statistics, shares).unflatten(0, views[0].statistics[name][layer].shape[:2])
    return whole


def picture_features(
    encoder: Encoder,
    structure: Structure,
    picture_B3HW: Tensor,
    names: Iterable[str],
    guides: Named | None = None,
    tile: int = 0,
) -> Named:
    """Features of a picture by layer, by windows where it has a side over `tile` px; 0 where no guide is near."""
    wanted = tuple(dict.fromkeys(names))
    alone = replace(structure, statistics=structure.patches)
    views = observe_windows(encoder, alone, picture_B3HW, guides, tile, features_of(wanted))
    return layer_features(encoder, picture_B3HW, views, wanted)


def features_of(names: Iterable[str]) -> OfFeatures:
    """Takes the features themselves of layers, by their names."""
    wanted = tuple(dict.fromkeys(names))
    return lambda features, _part: {name: features[name] for name in wanted}


def layer_features(
    encoder: Encoder, picture_B3HW: Tensor, views: list[WindowView], names: Iterable[str]
) -> Named:
    """Features of the whole picture by layer, put together from windows of which the features themselves were taken."""
    return {
        name: windows.assemble_layer(
            encoder, name, picture_B3HW, [(view.window, view.taken[name]) for view in views]
        )
        for name in names
    }


def channels_last(picture_B3HW: Tensor) -> Tensor:
    """The picture in the memory format in which convolutions are quickest."""
    return picture_B3HW.contiguous(memory_format=torch.channels_last)


def _statistics(name: str, features_BCHW: Tensor, guide_BPHW: Tensor | None) -> Tensor:
    """A layer's statistic of every part, B x P x ...; without a guide of the whole picture, B x 1 x ..."""
    take = STATISTICS[name].take
    parts = [None] if guide_BPHW is None else list(guide_BPHW.split(1, dim=1))
    return torch.stack([take(features_BCHW, guide) for guide in parts], 1)
