"""What a plan says about its recipe: settings that will not do what their owner expects of them."""

from collections.abc import Iterator, Sequence

from catalogs.inputs.repeats import width_remarks
from catalogs.records import Garment, Style
from stylecore.recipe import Recipe


def recipe_remarks(recipe: Recipe, garments: Sequence[Garment], styles: Sequence[Style]) -> Iterator[str]:
    """A sentence for each field of a recipe that has no effect beside its others, or on these garments and styles.

    Of a print also, where the widths that give its scale are missing or cannot be meant.
    """
    for name, why in recipe.without_effect().items():
        yield f"recipe '{recipe.name}': {name} has no effect, as {why}"
    if recipe.parts and garments and not any(garment.parts for garment in garments):
        yield f"recipe '{recipe.name}': parts has no effect, as no garment of this plan has a part map"
    if recipe.init == "print":
        yield from width_remarks(garments, styles)
