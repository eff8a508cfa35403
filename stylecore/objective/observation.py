"""Observation: what the encoder shows of pictures, window by window, put together to the whole.

Shape suffixes: B pairs, C channels, P parts, H rows, W columns.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from stylecore.encoders.encoder import Encoder, Features
from stylecore.objective import windows
from stylecore.objective.statistics import STATISTICS
from stylecore.objective.targets import Named
from stylecore.recipe import Structure

OfContent = Callable[[Features, windows.Part], Named]
"""A window's features, and how maps of the whole picture are cut to it, to what is taken of the content by layer."""


@dataclass(frozen=True)
class WindowView:
    """What one window shows: what was taken of the content, and statistics with their areas, by layer.

    Statistics are B x P x ..., areas B x P.
    """

    window: windows.Window
    content: Named
    statistics: Named
    areas: Named


def observe_windows(
    encoder: Encoder,
    structure: Structure,
    picture_B3HW: Tensor,
    guides: Named | None,
    tile: int,
    of_content: OfContent = lambda _features, _part: {},
) -> list[WindowView]:
    """Every window of a picture; there is one, the whole, unless a side is longer than `tile` px.

    `guides` are B x P x h x w by layer, `None` for one part that is everywhere. `of_content` says what to take of
    the content in each window.
    """

    def view_of(picture_B3HW: Tensor, window: windows.Window) -> WindowView:
        """Look at one window of the picture."""
        features, part = windows.window_features(encoder, channels_last(picture_B3HW), window)
        cut = {} if guides is None else {layer: part(layer, guides[layer]) for layer in structure.style_names}
        statistics, areas = {}, {}
        for layer in structure.style_names:
            statistics[layer] = _statistics(structure, features[layer], cut.get(layer))
            everywhere = torch.full((1, 1), float(features[layer][0, 0].numel()), device=picture_B3HW.device)
            areas[layer] = cut[layer].sum((2, 3)) if cut else everywhere
        return WindowView(window, of_content(features, part), statistics, areas)

    side = tile if STATISTICS[structure.statistic].combine_windows else 0
    cuts = windows.split_into_windows(picture_B3HW, side, encoder, guides)
    if len(cuts) == 1:
        return [view_of(picture_B3HW, cuts[0])]
    # A window's activations are forgotten until its gradient is taken: memory is one window's.
    return [
        checkpoint(view_of, picture_B3HW, window, use_reentrant=False, preserve_rng_state=False)
        for window in cuts
    ]


def whole_statistics(structure: Structure, views: list[WindowView]) -> Named:
    """Statistics of the whole picture, B x P x ... by layer, from those of its windows."""
    if len(views) == 1:
        return views[0].statistics
    combine = STATISTICS[structure.statistic].combine_windows
    if not views or combine is None:
        return {}
    whole = {}
    for layer in structure.style_names:
        statistics = torch.stack([view.statistics[layer].flatten(0, 1) for view in views])
        areas = torch.stack([view.areas[layer].flatten() for view in views])
        shares = areas / areas.sum(0).clamp_min(1e-6)
        whole[layer] = combine(statistics, shares).unflatten(0, views[0].statistics[layer].shape[:2])
    return whole


def channels_last(picture_B3HW: Tensor) -> Tensor:
    """The picture in the memory format in which convolutions are quickest."""
    return picture_B3HW.contiguous(memory_format=torch.channels_last)


def _statistics(structure: Structure, features_BCHW: Tensor, guide_BPHW: Tensor | None) -> Tensor:
    """A layer's statistic of every part, B x P x ...; without a guide of the whole picture, B x 1 x ..."""
    take = STATISTICS[structure.statistic].take
    parts = [None] if guide_BPHW is None else list(guide_BPHW.split(1, dim=1))
    return torch.stack([take(features_BCHW, guide) for guide in parts], 1)
