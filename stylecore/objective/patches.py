"""Patches: every place of a design is assigned a patch of the style, and drawn towards it.

Gram matrices keep which features go together, not where, so motifs dissolve. A patch is a 3 x 3 neighbourhood of
features. Every few steps each place of the cloth is assigned one of the style's patches
(stylecore/objective/assignment.py); the assignment is not differentiated. Between two assignments the loss is the
squared distance of the design's patches from those assigned to them, as in Li and Wand (2016), "Combining Markov
Random Fields and Convolutional Neural Networks", eq. 2.

That sum over overlapping patches is, but for what does not depend on the design, a weighted squared distance from
one map: at each place the mean of what the nine patches over it ask for. So a step costs what the content term
costs, and windows of a large picture add up.

Shape suffixes: B pairs, C channels, P parts, H rows, W columns of a design's layer; N = H * W places;
h, w, M = h * w of a style's layer; D = 9 * C; S sampled patches; K dimensions of a
descriptor.
"""

from dataclasses import dataclass
from math import gcd

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.objective.assignment import (
    OFFSETS,
    Choose,
    Side,
    choose_in_balance,
    choose_nearest,
    find_places,
    mean_cost,
)
from stylecore.tensors import exact, size_of

DIMENSIONS = 64
"""Of a descriptor, or twice the channels where those are fewer: the directions in which the style's patches differ most
hold what tells motifs apart."""
MOST_SAMPLED = 4096
"""Patches of a style that its directions are taken from, nearly."""
LEAST_COLUMNS = 64
"""Columns, at least, in which they lie, or half of all where those are fewer."""
FLATTEST = 0.2
"""Share of a garment's mean square that its energy is not taken for less than. Whole garments have 0.26 and more; a part
of one place has no variance at all, and over that of a like part of the style its loss would drown the rest."""


@dataclass(frozen=True)
class PatchSource:
    """A style's patches in one layer: what an assignment chooses from.

    `features` 1 x C x h x w; `guide` 1 x P x h x w; `basis` K x C x 3 x 3 and `offset` K values give a descriptor
    (`describe`); `descriptors` 1 x K x h x w of unit length; `energy` P values, the features' variance twice.
    """

    features: Tensor
    guide: Tensor
    basis: Tensor
    offset: Tensor
    descriptors: Tensor
    energy: Tensor


@dataclass(frozen=True)
class Match:
    """What the patches assigned to a design ask for, in one layer: `wanted` B x C x H x W with `weight` B x 1 x H x W.

    The loss is sum weight * (features - wanted)^2 + `rest`, B values, which is what the nine patches over a place
    disagree by.
    """

    wanted: Tensor
    weight: Tensor
    rest: Tensor


def patch_source(features_1CHW: Tensor, guide_1PHW: Tensor) -> PatchSource:
    """A style's patches in one layer, from its features and its parts' guides (ones where it has no parts)."""
    features_1CHW = exact(features_1CHW)
    # A part that the style does not have takes all of it.
    guide_1PHW = torch.where(
        guide_1PHW.sum((2, 3), keepdim=True) > 0, guide_1PHW, torch.ones_like(guide_1PHW)
    )
    basis, offset = _basis(features_1CHW)
    return PatchSource(
        features=features_1CHW,
        guide=guide_1PHW.to(features_1CHW.dtype),
        basis=basis,
        offset=offset,
        descriptors=describe(features_1CHW, basis, offset),
        energy=patch_energy(features_1CHW, guide_1PHW)[0],
    )


def patch_energy(features_BCHW: Tensor, guide_BPHW: Tensor) -> Tensor:
    """Twice the features' variance under every part's guide, B x P: what two places of it differ by in the mean."""
    squares_BP, of_mean_BP = _mean_squares(features_BCHW, guide_BPHW)
    return 2 * (squares_BP - of_mean_BP).clamp_min(0)


def garment_energy(features_BCHW: Tensor, guide_BPHW: Tensor) -> Tensor:
    """The `patch_energy` of a garment's parts, B x P, and `FLATTEST` of their mean square where that is more."""
    squares_BP, _ = _mean_squares(features_BCHW, guide_BPHW)
    return torch.maximum(patch_energy(features_BCHW, guide_BPHW), FLATTEST * squares_BP)


