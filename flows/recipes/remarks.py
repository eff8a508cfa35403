"""Remarks of a plan on its recipe: fields that will not do what their author expects."""

from collections.abc import Iterator, Sequence

from catalogs.inputs.repeats import width_remarks
from catalogs.records import Garment, Style
from stylecore.recipe import Recipe


def recipe_remarks(recipe: Recipe, garments: Sequence[Garment], styles: Sequence[Style]) -> Iterator[str]:
    """Yield a remark for each field of a recipe without effect beside the other fields, or on these garments and styles.

    For a print, yield remarks also on widths that are missing or improbable, as they give its scale.
    """
    for name, why in recipe.without_effect().items():
        yield f"recipe '{recipe.name}': {name} has no effect, as {why}"
    if recipe.parts and garments and not any(garment.parts for garment in garments):
        yield f"recipe '{recipe.name}': parts has no effect, as no garment of this plan has a part map"
    if recipe.init == "print":
        yield from width_remarks(garments, styles)
