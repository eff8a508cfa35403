"""Real pairs as the house recipe paints them, and one judge of what was painted."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.scoreboard.pairs import JudgedPair, judged_pair
from catalogs.images.codec import MAX_PIXELS
from catalogs.inputs.content_digests import with_digests
from catalogs.inputs.garments import read_garments
from catalogs.inputs.styles import read_styles
from catalogs.storage.local_store import LocalStore
from flows.painting.image_tensors import read_pattern, read_template, to_content, to_pair
from flows.planning.plan import DesignJob
from stylecore.encoders.encoder import Encoder
from stylecore.objective.target_cache import TargetCache
from stylecore.objective.targets import StyleTargets, Targets
from stylecore.painting.lane_context import LaneContext
from stylecore.painting.pair import Pair
from stylecore.painting.pyramid import levels_of
from stylecore.recipe import Recipe
from stylecore.tensors import size_of

PAIRS = (("g01", "s01"), ("g04", "s20"), ("g13", "s40"), ("g20", "s48"), ("g24", "s02"), ("g10", "s24"))
"""Garments and styles by their identifiers in the assets' catalogs."""


def read_house_pairs(assets: Path, count: int, recipe: Recipe) -> list[Pair]:
    """Return the first `count` of PAIRS, fitted to the recipe's canvas; each pair's tag is its name."""
    return [_to_house_pair(read, recipe) for read in _read_pairs(assets, PAIRS[:count])]


def _read_pairs(assets: Path, names: tuple[tuple[str, str], ...]) -> list[JudgedPair]:
    garment_store, style_store = LocalStore(assets / "garments"), LocalStore(assets / "styles")
    garments = {garment.garment_id: garment for garment in read_garments(garment_store).records}
    styles = {style.style_id: style for style in read_styles(style_store).records}
    chosen_garments = with_digests(garment_store, [garments[garment] for garment, _ in names])[0]
    chosen_styles = with_digests(style_store, [styles[style] for _, style in names])[0]
    return [
        judged_pair(
            garment,
            style,
            read_template(garment_store, garment, MAX_PIXELS),
            read_pattern(style_store, style, MAX_PIXELS),
        )
        for garment, style in zip(chosen_garments, chosen_styles, strict=True)
    ]


def _to_house_pair(read: JudgedPair, recipe: Recipe) -> Pair:
    canvas = to_content(read.template, recipe)
    return to_pair(DesignJob("", read.garment, read.style), canvas, read.pattern, recipe, tag=read.name)


@dataclass(frozen=True)
class Judge:
    """A pair's objective at the canvas by the encoder in float32, which all paintings of the pair are held to."""

    context: LaneContext
    targets: Targets
    style: StyleTargets

    def loss(self, picture_13HW: Tensor) -> float:
        """Return the whole objective of a picture, with the style's patches assigned anew to it."""
        with torch.no_grad():
            assigned = self.context.assigned(self.targets, self.style, picture_13HW)
            return float(self.context.terms(assigned, picture_13HW).total)


def judge_of(pair: Pair, encoder: Encoder) -> Judge:
    """Return the judge of a pair by its own recipe; `encoder` is that recipe's network in float32."""
    context = LaneContext(
        pair.recipe.structure(),
        encoder,
        pair.content.device,
        TargetCache(),
        lambda _pairs, _share: None,
        tile=0,
        pixel_steps=1.0,
    )
    finest = levels_of(size_of(pair.content), context.structure)[-1]
    style = context.style(pair, finest)
    return Judge(context, context.targets(pair, finest, style), style)
