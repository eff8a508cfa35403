"""Recipes that people wrote, kept as TOML in the catalog of the designs that were made by them.

Without the kept recipe no command could make a design again, as no command reads the recipe of a design's record.
"""

import re
from pathlib import Path, PurePosixPath

from catalogs import keys
from catalogs.storage.store_contract import Store
from flows.recipes.named import NAMED, find_recipe, is_named, recipe_in
from flows.recipes.text import as_toml
from stylecore.errors import RecipeError, nearest
from stylecore.recipe import Recipe

SUFFIX = re.compile(r"-[0-9a-f]{12}")
"""The digest at the end of a kept recipe's name."""


def keep_recipe(designs: Store, recipe: Recipe) -> None:
    """Keep a recipe in the design catalog, unless it is one of the named ones, which every version has."""
    if not is_named(recipe):
        key = keys.recipe_file(kept_name(recipe))
        designs.write(key, as_toml(recipe, named=True).encode())


def kept_name(recipe: Recipe) -> str:
    """Return the name under which a design catalog keeps a recipe."""
    return keys.kept_recipe(recipe.name, recipe.digest())


def kept_names(designs: Store) -> list[str]:
    """Return the names of the recipes that a design catalog keeps, sorted."""
    return sorted(PurePosixPath(entry.key).stem for entry in designs.list(keys.RECIPES))


def choose_recipe(name: str, designs: Store | None = None) -> Recipe:
    """Return the recipe of this name, also one that the design catalog keeps, where a catalog is given.

    RecipeError where there is no such recipe; where there is a file NAME.toml, the error asks whether that is meant.
    SettingsError where a TOML file cannot be read.
    """
    try:
        return find_known(name, designs) if designs else find_recipe(name)
    except RecipeError as error:
        if not name.endswith(".toml") and Path(f"{name}.toml").is_file():
            raise RecipeError(f"There is no recipe '{name}': did you mean {name}.toml?") from error
        raise


def find_known(name: str, designs: Store) -> Recipe:
    """Return the recipe of this name: a named one, a TOML file, or one that the design catalog keeps.

    A kept recipe may be given without its digest where the catalog keeps only one of its name.
    RecipeError where there is no such recipe, or several; SettingsError where a TOML file cannot be read.
    """
    if name in NAMED or name.lower().endswith(".toml"):
        return find_recipe(name)
    kept = kept_names(designs)
    meant = [
        known
        for known in kept
        if known == name or (known.startswith(name) and SUFFIX.fullmatch(known, len(name)))
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
