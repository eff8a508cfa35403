"""The plan says which fields of a recipe do nothing."""

from dataclasses import replace

from catalogs.records import Garment
from flows.recipe_remarks import recipe_remarks
from flows.recipes import NAMED
from stylecore.recipe import Recipe

GARMENT = Garment("tee", "tee.png")


def test_fields_without_effect() -> None:
    """The field and the reason are named."""
    remarks = list(recipe_remarks(Recipe(name="mine", seed=3, window=5), [GARMENT]))
    assert remarks == [
        "recipe 'mine': seed has no effect, as init is 'recoloured', and only noise asks for it",
        "recipe 'mine': window has no effect, as tolerance is 0, so nobody looks",
    ]


def test_parts_without_maps() -> None:
    """Parts are said to do nothing where no garment of the plan has a map, and only there."""
    recipe = Recipe(name="mine", parts=True)
    assert "parts has no effect" in next(recipe_remarks(recipe, [GARMENT]))
    assert not list(recipe_remarks(recipe, [GARMENT, replace(GARMENT, parts="tee_parts.png")]))
    assert not list(recipe_remarks(recipe, []))


def test_named_recipes_say_nothing() -> None:
    """Nothing is set in vain in the recipes of the house."""
    for recipe in NAMED.values():
        assert not recipe().without_effect()
