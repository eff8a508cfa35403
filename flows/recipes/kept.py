"""Recipes of people's own, kept as TOML in the catalog of the designs that they made.

Without them a design could not be made again, or beside others: its record holds the recipe, but no command reads that.
"""

import re
from pathlib import PurePosixPath

from catalogs import keys
from catalogs.storage.store_contract import Store
from flows.recipes.named import NAMED, find_recipe, is_named, recipe_in
from flows.recipes.text import as_toml
from stylecore.errors import RecipeError, nearest
from stylecore.recipe import Recipe

SUFFIX = re.compile(r"-[0-9a-f]{12}")


def keep_recipe(designs: Store, recipe: Recipe) -> None:
    """Keep a recipe in the design catalog, unless it is one of the named ones, which every version has."""
    if not is_named(recipe):
        key = keys.recipe_file(kept_name(recipe))
        designs.write(key, as_toml(recipe, named=True).encode())


def kept_name(recipe: Recipe) -> str:
    """What a recipe is called where it is kept."""
    return keys.kept_recipe(recipe.name, recipe.digest())


def kept_names(designs: Store) -> list[str]:
    """Names of the recipes that a design catalog keeps."""
    return sorted(PurePosixPath(found.key).stem for found in designs.list(keys.RECIPES))


def find_known(name: str, designs: Store) -> Recipe:
    """The recipe called so: a named one, a TOML file, or one that the design catalog keeps.

    A kept one may be called without its digest where there is only one of its name.
    Raises RecipeError or SettingsError as `find_recipe` does.
    """
    if name in NAMED or name.lower().endswith(".toml"):
        return find_recipe(name)
    kept = kept_names(designs)
    meant = [
        one for one in kept if one == name or (one.startswith(name) and SUFFIX.fullmatch(one, len(name)))
    ]
    if len(meant) == 1:
        key = keys.recipe_file(meant[0])
        return recipe_in(_text(designs, key), f"{designs.uri}/{key}", meant[0])
    if meant:
        raise RecipeError(
            f"There are {len(meant)} recipes '{name}' in {designs.uri}: give one of {', '.join(meant)}."
        )
    raise RecipeError(f"There is no recipe '{name}': {nearest(name, [*NAMED, *kept])} Or give a .toml file.")


def _text(designs: Store, key: str) -> str:
    try:
        return designs.read(key).decode()
    except UnicodeDecodeError as error:
        raise RecipeError(f"{designs.uri}/{key} is not UTF-8: {error}. Save it as UTF-8.") from error