def _mean_squares(features_BCHW: Tensor, guide_BPHW: Tensor) -> tuple[Tensor, Tensor]:
    """The mean square of features under every part's guide, and the square of their mean, B x P each."""
    features_BCN, guide_BPN = exact(features_BCHW).flatten(2), exact(guide_BPHW).flatten(2)
    share_BPN = guide_BPN / guide_BPN.sum(-1, keepdim=True).clamp_min(1e-6)
    mean_BPC = share_BPN @ features_BCN.mT
    squares_BP = (share_BPN @ features_BCN.square().sum(1)[..., None])[..., 0]
    return squares_BP, mean_BPC.square().sum(-1)


def describe(features_1CHW: Tensor, basis_KC33: Tensor, offset_K: Tensor) -> Tensor:
    """Descriptors of every 3 x 3 neighbourhood (zeros beyond the border), less the style's mean, of unit length."""
    descriptors = functional.conv2d(exact(features_1CHW), basis_KC33, -offset_K, padding=1)
    return functional.normalize(descriptors, dim=1)


def _basis(features_1CHW: Tensor) -> tuple[Tensor, Tensor]:
    """Directions in which the style's patches differ most, K x C x 3 x 3, and the mean patch in them, K values.

    A randomised range finder with one power iteration (Halko, Martinsson and Tropp 2011): the whole
    eigendecomposition of 1,440 dimensions would take as long as the painting.
    """
    patches_DS = _sampled_patches(features_1CHW)
    mean_D = patches_DS.mean(1)
    centred_DS = patches_DS - mean_D[:, None]
    generator = torch.Generator().manual_seed(0)
    directions = min(DIMENSIONS, max(32, 2 * features_1CHW.shape[1]), *centred_DS.shape)
    basis_DK = torch.randn(len(centred_DS), directions, generator=generator).to(centred_DS)
    for _ in range(2):
        basis_DK = torch.linalg.qr(centred_DS @ (centred_DS.mT @ basis_DK))[0]
    basis_KC33 = basis_DK.mT.unflatten(1, (features_1CHW.shape[1], 3, 3)).contiguous()
    return basis_KC33, basis_DK.mT @ mean_D


