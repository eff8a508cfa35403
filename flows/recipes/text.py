"""A recipe as a person reads and writes it: TOML with a comment a field.

What a field does is said once, in the docstrings of `stylecore.recipe.Recipe`; they are read from its source.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from itertools import pairwise
from typing import cast

from stylecore import recipe as recipe_module
from stylecore.recipe import CHOICES, Recipe
from stylecore.recipe_values import Layers

TURN_FIRST = ("style_scale", "content_weight", "lighting_weight", "color")
"""What most people want of their own recipe: the motifs' size; how much of the garment, its folds, its colours."""
WIDE = 100


def as_toml(recipe: Recipe, *, named: bool = False) -> str:
    """A recipe as TOML; `find_recipe` reads it back, under the name of the file it is in, or its own if `named`."""
    others = [field.name for field in fields(Recipe) if field.name not in ("name", *TURN_FIRST)]
    lines = [
        f'# Recipe {_printable(recipe.name)}. With base = "house", say, above all others, fields may be left out.',
        *([f"name = {json.dumps(recipe.name)}"] if named else []),
        "",
        "# Turn these first.",
        *_fields(recipe, TURN_FIRST),
        "",
        "# The others.",
        *_fields(recipe, others),
    ]
    return "\n".join(lines) + "\n"


@cache
def explanations() -> dict[str, str]:
    """What every field of a recipe does, which way is more, and its safe range, by the field's name."""
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(recipe_module)).body
        if isinstance(node, ast.ClassDef) and node.name == Recipe.__name__
    )
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            name, said = cast(ast.Name, field.target).id, cast(ast.Constant, text.value).value
            found[name] = " ".join(str(said).split())
    return found


def _printable(name: str) -> str:
    """A name without what would end a comment."""
    return "".join(sign for sign in name if sign.isprintable())


def _fields(recipe: Recipe, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield ""
        said, choices = explanations()[name], [str(choice) for choice in CHOICES.get(name, ())]
        named = all(choice in said for choice in choices)
        yield from _comment(said if named else f"{said} One of {', '.join(choices)}.")
        yield f"{name} = {_toml_value(name, getattr(recipe, name))}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDE, initial_indent="# ", subsequent_indent="# ")


def _toml_value(name: str, value: object) -> str:
    if name.endswith("_layers"):
        return "{ " + ", ".join(f"{layer} = {weight}" for layer, weight in cast(Layers, value)) + " }"
    # TOML and JSON agree on strings, numbers, booleans and arrays of them.
    return json.dumps(value)
