"""The light of a garment's folds lies over what is painted."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from stylecore.encoders.embedded import embedded_encoder
from stylecore.errors import RecipeError
from stylecore.objective.target_cache import TargetCache
from stylecore.painting.initialization import light_over, unlit
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe

LIGHT = (0.75 + 0.25 * torch.cos(torch.linspace(0, 6, 80))).view(1, 1, 1, 80).expand(1, 1, 96, 80)
CONTENT = torch.tensor([0.6, 0.5, 0.4]).view(1, 3, 1, 1) * LIGHT
STYLE = torch.tensor([0.7, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
GUIDE = torch.ones(1, 1, 96, 80)
RECIPE = Recipe(levels=((0.5, 10), (1.0, 5)), start_noise=0.0)


def paint(recipe: Recipe = RECIPE, cache: TargetCache | None = None, **fields: Any) -> Finished:
    """The one pair of this module, painted."""
    pair = dataclasses.replace(Pair(CONTENT, STYLE, GUIDE, recipe), **fields)
    (finished,) = mill([pair], embedded_encoder(recipe.layers), slots=1, cache=cache)
    assert finished.failure is None
    return finished


def correlation(design: Tensor, light: Tensor) -> float:
    """Of a design's luminance with a light."""
    return float(torch.corrcoef(torch.stack([design.mean(1).flatten(), light.flatten()]))[0, 1])


def test_folds_on_a_style_of_one_colour() -> None:
    """A style of one colour shows the garment's folds, which without shading it does not."""
    lit = paint().picture_13HW
    flat = paint(dataclasses.replace(RECIPE, shading=0.0, lighting_weight=0.0, init="style")).picture_13HW
    assert correlation(lit, LIGHT) > 0.9
    assert lit.mean(1).std() > 3 * flat.mean(1).std()


def test_strength() -> None:
    """Half the shading is half the light: 1 is as read, 0 changes nothing."""
    light = torch.full((1, 1, 8, 8), 0.6)
    for strength, wanted in ((0.0, 1.0), (0.5, 0.8), (1.0, 0.6)):
        torch.testing.assert_close(light_over(light, (16, 16), strength), torch.full((1, 1, 16, 16), wanted))


def test_light_and_back() -> None:
    """A picture out of the light, under it again, is what it was."""
    picture = 0.2 + 0.4 * torch.rand(1, 3, 96, 80)
    torch.testing.assert_close(unlit(picture, LIGHT.clamp_min(0.6)) * LIGHT.clamp_min(0.6), picture)
    assert unlit(picture, None) is picture


def test_a_start_of_ones_own_comes_back() -> None:
    """Without steps a start is the design that it was: brought out of the light, and under it again."""
    start = 0.2 + 0.3 * torch.rand(1, 3, 96, 80)
    still = dataclasses.replace(RECIPE, levels=((1.0, 0),))
    torch.testing.assert_close(paint(still, start=start).picture_13HW, start)


def test_garments_share_their_folds() -> None:
    """Folds are read once for a garment, by its key, whatever the style; a recipe that asks for none reads none."""
    cache = TargetCache()
    first = paint(cache=cache, content_key="g", style_key="s")
    misses = cache.misses
    second = paint(cache=cache, content_key="g", style_key="s")
    assert cache.misses == misses and torch.equal(first.picture_13HW, second.picture_13HW)
    none = TargetCache()
    paint(
        dataclasses.replace(RECIPE, shading=0.0, init="content"), cache=none, content_key="g", style_key="s"
    )
    assert none.misses == misses - 1


def test_strengths_do_not_share_a_content() -> None:
    """With one cache, recipes that differ in shading alone paint what each paints alone."""
    cache = TargetCache()
    for shading in (0.0, 1.0, 0.5):
        recipe = dataclasses.replace(RECIPE, shading=shading)
        shared = paint(recipe, cache=cache, content_key="g", style_key="s")
        assert torch.equal(shared.picture_13HW, paint(recipe).picture_13HW)


@pytest.mark.parametrize("value", [-0.1, 2.1, float("nan")])
def test_out_of_range(value: float) -> None:
    """Shading below 0 or above 2 is refused."""
    with pytest.raises(RecipeError, match="shading"):
        Recipe(shading=value)
