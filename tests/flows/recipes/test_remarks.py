"""The plan says which fields of a recipe do nothing."""

from dataclasses import replace

from catalogs.records import Garment, Style
from flows.recipes.named import NAMED
from flows.recipes.remarks import recipe_remarks
from stylecore.recipe import Recipe

GARMENT = Garment("tee", "tee.png")


def test_fields_without_effect() -> None:
    """The field and the reason are named."""
    remarks = list(recipe_remarks(Recipe(name="mine", start_noise=0.0, seed=3, window=5), [GARMENT], []))
    assert remarks == [
        "recipe 'mine': seed has no effect, as init is 'shaded', start_noise is 0, and only noise asks for it",
        "recipe 'mine': window has no effect, as tolerance is 0, so nobody looks",
    ]


def test_parts_without_maps() -> None:
    """Parts are said to do nothing where no garment of the plan has a map, and only there."""
    recipe = Recipe(name="mine", parts=True)
    assert "parts has no effect" in next(recipe_remarks(recipe, [GARMENT], []))
    assert not list(recipe_remarks(recipe, [GARMENT, replace(GARMENT, parts="tee_parts.png")], []))
    assert not list(recipe_remarks(recipe, [], []))


def test_named_recipes_say_nothing() -> None:
    """Nothing is set in vain in the recipes of the house."""
    for recipe in NAMED.values():
        assert not recipe().without_effect()


STYLE = Style("ink", "set", "ink.png")


def test_widths_on_one_side() -> None:
    """A width that only the garments or only the styles have is told for prints, with what it is; for others not."""
    wide, sized = replace(GARMENT, print_width_cm=50.0), replace(STYLE, repeat_width_cm=20.0)
    recipe = NAMED["print"]()
    (told,) = recipe_remarks(recipe, [GARMENT], [sized])
    assert told.startswith("style 'ink' has a repeat's size and garment 'tee' has no print_width_cm")
    (told,) = recipe_remarks(recipe, [wide], [STYLE])
    assert "style 'ink' has no repeat_width_cm" in told
    assert not list(recipe_remarks(recipe, [wide], [sized]))
    assert not list(recipe_remarks(recipe, [GARMENT], [STYLE]))
    assert not list(recipe_remarks(NAMED["house"](), [GARMENT], [sized]))


def test_many_are_counted() -> None:
    """Three are named, and the others counted."""
    bare = [replace(GARMENT, garment_id=f"g{n}") for n in range(9)]
    (told,) = recipe_remarks(NAMED["print"](), bare, [replace(STYLE, repeat_height_cm=3.0)])
    assert "garments 'g0', 'g1', 'g2' and 6 more have no print_width_cm" in told


def test_widths_that_cannot_be_meant() -> None:
    """Metres or millimetres in a column of centimetres are asked about."""
    for width in (0.5, 520.0):
        told = list(recipe_remarks(NAMED["print"](), [replace(GARMENT, print_width_cm=width)], []))
        assert told == [
            f"garment 'tee', print_width_cm: no cloth of a garment is {width:g} cm wide (5 to 400 cm are likely); is it"
            " in cm?"
        ]
