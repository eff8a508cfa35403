"""Contestants: recipes and rivals, each of which makes a painting of a pair that can be timed and composed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.rivals.named import RIVALS
from benchmarks.scoreboard.pairs import JUDGED, JudgedPair
from flows.painting.image_tensors import to_content, to_guide, to_pair, to_tensor
from flows.planning.devices import choose_precision
from flows.planning.plan import DesignJob
from flows.planning.weights import load_encoder
from flows.recipes.named import find_recipe
from flows.settings import Settings
from stylecore.encoders.encoder import Encoder
from stylecore.errors import StylecoreError
from stylecore.objective.guides import cloth_guide
from stylecore.painting.canvas import Canvas, fit, place_back
from stylecore.painting.mill import mill
from stylecore.painting.pair import Pair
from stylecore.recipe import Recipe
from stylecore.stylization import in_precision


@dataclass(frozen=True)
class Painting:
    """A pair prepared for a contestant: `paint` is what is timed; `to_judged` brings its picture to the judged canvas."""

    paint: Callable[[], Tensor]
    to_judged: Callable[[Tensor], Tensor]


Contestant = Callable[[JudgedPair], Painting]


def load_recipe(name: str, assets: Path) -> Contestant:
    """Return a recipe by its name or TOML file as a contestant, in the precision in which runs paint on this CPU.

    RecipeError for an unknown recipe, WeightsError where its encoder's weights are missing.
    """
    recipe = find_recipe(name)
    settings = Settings(vgg19_weights=str(assets / "weights" / "vgg19_features.safetensors"))
    precision = choose_precision("auto", torch.device("cpu"))
    encoder = in_precision(load_encoder(recipe, settings), precision)

    def prepare(pair: JudgedPair) -> Painting:
        """Fit the pair to the recipe's own canvas."""
        canvas = to_content(pair.template, recipe)
        job = to_pair(DesignJob("", pair.garment, pair.style), canvas, pair.pattern, recipe)
        return Painting(
            lambda: paint_by_mill(job, encoder),
            lambda picture: to_judged_canvas(picture, canvas, pair, recipe),
        )

    return prepare


def load_rival(name: str, assets: Path) -> Contestant:
    """Return a rival, by a name of RIVALS, as a contestant; its loader raises RivalError where it cannot take part."""
    painter = RIVALS[name](assets)

    def prepare(pair: JudgedPair) -> Painting:
        """Take the judged canvas and style as they are."""
        return Painting(
            lambda: painter(pair.canvas.content, pair.style_13HW), lambda picture: picture.clamp(0, 1)
        )

    return prepare


def paint_by_mill(job: Pair, encoder: Encoder) -> Tensor:
    """Return the picture of one pair; StylecoreError where the mill gave it up."""
    (finished,) = mill([job], encoder, slots=1)
    if finished.failure:
        raise StylecoreError(f"The pair could not be painted: {finished.failure}")
    return finished.picture_13HW


def to_judged_canvas(picture_13HW: Tensor, canvas: Canvas, pair: JudgedPair, recipe: Recipe) -> Tensor:
    """Return a picture of the recipe's canvas on the judged one.

    From another canvas it goes over the template with the recipe's share of detail, as in every design of a run.
    """
    if canvas.placement == pair.canvas.placement and canvas.content.shape == pair.canvas.content.shape:
        return picture_13HW
    whole = place_back(picture_13HW, to_tensor(pair.template.picture), canvas.placement, recipe.detail)
    guide = pair.template.mask
    whole_guide = torch.ones_like(whole[:, :1]) if guide is None else to_guide(guide)
    return fit(whole, whole_guide, JUDGED.canvas, JUDGED.margin).content


def compose(pair: JudgedPair, picture_13HW: Tensor) -> Tensor:
    """Return the picture under the garment's mask and the template beyond it, in [0, 1]."""
    guide = cloth_guide(pair.canvas.guide)
    return (pair.canvas.content * (1 - guide) + picture_13HW.clamp(0, 1) * guide).clamp(0, 1)
