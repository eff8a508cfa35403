"""Recipes of people's own are kept with the designs that they made, and found by name."""

from dataclasses import replace
from pathlib import Path

import pytest

from catalogs import keys
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from flows.recipes.kept import find_known, keep_recipe, kept_name, kept_names
from flows.recipes.named import NAMED
from stylecore.errors import RecipeError
from stylecore.recipe import Recipe

LOUD = Recipe(name="loud", content_weight=0.01, encoder_sha256="ab" * 32)


@pytest.fixture(params=["folder", "s3"])
def designs(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty design catalog on a folder and on S3."""
    where = str(tmp_path) if request.param == "folder" else f"s3://{request.getfixturevalue('s3')}/designs"
    return open_store(where)


def test_kept_and_found(designs: Store) -> None:
    """What is kept comes back as the very same recipe under its own name, by its name alone or with the digest."""
    keep_recipe(designs, LOUD)
    assert kept_names(designs) == [kept_name(LOUD)] == [f"loud-{LOUD.digest()[:12]}"]
    for name in ("loud", kept_name(LOUD)):
        found = find_known(name, designs)
        assert found.digest() == LOUD.digest() and found.name == "loud"


@pytest.mark.parametrize("name", NAMED)
def test_named_ones_are_not_kept(designs: Store, name: str) -> None:
    """Every version has the named ones."""
    keep_recipe(designs, NAMED[name]())
    assert not kept_names(designs)
    assert find_known(name, designs) == NAMED[name]()


def test_two_of_one_name(designs: Store) -> None:
    """Where two recipes have borne one name, the name alone is refused with both."""
    other = replace(LOUD, content_weight=0.03)
    for recipe in (LOUD, other, replace(LOUD, name="louder")):
        keep_recipe(designs, recipe)
    with pytest.raises(
        RecipeError, match=r"There are 2 recipes 'loud'.*loud-[0-9a-f]{12}, loud-[0-9a-f]{12}"
    ):
        find_known("loud", designs)
    assert find_known(kept_name(other), designs).content_weight == 0.03


def test_neither_named_nor_kept(designs: Store) -> None:
    """A name that nothing has is refused with the nearest, kept ones among them."""
    keep_recipe(designs, LOUD)
    with pytest.raises(RecipeError, match="There is no recipe 'loudd'.*loud-"):
        find_known("loudd", designs)


@pytest.mark.parametrize("name", ["house", "../x", "Été 1", "a" * 200, "", "-", "c:\\x", ".hidden", "a..b"])
def test_names_that_are_no_keys(designs: Store, name: str) -> None:
    """Whatever a recipe is called, it is kept inside the catalog, and comes back with its name."""
    recipe = replace(LOUD, name=name)
    keep_recipe(designs, recipe)
    (key,) = [one.key for one in designs.list("")]
    assert key == keys.check_key(key) and key.startswith(keys.RECIPES)
    assert find_known(kept_name(recipe), designs) == recipe


def test_not_utf_8(designs: Store) -> None:
    """A kept recipe that is not UTF-8 is named with its place."""
    designs.write("recipes/odd.toml", b"\xff\xfe")
    with pytest.raises(RecipeError, match=r"recipes/odd.toml is not UTF-8.*Save it as UTF-8"):
        find_known("odd", designs)