def _sampled_patches(features_1CHW: Tensor) -> Tensor:
    """Evenly spread patches, D x S; all of a large layer would take nine times its memory."""
    height, width = size_of(features_1CHW)
    step = max(1, height * width // MOST_SAMPLED)
    # Places a width apart, or an even share of it, would all lie in a few columns.
    while width // gcd(step, width) < min(width // 2, LEAST_COLUMNS):
        step += 1
    place_S = torch.arange(0, height * width, step, device=features_1CHW.device)
    padded = functional.pad(features_1CHW, (1, 1, 1, 1))[0]
    rows, columns = place_S // width + 1, place_S % width + 1
    around = [padded[:, rows + down, columns + right] for down, right in OFFSETS]
    return torch.stack(around, 1).flatten(0, 1)


@dataclass(frozen=True)
class Assignment:
    """How places are assigned patches; with `both_ways` the style's places choose among the design's as well."""

    choose: Choose
    both_ways: bool = False


ASSIGNMENTS = {
    "patches": Assignment(choose_in_balance),
    "patches_nearest": Assignment(choose_nearest),
    # Kolkin et al. (2019), "Style Transfer by Relaxed Optimal Transport and Self-Similarity", eq. 6.
    "patches_relaxed": Assignment(choose_nearest, both_ways=True),
}
"""Assignments by the statistic's name."""


def assign(
    statistic: str, features_1CHW: Tensor, guide_1PHW: Tensor, source: PatchSource, floor_1P: Tensor
) -> Match:
    """Assign the style's patches to the places of a design, part by part, and say what they ask for.

    Args:
        statistic: a name of `ASSIGNMENTS`.
        features_1CHW: the design's features in one layer.
        guide_1PHW: where the design's parts are, in [0, 1].
        source: the style's patches in that layer.
        floor_1P: an energy that the balanced normaliser does not fall below (`losses.ENERGY_FLOOR`).
    """
    features, guide = exact(features_1CHW), guide_1PHW.to(source.features.dtype)
    descriptors = describe(features, source.basis, source.offset)
    votes = _Votes(features, source)
    # Parts count by their share of the cloth, so its area divides all of them; nine patches lie over a place.
    area = 9 * guide.sum().clamp_min(1e-6)
    for part in range(guide.shape[1]):
        energy = torch.maximum(source.energy[part], floor_1P[0, part]).clamp_min(1e-12)
        design = Side(descriptors, guide[:, part])
        style = Side(source.descriptors, source.guide[:, part])
        _vote(votes, ASSIGNMENTS[statistic], design, style, 1 / (area * energy))
    return votes.match(features_1CHW.dtype)


def _vote(votes: "_Votes", assignment: Assignment, design: Side, style: Side, scale: Tensor) -> None:
    """Let the patches that are assigned to the design's places vote; a place counts by its guide times `scale`."""
    places_N = find_places(assignment.choose, design, style)
    weight_N = design.guide.flatten() * scale
    if not assignment.both_ways:
        votes.add(places_N, weight_N)
        return
    places_M = find_places(assignment.choose, style, design)
    cost, cost_back = mean_cost(places_N, design, style), mean_cost(places_M, style, design)
    share_M = style.guide.flatten() / style.guide.sum().clamp_min(1e-12)
    # The larger of the two mean costs is what relaxes the transport: the other way asks for nothing.
    votes.add(places_N, weight_N * (cost >= cost_back))
    votes.add_back(places_M, share_M * weight_N.sum() * (cost < cost_back))


class _Votes:
    """Sums at every place of what the patches over it ask for: features, weights and squares."""

    def __init__(self, features_1CHW: Tensor, source: PatchSource) -> None:
        """No votes yet."""
        self._size, self._channels = size_of(features_1CHW), features_1CHW.shape[1]
        self._width = source.features.shape[-1] + 2
        padded = functional.pad(source.features, (1, 1, 1, 1))
        self._rows = padded[0].flatten(1).mT.contiguous()
        inside = functional.pad(torch.ones_like(source.features[0, 0]), (1, 1, 1, 1))
        self._inside = inside.flatten()
        self._squares = self._rows.square().sum(1)
        height, width = self._size
        self._sum = features_1CHW.new_zeros(
            height + 2, width + 2, self._channels, dtype=source.features.dtype
        )
        self._weight, self._square = (self._sum.new_zeros(height + 2, width + 2) for _ in range(2))

    def add(self, places_N: Tensor, weight_N: Tensor) -> None:
        """Let the patch around the style's place for each of the design's vote with that place's weight."""
        height, width = self._size
        columns = self._width - 2
        centre_N = (places_N // columns + 1) * self._width + places_N % columns + 1
        for down, right in OFFSETS:
            index_N = centre_N + down * self._width + right
            # What lies beyond the style's border is not there, and asks for nothing.
            vote_N = weight_N * self._inside[index_N]
            at = slice(1 + down, 1 + down + height), slice(1 + right, 1 + right + width)
            self._sum[at] += (self._rows[index_N] * vote_N[:, None]).view(height, width, -1)
            self._weight[at] += vote_N.view(height, width)
            self._square[at] += (self._squares[index_N] * vote_N).view(height, width)

    def add_back(self, places_M: Tensor, weight_M: Tensor) -> None:
        """Let every patch of the style vote, with its own weight, at the design's place that it has chosen."""
        width, columns = self._size[1], self._width - 2
        count = len(places_M)
        centre_M = (torch.arange(count, device=places_M.device) // columns + 1) * self._width + (
            torch.arange(count, device=places_M.device) % columns + 1
        )
        target_M = (places_M // width + 1) * (width + 2) + places_M % width + 1
        for down, right in OFFSETS:
            index_M = centre_M + down * self._width + right
            at_M = target_M + down * (width + 2) + right
            vote_M = weight_M * self._inside[index_M]
            self._sum.view(-1, self._channels).index_add_(0, at_M, self._rows[index_M] * vote_M[:, None])
            self._weight.view(-1).index_add_(0, at_M, vote_M)
            self._square.view(-1).index_add_(0, at_M, self._squares[index_M] * vote_M)

    def match(self, dtype: torch.dtype) -> Match:
        """The mean of all votes at each place, their weight, and what they disagree by."""
        within = slice(1, -1), slice(1, -1)
        total, weight, square = self._sum[within], self._weight[within], self._square[within]
        wanted = total / weight.clamp_min(1e-30)[..., None]
        rest = (square - (total * wanted).sum(-1)).clamp_min(0).sum()
        return Match(wanted.permute(2, 0, 1)[None].to(dtype), weight[None, None], rest[None])
