"""What a plan says about its recipe: settings that will not do what their owner expects of them."""

from collections.abc import Iterator, Sequence

from catalogs.records import Garment
from stylecore.recipe import Recipe


def recipe_remarks(recipe: Recipe, garments: Sequence[Garment]) -> Iterator[str]:
    """A sentence for each field of a recipe that has no effect beside its others, or on these garments."""
    for name, why in recipe.without_effect().items():
        yield f"recipe '{recipe.name}': {name} has no effect, as {why}"
    if recipe.parts and garments and not any(garment.parts for garment in garments):
        yield f"recipe '{recipe.name}': parts has no effect, as no garment of this plan has a part map"
